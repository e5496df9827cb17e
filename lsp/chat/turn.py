"""One turn of a conversation: the question with what is attached, the model's steps, the answer.

Knows no protocol and no session; `sotto chat` runs the same code.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from msgspec.structs import replace

from inference import (
    ChatMessage,
    ChatPrompt,
    FinishReason,
    Generation,
    GenerationRequest,
    GenerationResult,
    ModelInfo,
    Priority,
    SamplingParams,
)
from lsp.chat.attachments import attach
from lsp.chat.prompt import conversation, expanded, step_messages
from lsp.chat.protocol import (
    Attachment,
    ChatAnswer,
    ChatParams,
    ChatUsage,
    ContextAttached,
    Event,
    ReasoningDelta,
    Step,
    StepBegun,
    StepEnded,
    TextDelta,
)
from lsp.chat.reasoning import ReasoningSplitter
from lsp.chat.tool_calls import Call, CallFinder, Fault
from lsp.chat.tools import Toolbox
from lsp.settings import ChatSettings

_FLUSH_S = 0.03
"""Pieces of text are sent together for so long: an editor draws no more often."""
_MAX_FAULTS = 3
"""In a row; a model that cannot write a call will not learn it."""
_THINKS = {"auto": None, "always": True, "never": False}

Tell = Callable[[Event], None]


class Submits(Protocol):
    """What is needed of an engine."""

    def submit(self, request: GenerationRequest) -> Generation: ...


class NoChatModelError(Exception):
    """The message says which kind of model to choose."""


@dataclass(slots=True)
class _Said:
    """What the model said in one go."""

    text: str = ""
    reasoning: str = ""
    calls: list[Call | Fault] = field(default_factory=list[Call | Fault])
    is_cut_off: bool = False


@dataclass(slots=True)
class Turn:
    """Makes one answer. Cancelling the task that runs it stops the model."""

    engine: Submits
    model: ModelInfo
    settings: ChatSettings
    toolbox: Toolbox
    tell: Tell
    _usage: ChatUsage = field(default_factory=ChatUsage)
    _writing_ms: float = 0.0

    async def answer(self, params: ChatParams) -> ChatAnswer:
        """Raises `NoChatModelError`, `UnknownCommandError` or an `InferenceError`."""
        check_model(self.model)
        question = params.messages[-1]
        attachments = _implied(question.content, question.attachments)
        expanded(question.content)  # an unknown command is refused before anything is read
        attached = await attach(attachments, self.toolbox.workspace, params.diagnostics)
        if attached.titles:
            self.tell(ContextAttached(attached.titles))
        context = attached.text or question.context
        prompt = conversation(params.messages, context=context, uses_tools=params.use_tools)
        steps: list[Step] = []
        said, finish = await self._steps(params, prompt, steps)
        proposals = self.toolbox.proposals
        return ChatAnswer(
            content=said.text,
            reasoning=said.reasoning,
            steps=tuple(steps),
            context=context,
            finish_reason=finish,
            notes=(*attached.notes, *self._notes(finish)),
            edits=proposals.edits(),
            usage=self._usage,
        )

    async def _steps(
        self, params: ChatParams, prompt: list[ChatMessage], steps: list[Step]
    ) -> tuple[_Said, Literal["stop", "length", "step-budget"]]:
        """Lets the model speak and use tools until it has answered."""
        n_faults = 0
        while True:
            is_last = len(steps) >= self.settings.max_steps or n_faults >= _MAX_FAULTS
            said = await self._speak(params, prompt)
            if said.is_cut_off:
                return said, "length"
            if not said.calls:
                return said, "stop"
            if is_last:
                return said, "step-budget"
            n_faults = n_faults + 1 if isinstance(said.calls[0], Fault) else 0
            content, reasoning = said.text, said.reasoning
            for call in said.calls[: self.settings.max_steps - len(steps)]:
                step = await self._step(len(steps) + 1, call)
                step = replace(step, content=content, reasoning=reasoning)
                steps.append(step)
                prompt += step_messages(step)
                content = reasoning = ""

    async def _step(self, number: int, call: Call | Fault) -> Step:
        if isinstance(call, Fault):
            self.tell(StepBegun(number, "", {}))
            self.tell(StepEnded(number, call.reason, failed=True))
            return Step("", "invalid", {}, call.reason, failed=True)
        self.tell(StepBegun(number, call.name, call.arguments))
        result = await self.toolbox.use(call.name, call.arguments)
        self.tell(StepEnded(number, result.summary, result.failed))
        return Step("", call.name, call.arguments, result.text, result.failed)

    async def _speak(self, params: ChatParams, prompt: Sequence[ChatMessage]) -> _Said:
        generation = self.engine.submit(self._request(params, prompt))
        stream = _Stream(self.tell, finds_calls=params.use_tools)
        try:
            async for chunk in generation:
                stream.feed(chunk.text)
            result = await generation.result()
        finally:
            generation.cancel()
        stream.finish()
        self._count(result)
        stream.said.is_cut_off = result.finish_reason is FinishReason.LENGTH
        return stream.said

    def _request(self, params: ChatParams, prompt: Sequence[ChatMessage]) -> GenerationRequest:
        return GenerationRequest(
            prompt=ChatPrompt(
                messages=tuple(prompt),
                tools=self.toolbox.tools if params.use_tools else (),
                thinks=_THINKS[self.settings.thinking],
            ),
            sampling=SamplingParams(
                with_logprobs=False,
                max_tokens=self.settings.max_tokens,
                temperature=self.settings.temperature,
            ),
            priority=Priority.CHAT,
            sequence_hint=f"chat:{params.conversation_id}",
        )

    def _count(self, result: GenerationResult) -> None:
        usage, sums = result.usage, self._usage
        self._writing_ms += max(usage.total_ms - usage.queue_ms - usage.prefill_ms, 0.0)
        n_decoded = sums.n_decoded_tokens + usage.n_decoded_tokens
        seconds = self._writing_ms / 1000
        self._usage = ChatUsage(
            n_prompt_tokens=sums.n_prompt_tokens + usage.n_prompt_tokens,
            n_reused_tokens=sums.n_reused_tokens + usage.n_reused_tokens,
            n_decoded_tokens=n_decoded,
            tokens_per_second=n_decoded / seconds if n_decoded and seconds else None,
            n_dropped_messages=usage.n_dropped_messages,
            total_ms=sums.total_ms + usage.total_ms,
        )

    def _notes(self, finish: str) -> list[str]:
        notes: list[str] = []
        if self._usage.n_dropped_messages:
            notes.append(
                f"The conversation is longer than the model can read: its oldest "
                f"{self._usage.n_dropped_messages} messages were left out."
            )
        if finish == "length":
            notes.append("The answer was cut off: it is as long as `chat.maxTokens` allows.")
        if finish == "step-budget":
            notes.append("The model used up its steps before it answered; ask it to go on.")
        return notes


def check_model(model: ModelInfo) -> None:
    """Raises `NoChatModelError`."""
    if model.supports_chat:
        return
    what = "The built-in model completes code and" if model.is_builtin else f"{model.name}"
    raise NoChatModelError(
        f"{what} cannot hold a conversation. Choose an instruction-tuned model with a chat "
        "template, such as Qwen2.5-Coder-7B-Instruct as GGUF, in the setting `model.path`."
    )


def _implied(content: str, attachments: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    """/commit is about the uncommitted changes."""
    is_commit = content.strip().split(maxsplit=1)[:1] == ["/commit"]
    has_diff = any(attachment.kind == "diff" for attachment in attachments)
    return (*attachments, Attachment(kind="diff")) if is_commit and not has_diff else attachments


class _Stream:
    """Sorts what the model writes into thoughts, text and calls, and tells it as it comes."""

    def __init__(self, tell: Tell, *, finds_calls: bool) -> None:
        self.said = _Said()
        self._tell = tell
        self._splitter = ReasoningSplitter()
        self._finder = CallFinder() if finds_calls else None
        self._waiting: list[Event] = []
        self._told_at = 0.0

    def feed(self, text: str) -> None:
        for piece in self._splitter.feed(text):
            self._take(piece.text, is_reasoning=piece.is_reasoning)
        now = time.monotonic()
        if self._waiting and now - self._told_at >= _FLUSH_S:
            self._told_at = now
            self._flush()

    def finish(self) -> None:
        for piece in self._splitter.finish():
            self._take(piece.text, is_reasoning=piece.is_reasoning)
        if self._finder is not None:
            rest, self.said.calls = self._finder.finish()
            self._show(rest)
        self._flush()
        self.said.text = self.said.text.strip() if self.said.calls else self.said.text

    def _take(self, text: str, *, is_reasoning: bool) -> None:
        if is_reasoning:
            self.said.reasoning += text
            self._waiting.append(ReasoningDelta(text))
        else:
            self._show(text if self._finder is None else self._finder.feed(text))

    def _show(self, text: str) -> None:
        if text:
            self.said.text += text
            self._waiting.append(TextDelta(text))

    def _flush(self) -> None:
        """Neighbours of one kind become one."""
        waiting, self._waiting = self._waiting, []
        joined: list[TextDelta | ReasoningDelta] = []
        for event in waiting:
            assert isinstance(event, (TextDelta, ReasoningDelta))
            if joined and type(joined[-1]) is type(event):
                joined[-1] = type(event)(joined[-1].text + event.text)
            else:
                joined.append(event)
        for event in joined:
            self._tell(event)
