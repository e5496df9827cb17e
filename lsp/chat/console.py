"""`sotto chat`: the conversation in a terminal, with the model in this process and no editor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, Coroutine

from rich.console import Console

from inference import Engine, EngineConfig, InferenceError, ModelInfo
from lsp import terminal
from lsp.chat.history import History, as_markdown
from lsp.chat.prompt import COMMANDS, UnknownCommandError, expanded
from lsp.chat.protocol import Attachment
from lsp.chat.rendering import harmless
from lsp.chat.talk import ConsoleOptions, Talk, said
from lsp.chat.turn import NoChatModelError, check_model
from lsp.project.workspace import fenced
from lsp.suggest import encodable

_MAX_STDIN_BYTES = 200_000
HELP = """\
Enter sends; Alt-Enter (or Esc, then Enter) begins a new line.
Ctrl-C stops an answer; Ctrl-D or /quit ends.

/add FILE      attach a file to the next question     /tools   let the model look around, or not
/apply         see the edits of the last reply, and accept them one by one
/new           begin a new conversation               /list    those that are kept
/open ID       go on with one of them                 /export  this one as Markdown
/delete ID     delete one                             /help    this
"""


def chat(options: ConsoleOptions) -> int:
    """Answers one question, from the arguments or a pipe, or talks; returns the exit status."""
    is_interactive = not options.question and _is_typed()
    try:
        return asyncio.run(_talk(options) if is_interactive else _answer_once(options))
    except (NoChatModelError, UnknownCommandError, InferenceError) as error:
        terminal.write_error(str(error))
        return 1


def _is_typed() -> bool:
    # A program may be started without a standard input.
    return sys.stdin is not None and sys.stdin.isatty()  # pyright: ignore[reportUnnecessaryComparison]


def _piped() -> str:
    """What comes through a pipe, of whatever encoding; as much as a question may hold."""
    if sys.stdin is None or sys.stdin.isatty():  # pyright: ignore[reportUnnecessaryComparison]
        return ""
    data = sys.stdin.buffer.read(_MAX_STDIN_BYTES + 1)
    if len(data) > _MAX_STDIN_BYTES:
        terminal.write_note(f"Only the first {_MAX_STDIN_BYTES:,} bytes of the pipe are read.")
    return data[:_MAX_STDIN_BYTES].decode("utf-8", "replace")


async def _answer_once(options: ConsoleOptions) -> int:
    question, piped = encodable(options.question), _piped()
    if piped.strip():
        # A command is spelt out: it is about this text, and /commit adds no changes of its own.
        question = f"{expanded(question)}\n\n{fenced(piped)}" if question.strip() else piped
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
            if line.strip() in ("/quit", "/exit"):
                break
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
            _add(talk, encodable(rest))
        case "apply":
            await talk.apply()
        case "new":
            talk.id, talk.messages = "", []
        case "list" | "open" | "export" | "delete":
            with said():
                _kept(talk, command, rest)
        case _:
            await _stoppable(talk.question(line))


def _add(talk: Talk, file: str) -> None:
    # `Path.is_file` fails at a name that is too long.
    if not os.path.isfile(talk.options.folder / file):  # noqa: PTH113
        terminal.write_note(harmless(f"There is no file {file!r} in {talk.options.folder}."))
        return
    talk.attachments.append(Attachment(kind="file", uri=file))
    terminal.write_note(harmless(f"{file} goes with the next question."))


def _kept(talk: Talk, command: str, conversation: str) -> None:
    """What concerns conversations that are kept. Raises `HistoryError`."""
    history = History(str(talk.options.folder))
    if command == "list":
        for kept in history.conversations():
            terminal.write(harmless(f"{kept.conversation_id}  {kept.updated[:16]}  {kept.title}"))
        return
    if command == "delete":
        # Without a name it would be all of them.
        n_turns = history.delete(conversation) if conversation else 0
        terminal.write_note(f"{n_turns} turns were deleted")
        if conversation == talk.id:
            talk.id, talk.messages = "", []
        return
    conversation = conversation or talk.id
    turns = history.turns(conversation)
    if not turns:
        terminal.write_note("There is no such conversation; /list shows which there are.")
    elif command == "export":
        terminal.write(harmless(as_markdown(turns)))
    else:
        finished = [(turn.question, turn.answer) for turn in turns if turn.answer is not None]
        talk.id = conversation
        talk.messages = [message for pair in finished for message in pair]
        terminal.write_note(f"{len(finished)} turns; the last question was:")
        terminal.write_note(harmless(turns[-1].question.content).replace("\n", "\n# "))


async def _stoppable(work: Coroutine[object, object, object]) -> None:
    """Ctrl-C ends the work and nothing else; one that comes too late does nothing."""
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
            loop.add_signal_handler(signal.SIGINT, lambda: None)


@contextlib.asynccontextmanager
async def _ready(options: ConsoleOptions) -> AsyncGenerator[tuple[Engine, ModelInfo]]:
    async with Engine(EngineConfig(model_path=options.model_path)) as engine:
        model = await engine.wait_ready()
        check_model(model)
        yield engine, model
