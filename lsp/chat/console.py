"""`sotto chat`: the conversation in a terminal, with the model in this process and no editor."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from rich.console import Console
from rich.text import Text

from inference import Engine, EngineConfig, InferenceError, ModelInfo
from lsp import terminal
from lsp.chat.accepting import ChangedMeanwhileError, accept
from lsp.chat.history import History, HistoryError, Outcome, as_markdown
from lsp.chat.prompt import COMMANDS, UnknownCommandError
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
from lsp.chat.turn import NoChatModelError, Turn, check_model
from lsp.project.workspace import UnreadableError, Workspace
from lsp.settings import ChatSettings

_MAX_STDIN_CHARS = 200_000
HELP = """\
Enter sends; Alt-Enter (or Esc, then Enter) begins a new line. Ctrl-C stops an answer, Ctrl-D ends.

/add FILE      attach a file to the next question     /tools   let the model look around, or not
/apply         see the edits of the last reply, and accept them one by one
/new           begin a new conversation               /list    those that are kept
/open ID       go on with one of them                 /export  this one as Markdown
/delete ID     delete one                             /help    this
"""

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
        attached, self.attachments = tuple(self.attachments), []
        asked = Message("user", content, attachments=attached)
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
            terminal.write_error(str(error))
            self._end(number, asked, None, "failed")
            return None
        except asyncio.CancelledError:
            partial = Message("assistant", shown.text) if shown.text else None
            self._end(number, asked, partial, "stopped")
            raise
        finally:
            printer.finish()
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
        for edit in self.proposals.edits():
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
            with _said():
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
        self._console.print(Text(harmless(text), style="dim"))


def chat(options: ConsoleOptions) -> int:
    """Answers one question, from the arguments or a pipe, or talks; returns the exit status."""
    is_interactive = not options.question and sys.stdin.isatty()
    try:
        return asyncio.run(_talk(options) if is_interactive else _answer_once(options))
    except (NoChatModelError, InferenceError) as error:
        terminal.write_error(str(error))
        return 1


async def _answer_once(options: ConsoleOptions) -> int:
    piped = "" if sys.stdin.isatty() else sys.stdin.read(_MAX_STDIN_CHARS)
    question = f"{piped}\n\n{options.question}" if piped.strip() else options.question
    if not question.strip():
        terminal.write_error("Ask something: `sotto chat QUESTION`, or through a pipe.")
        return 2

    async def nobody(_question: str) -> str:
        return ""

    async with _ready(options) as (engine, model):
        talk = Talk(engine, model, options, Console(), nobody, use_tools=options.use_tools)
        return 0 if await talk.question(question) is not None else 1


async def _talk(options: ConsoleOptions) -> int:
    from lsp.chat.keyboard import Keyboard

    keyboard = Keyboard(keep=options.keep)
    async with _ready(options) as (engine, model):
        talk = Talk(engine, model, options, Console(), keyboard.answer, use_tools=options.use_tools)
        terminal.write_note(f"{model.name}, in {options.folder}. /help says what there is.")
        while (line := await keyboard.question()) is not None:
            if line.strip():
                await _take(talk, line)
    return 0


async def _take(talk: Talk, line: str) -> None:
    """A command of ours, or a question."""
    word, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    command = word.removeprefix("/") if word.startswith("/") else ""
    match command:
        case "help":
            listed = ", ".join(f"/{name}" for name in COMMANDS)
            terminal.write_note(
                f"{HELP}\n{listed}: ask about what is attached".replace("\n", "\n# ")
            )
        case "tools":
            talk.use_tools = not talk.use_tools
            terminal.write_note(f"tools are {'on' if talk.use_tools else 'off'}")
        case "add":
            talk.attachments.append(Attachment(kind="file", uri=rest))
        case "apply":
            await talk.apply()
        case "new":
            talk.id, talk.messages = "", []
        case "list" | "open" | "export" | "delete":
            with _said():
                _kept(talk, command, rest)
        case _:
            await _stoppable(talk.question(line))


def _kept(talk: Talk, command: str, conversation: str) -> None:
    """What concerns conversations that are kept. Raises `HistoryError`."""
    history = History(str(talk.options.folder))
    if command == "list":
        for kept in history.conversations():
            terminal.write(harmless(f"{kept.conversation_id}  {kept.updated[:16]}  {kept.title}"))
        return
    if command == "delete":
        n_turns = history.delete(conversation) if conversation else 0
        terminal.write_note(f"{n_turns} turns were deleted")
        return
    turns = history.turns(conversation or talk.id)
    if not turns:
        terminal.write_note("There is no such conversation; /list shows which there are.")
    elif command == "export":
        terminal.write(harmless(as_markdown(turns)))
    else:
        finished = [(turn.question, turn.answer) for turn in turns if turn.answer is not None]
        talk.id = conversation
        talk.messages = [message for pair in finished for message in pair]
        terminal.write_note(f"{len(finished)} turns; the last question was:")
        terminal.write_note(harmless(turns[-1].question.content))


async def _stoppable(work: Coroutine[object, object, object]) -> None:
    """Ctrl-C ends the work and nothing else."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # Windows: there it ends the program
        loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        terminal.write_note("stopped")
    finally:
        with contextlib.suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)


@contextlib.asynccontextmanager
async def _ready(options: ConsoleOptions) -> AsyncGenerator[tuple[Engine, ModelInfo]]:
    async with Engine(EngineConfig(model_path=options.model_path)) as engine:
        model = await engine.wait_ready()
        check_model(model)
        yield engine, model


@contextlib.contextmanager
def _said() -> Generator[None]:
    """What goes wrong with what is kept is said, and the conversation goes on."""
    try:
        yield
    except HistoryError as error:
        terminal.write_error(str(error))
