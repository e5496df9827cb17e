"""`sotto chat` without a terminal: what is printed, what is kept, what is written or not."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from inference import ChatPrompt, EngineConfig, FinishReason, GenerationRequest
from lsp.chat import console as chat_console
from lsp.chat import history, keyboard
from lsp.chat.accepting import ChangedMeanwhileError, accept
from lsp.chat.history import History
from lsp.chat.rendering import BlockPrinter, complete_blocks, harmless
from lsp.chat.talk import ConsoleOptions, Talk
from lsp.project.workspace import Workspace
from tests.support.scripted_engine import EngineMaker

FIX = "a.py\n```python\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n```\n"


class Spoken:
    """A conversation whose model says what the test wants, and what came of it."""

    def __init__(self, folder: Path, output: io.StringIO) -> None:
        self.folder = folder
        self.output = output
        self.replies: list[str] = []
        self.choices: list[str] = []
        """What the person types when asked, one after the other; then nothing."""
        self.asked: list[str] = []
        self.talk: Talk
        self.maker = EngineMaker(answer=self.reply)
        self.maker.supports_chat = True

    def reply(self, _request: GenerationRequest) -> str:
        return self.replies.pop(0) if self.replies else "done"

    async def ask(self, question: str) -> str:
        self.asked.append(question)
        return self.choices.pop(0) if self.choices else ""

    async def take(self, line: str) -> None:
        await chat_console._take(self.talk, line)  # pyright: ignore[reportPrivateUsage]


@pytest.fixture
async def spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Spoken]:
    monkeypatch.setattr(history, "default_file", lambda: tmp_path / "data" / "conversations.db")
    folder = (tmp_path / "project").resolve()
    folder.mkdir()
    output = io.StringIO()
    spoken = Spoken(folder, output)
    engine = spoken.maker(EngineConfig())
    engine.start()
    spoken.talk = Talk(
        engine,
        await engine.wait_ready(),
        ConsoleOptions(
            model_path=None, folder=folder, allowed_commands=("python3 -c 'print(6*7)'",)
        ),
        Console(file=output, width=80, force_terminal=True, color_system=None),
        spoken.ask,
    )
    yield spoken
    await engine.close()


async def test_an_answer_is_printed_and_kept(spoken: Spoken) -> None:
    spoken.replies = ["<think>hm</think>It is **two**.\n\n```python\nx = 1\n```\n", "Yes."]
    await spoken.take("1 + 1?")
    await spoken.take("Really?")
    printed = spoken.output.getvalue()
    assert "It is two." in printed
    assert "x = 1" in printed
    assert "hm" not in printed
    turns = History(str(spoken.folder)).turns(spoken.talk.id)
    assert [turn.question.content for turn in turns] == ["1 + 1?", "Really?"]
    assert all(turn.outcome == "finished" for turn in turns)
    assert len(spoken.talk.messages) == 4


async def test_edits_are_written_only_when_accepted(spoken: Spoken) -> None:
    path = spoken.folder / "a.py"
    path.write_bytes(b"x = 1\r\ny = 1\r\n")
    path.chmod(0o750)
    spoken.replies = [FIX]
    await spoken.take("fix it")
    for choice in ("", "n", "yes please"):
        spoken.choices = [choice]
        await spoken.take("/apply")
        assert path.read_bytes() == b"x = 1\r\ny = 1\r\n"
    assert spoken.asked == ["Write a.py? [y/N] "] * 3
    assert "+x = 2" in spoken.output.getvalue()
    spoken.choices = ["y"]
    await spoken.take("/apply")
    assert path.read_bytes() == b"x = 2\r\ny = 1\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    assert sorted(p.name for p in spoken.folder.iterdir()) == ["a.py"]


async def test_tools_and_commands_ask(spoken: Spoken, capfd: pytest.CaptureFixture[str]) -> None:
    (spoken.folder / "a.py").write_text("x = 1\n")
    command = json.dumps(
        {"name": "run_command", "arguments": {"command": "python3 -c 'print(6*7)'"}}
    )
    edit = json.dumps(
        {"name": "propose_edit", "arguments": {"path": "a.py", "old_text": "1", "new_text": "3"}}
    )
    spoken.replies = [
        f"<tool_call>{command}</tool_call>",
        f"<tool_call>{edit}</tool_call>",
        "Done.",
    ]
    spoken.choices = ["n", "y"]
    await spoken.take("/tools")
    await spoken.take("do it")
    assert "The model wants to run `python3 -c 'print(6*7)'`" in spoken.asked[0]
    assert "refused: The user refused." in spoken.output.getvalue()
    await spoken.take("/apply")
    assert (spoken.folder / "a.py").read_text() == "x = 3\n"
    assert "tools are on" in capfd.readouterr().err


async def test_conversations_are_listed_opened_exported_and_deleted(
    spoken: Spoken, capfd: pytest.CaptureFixture[str]
) -> None:
    spoken.replies = ["one"]
    await spoken.take("first")
    former = spoken.talk.id
    await spoken.take("/new")
    assert spoken.talk.messages == []
    await spoken.take("/list")
    assert f"{former}  " in capfd.readouterr().out
    await spoken.take(f"/open {former}")
    assert [message.content for message in spoken.talk.messages] == ["first", "one"]
    await spoken.take("/export")
    assert "## You\n\nfirst\n\n## Sotto\n\none" in capfd.readouterr().out
    await spoken.take(f"/delete {former}")
    assert History(str(spoken.folder)).conversations() == []
    await spoken.take("/open nothing")
    await spoken.take("/frobnicate")
    assert "there are /explain" in capfd.readouterr().err


async def test_an_attached_file_goes_with_the_next_question(spoken: Spoken) -> None:
    (spoken.folder / "a.py").write_text("x = 1\n")
    await spoken.take("/add a.py")
    await spoken.take("/explain")
    assert "attached: a.py" in spoken.output.getvalue()
    assert "a.py:\n```python\nx = 1\n```" in spoken.talk.messages[0].context
    await spoken.take("and now?")
    assert spoken.talk.messages[2].context == ""


async def test_an_answer_can_be_stopped(spoken: Spoken) -> None:
    spoken.maker.engine.answer = None
    task = asyncio.ensure_future(spoken.talk.question("Q"))
    await spoken.maker.submitted(1)
    spoken.maker.generation.send("Half of it")
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert spoken.maker.generation.is_cancelled
    (turn,) = History(str(spoken.folder)).turns(spoken.talk.id)
    assert turn.outcome == "stopped"
    assert turn.answer is not None
    assert turn.answer.content == "Half of it"
    assert "Half of it" in spoken.output.getvalue()


async def test_after_a_stop_the_conversation_goes_on_from_what_came(spoken: Spoken) -> None:
    spoken.maker.engine.answer = None
    task = asyncio.ensure_future(spoken.talk.question("Q"))
    await spoken.maker.submitted(1)
    spoken.maker.generation.send("Half of it")
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    spoken.maker.engine.answer = spoken.reply
    await spoken.take("Go on.")
    prompt = spoken.maker.generation.request.prompt
    assert isinstance(prompt, ChatPrompt)
    assert [m.content for m in prompt.messages[1:]] == ["Q", "Half of it", "Go on."]
    turns = History(str(spoken.folder)).turns(spoken.talk.id)
    assert [turn.outcome for turn in turns] == ["stopped", "finished"]


async def test_what_was_attached_waits_until_a_question_is_answered(
    spoken: Spoken, capfd: pytest.CaptureFixture[str]
) -> None:
    (spoken.folder / "a.py").write_text("x = 1\n")
    await spoken.take("/add b.py")
    assert "There is no file 'b.py'" in capfd.readouterr().err
    await spoken.take("/add a.py")
    assert "a.py goes with the next question" in capfd.readouterr().err
    await spoken.take("/exlpain")
    said = capfd.readouterr().err
    assert "There is no command /exlpain" in said
    assert "/help says what else" in said
    await spoken.take("/explain")
    assert "x = 1" in spoken.talk.messages[0].context


async def test_commands_without_a_conversations_name(
    spoken: Spoken, capfd: pytest.CaptureFixture[str]
) -> None:
    await spoken.take("first")
    former = spoken.talk.id
    await spoken.take("/delete")
    await spoken.take("/open")
    assert (spoken.talk.id, len(spoken.talk.messages)) == (former, 2)
    assert len(History(str(spoken.folder)).turns(former)) == 1
    await spoken.take("/apply")
    assert "There are no edits in the last reply." in capfd.readouterr().err
    # What is deleted while one talks does not come back with the next question.
    await spoken.take(f"/delete {former}")
    await spoken.take("second")
    (kept,) = History(str(spoken.folder)).conversations()
    assert (kept.title, kept.n_turns) == ("second", 1)


async def test_text_of_no_encoding_is_asked_all_the_same(spoken: Spoken) -> None:
    await spoken.take("caf\udce9?")
    assert spoken.talk.messages[0].content == "caf??"


async def test_into_a_pipe_goes_the_answer_as_it_is_and_nothing_else(
    spoken: Spoken, capfd: pytest.CaptureFixture[str]
) -> None:
    (spoken.folder / "a.py").write_text("x = 1\n")
    spoken.talk.console = Console(file=spoken.output, width=80)
    line = "word " * 30
    spoken.replies = [f"**{line}**\n\n```python\n{line}\n\n\nx = 1\x1b[2J\n```"]
    await spoken.take("/add a.py")
    await spoken.take("/explain")
    shown = f"**{line}**\n\n```python\n{line}\n\n\nx = 1\\u001b[2J\n```\n"
    assert spoken.output.getvalue() == shown
    assert "# attached: a.py" in capfd.readouterr().err


async def test_ctrl_c_stops_what_runs_and_nothing_else(
    spoken: Spoken, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyboard, "default_file", lambda: spoken.folder / "questions")
    command = {"name": "run_command", "arguments": {"command": "python3 -c 'print(6*7)'"}}

    def reply(request: GenerationRequest) -> tuple[str, FinishReason | None]:
        return (spoken.reply(request), FinishReason.STOP) if spoken.replies else ("Half", None)

    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        spoken.talk.ask = keyboard.Keyboard(keep=False).answer
        spoken.replies = [f"<tool_call>{json.dumps(command)}</tool_call>"]
        await spoken.take("/tools")
        spoken.maker.engine.answer = reply
        pipe.send_text("n\r")
        taken = asyncio.ensure_future(spoken.take("do it"))
        await spoken.maker.submitted(2)  # the question of the keyboard was answered
        os.kill(os.getpid(), signal.SIGINT)
        await taken
        assert "# stopped" in capfd.readouterr().err
        os.kill(os.getpid(), signal.SIGINT)  # pressed twice
        await asyncio.sleep(0)


# Writing


def test_a_file_that_changed_meanwhile_is_not_written(tmp_path: Path) -> None:
    path = tmp_path.resolve() / "a.py"
    path.write_text("changed\n")
    workspace = Workspace((tmp_path.resolve(),), proposed={path: "new\n"})
    for former in ("old\n", None):
        with pytest.raises(ChangedMeanwhileError):
            accept(workspace, path, former)
    assert path.read_text() == "changed\n"
    path.unlink()
    with pytest.raises(ChangedMeanwhileError):
        accept(workspace, path, "old\n")
    accept(workspace, path, None)
    assert path.read_text() == "new\n"


# The terminal


def test_a_reply_cannot_steer_the_terminal() -> None:
    output = io.StringIO()
    printer = BlockPrinter(Console(file=output, width=200, force_terminal=True))
    printer.feed("a \x1b]0;evil\x07 b \x1b[2J \x9b1A \u202egnp.exe [red]x[/red]\r\n")
    printer.finish()
    printed = output.getvalue()
    for hostile in ("\x1b]0", "\x07", "\x1b[2J", "\x9b", "\u202e"):
        assert hostile not in printed
    assert "[red]x[/red]" in printed
    assert harmless("ü\t日本 😀\n") == "ü\t日本 😀\n"


@given(st.lists(st.sampled_from(["a", "\n", "\n\n", "```\n", "~~~", "`x`", "- b\n", "````py\n"])))
def test_blocks_are_cut_where_markdown_ends_them(parts: list[str]) -> None:
    text = "".join(parts)
    done, rest = complete_blocks(text)
    assert done + rest == text
    held, printed = "", ""
    for char in text:
        ready, held = complete_blocks(held + char)
        printed += ready
    assert printed + held == text
    assert complete_blocks("```\na\n\nb\n") == ("", "```\na\n\nb\n")


async def test_enter_sends_and_alt_enter_begins_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "data" / "questions"
    monkeypatch.setattr(keyboard, "default_file", lambda: file)
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        typed = keyboard.Keyboard(keep=True)
        pipe.send_text("one\x1b\rtwo\r")
        assert await typed.question() == "one\ntwo"
        pipe.send_text("\x1b[A\x1b[A\r")
        assert await typed.question() == "one\ntwo"
        pipe.send_text("\x03")
        assert await typed.question() == ""
        pipe.send_text("\x04")
        assert await typed.question() is None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
