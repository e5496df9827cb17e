"""One conversation of `sotto chat`: what is asked, printed, kept and written."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from rich.console import Console
from rich.text import Text

from inference import Engine, InferenceError, ModelInfo
from lsp import terminal
from lsp.chat.accepting import ChangedMeanwhileError, accept
from lsp.chat.history import History, HistoryError, Outcome
from lsp.chat.prompt import UnknownCommandError
from lsp.chat.proposals import Proposals
from lsp.chat.protocol import (
    Attachment,
    ChatAnswer,
    ChatParams,
    ContextAttached,
    Event,
    Message,
    ReasoningDelta,
    StepBegun,
    StepEnded,
    TextDelta,
)
from lsp.chat.rendering import BlockPrinter, diff, harmless
from lsp.chat.tools import Toolbox
from lsp.chat.turn import NoChatModelError, Turn
from lsp.project.workspace import UnreadableError, Workspace
from lsp.settings import ChatSettings
from lsp.suggest import encodable

Ask = Callable[[str], Coroutine[object, object, str]]


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """What the command line says."""

    model_path: Path | None
    folder: Path
    """Resolved."""
    question: str = ""
    use_tools: bool = False
    allowed_commands: tuple[str, ...] = ()
    keep: bool = True


@dataclass(slots=True)
class Talk:
    """One conversation, and what the next question is asked with."""

    engine: Engine
    model: ModelInfo
    options: ConsoleOptions
    console: Console
    ask: Ask
    """Asks the person a question; returns what was typed."""
    use_tools: bool = False
    id: str = ""
    messages: list[Message] = field(default_factory=list[Message])
    attachments: list[Attachment] = field(default_factory=list[Attachment])
    proposals: Proposals | None = None
    """Of the last answer."""

    async def question(self, content: str) -> ChatAnswer | None:
        """Asks the model; prints the answer as it comes. None if there is none."""
        content = encodable(content)
        asked = Message("user", content, attachments=tuple(self.attachments))
        number = sum(message.role == "user" for message in self.messages)
        self.id = self.id or uuid4().hex[:8]
        self._keep(lambda history: history.begin(self.id, number, asked))
        self.proposals = Proposals(Workspace((self.options.folder,)))
        toolbox = Toolbox(
            self.proposals.workspace,
            self.proposals,
            allowed_commands=self.options.allowed_commands,
            confirm=self._agrees,
        )
        printer = BlockPrinter(self.console)
        shown = _Shown(self.console, printer)
        settings = ChatSettings(allowed_commands=self.options.allowed_commands)
        turn = Turn(self.engine, self.model, settings, toolbox, shown.show)
        params = ChatParams((*self.messages, asked), use_tools=self.use_tools)
        try:
            answer = await turn.answer(params)
        except (NoChatModelError, UnknownCommandError, InferenceError) as error:
            hint = " /help says what else." if isinstance(error, UnknownCommandError) else ""
            terminal.write_error(f"{error}{hint}")
            self._end(number, asked, None, "failed")
            return None
        except asyncio.CancelledError:
            partial = Message("assistant", shown.text) if shown.text else None
            if partial is not None:
                # What was read is part of the conversation, whatever ended it.
                self.messages += [asked, partial]
                self.attachments = []
            self._end(number, asked, partial, "stopped")
            raise
        finally:
            printer.finish()
        self.attachments = []
        replied = Message("assistant", answer.content, steps=answer.steps)
        self.messages += [Message("user", content, context=answer.context), replied]
        self._end(number, self.messages[-2], replied, "finished")
        self._say_costs(answer)
        return answer

    async def apply(self) -> None:
        """Shows each edit of the last reply and writes those that are accepted."""
        if self.proposals is None or not self.messages:
            terminal.write_note("There is no reply yet.")
            return
        self.proposals.apply_reply(self.messages[-1].content)
        workspace = self.proposals.workspace
        edits = self.proposals.edits()
        if not edits:
            terminal.write_note("There are no edits in the last reply.")
        for edit in edits:
            if edit.refusal is not None:
                terminal.write_note(f"{edit.path}: {edit.refusal}")
                continue
            path = workspace.resolve(edit.path)
            try:
                former = workspace.original(path) if path.exists() else None
                diff(self.console, edit.diff)
                if (await self.ask(f"Write {edit.path}? [y/N] ")).strip().lower() != "y":
                    continue
                accept(workspace, path, former)
                terminal.write_note(f"{edit.path} was written.")
            except (UnreadableError, ChangedMeanwhileError, OSError) as error:
                terminal.write_error(str(error))
        self.proposals = Proposals(Workspace((self.options.folder,)))

    async def _agrees(self, command: str) -> bool:
        answer = await self.ask(f"The model wants to run `{harmless(command)}`. Run it? [y/N] ")
        return answer.strip().lower() == "y"

    def _end(self, number: int, asked: Message, answer: Message | None, outcome: Outcome) -> None:
        self._keep(
            lambda history: history.end(
                self.id, number, question=asked, answer=answer, outcome=outcome
            )
        )

    def _keep(self, work: Callable[[History], None]) -> None:
        if self.options.keep:
            with said():
                work(History(str(self.options.folder)))

    def _say_costs(self, answer: ChatAnswer) -> None:
        usage = answer.usage
        speed = f", {usage.tokens_per_second:.0f} tokens/s" if usage.tokens_per_second else ""
        terminal.write_note(
            f"{usage.n_prompt_tokens} tokens read ({usage.n_reused_tokens} from the cache), "
            f"{usage.n_decoded_tokens} written{speed}"
        )
        for note in answer.notes:
            terminal.write_note(note)
        if answer.edits or "<<<<<<<" in answer.content:
            terminal.write_note("There are edits in this reply: /apply shows them.")


class _Shown:
    """Events of an answer on the terminal."""

    def __init__(self, console: Console, printer: BlockPrinter) -> None:
        self._console = console
        self._printer = printer
        self._is_thinking = False
        self.text = ""

    def show(self, event: Event) -> None:
        match event:
            case TextDelta(text):
                self.text += text
                self._printer.feed(text)
            case ReasoningDelta():
                if not self._is_thinking:
                    self._aside("thinking …")
                self._is_thinking = True
                return
            case ContextAttached(titles):
                self._aside(f"attached: {', '.join(titles)}")
            case StepBegun(number, tool, arguments):
                self._printer.finish()
                self.text = ""
                listed = ", ".join(f"{key}={str(value)[:60]!r}" for key, value in arguments.items())
                self._aside(f"{number}. {tool}({listed})")
            case StepEnded(_, summary, failed):
                self._aside(f"   {'refused: ' if failed else ''}{summary}")
        self._is_thinking = False

    def _aside(self, text: str) -> None:
        if self._console.is_terminal:
            self._console.print(Text(harmless(text), style="dim"))
        else:
            terminal.write_note(harmless(text))


@contextlib.contextmanager
def said() -> Generator[None]:
    """What goes wrong with what is kept is said, and the conversation goes on."""
    try:
        yield
    except HistoryError as error:
        terminal.write_error(str(error))
