"""One turn of a conversation in a session: with its model, its project and what it keeps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from inference import InferenceError
from lsp.chat.history import History, HistoryError, Outcome
from lsp.chat.prompt import UnknownCommandError
from lsp.chat.protocol import (
    ChatAnswer,
    ChatParams,
    Event,
    Message,
    ReasoningDelta,
    StepBegun,
    TextDelta,
)
from lsp.chat.tools import Toolbox
from lsp.chat.turn import NoChatModelError, Turn
from lsp.errors import InvalidParamsError, RequestFailedError
from lsp.open_files import proposals, workspace_key
from lsp.session import Session
from lsp.settings import ChatSettings

logger = logging.getLogger(__name__)

_WAKE_TIMEOUT_S = 120.0
"""How long a question waits for a model that was unloaded for being idle."""


async def answer(session: Session, params: ChatParams, tell: Callable[[Event], None]) -> ChatAnswer:
    """Raises InvalidParamsError, or RequestFailedError with a sentence for the person."""
    # Before the first await: what the user types meanwhile is not part of the question.
    settings = session.settings.chat
    proposed = proposals(session)
    if not params.messages or params.messages[-1].role != "user":
        raise InvalidParamsError("The last message must be the user's.")
    if not settings.enabled:
        raise RequestFailedError("Chat is turned off by the setting `chat.enabled`.")

    async def confirm(command: str) -> bool:
        return await session.client.agrees(
            f"Sotto: the model wants to run `{command}` in {proposed.workspace.folders[0]}.",
            yes="Run",
            no="Refuse",
        )

    toolbox = Toolbox(
        proposed.workspace,
        proposed,
        diagnostics=params.diagnostics,
        allowed_commands=settings.allowed_commands,
        confirm=confirm,
    )
    record = _Record(session, params, settings)

    def hear(event: Event) -> None:
        record.hear(event)
        tell(event)

    async with session.engine.use(wait_s=_WAKE_TIMEOUT_S) as ready:
        if ready is None:
            raise RequestFailedError(_not_ready(session))
        engine, model = ready
        turn = Turn(engine, model, settings, toolbox, hear)
        await record.begin()
        try:
            answered = await turn.answer(params)
        except (NoChatModelError, UnknownCommandError, InferenceError) as error:
            await record.end("failed")
            raise RequestFailedError(str(error)) from error
        except BaseException:
            await record.end("stopped")
            raise
        await record.finish(answered)
    return answered


def _not_ready(session: Session) -> str:
    state = session.engine.status.state.value
    message = session.engine.message
    if state in ("loading", "stopped"):
        return "The model is still being loaded; ask again in a moment."
    return message or f"No model can answer: it is {state}."


class _Record:
    """What is kept of this turn. Whatever goes wrong here is said in the log and to nobody else:
    the answer matters more."""

    def __init__(self, session: Session, params: ChatParams, settings: ChatSettings) -> None:
        is_kept = settings.keep_conversations and bool(params.conversation_id)
        self._history = History(workspace_key(session)) if is_kept else None
        self._client = session.client
        self._conversation = params.conversation_id
        self._question = params.messages[-1]
        self._number = sum(message.role == "user" for message in params.messages) - 1
        self._text = ""
        self._reasoning = ""

    def hear(self, event: Event) -> None:
        match event:
            case TextDelta(text):
                self._text += text
            case ReasoningDelta(text):
                self._reasoning += text
            case StepBegun():
                self._text = self._reasoning = ""
            case _:
                pass

    async def begin(self) -> None:
        if (history := self._history) is not None:
            await self._do(lambda: history.begin(self._conversation, self._number, self._question))

    async def finish(self, answer: ChatAnswer) -> None:
        self._question = Message("user", self._question.content, context=answer.context)
        self._reasoning = answer.reasoning
        await self._end(Message("assistant", answer.content, steps=answer.steps), "finished")

    async def end(self, outcome: Outcome) -> None:
        """Of a turn that was not finished: what there was of its answer."""
        await self._end(Message("assistant", self._text) if self._text else None, outcome)

    async def _end(self, answer: Message | None, outcome: Outcome) -> None:
        history = self._history
        if history is None:
            return

        def end() -> None:
            history.end(
                self._conversation,
                self._number,
                question=self._question,
                answer=answer,
                reasoning=self._reasoning,
                outcome=outcome,
            )

        await self._do(end)

    async def _do(self, work: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(work)
        except HistoryError as error:
            self._client.log_warning(f"Sotto: {error}")
