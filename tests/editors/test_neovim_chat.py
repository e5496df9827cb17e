"""The chat in Neovim: asked, streamed, stopped, scrolled; scripted answers and a real model."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.editors.conftest import StartNeovim
from tests.support.nvim import Neovim
from tests.support.nvim_chat import (
    QUESTION,
    TRANSCRIPT,
    go_to_code,
    go_to_transcript,
    say,
    serve_model,
    serve_script,
    transcript,
    until_answered,
    until_said,
    window,
)
from tests.support.tiny_chat import write_chat_model

pytestmark = pytest.mark.editor

ADD = "def add(a, b):\n    return a - b\n"

FOLDED = """
return vim.api.nvim_win_call(..., function()
  local folded = {}
  for line = 1, vim.fn.line('$') do folded[line] = vim.fn.foldclosed(line) > 0 end
  return folded
end)
"""
VIEW = """
return vim.api.nvim_win_call(..., function()
  return { vim.fn.line('w0'), vim.fn.line('.') }
end)
"""


@pytest.fixture
def chatting(start_neovim: StartNeovim, tmp_path: Path) -> Callable[..., Neovim]:
    """Starts a Neovim on a project's `a.py`, whose server's model gives the answers in turn."""

    def start(*answers: str, setup: dict[str, object] | None = None) -> Neovim:
        neovim = start_neovim(setup=setup)
        serve_script(neovim, tmp_path, answers)
        project = tmp_path / "project"
        (project / ".git").mkdir(parents=True)
        (project / "a.py").write_text(ADD)
        neovim.lua("vim.cmd.cd(...)", str(project))
        neovim.edit(project / "a.py")
        return neovim

    return start


def test_a_question_is_answered_in_a_split(chatting: Callable[..., Neovim]) -> None:
    neovim = chatting("<think>\nWhat is `-`?\nHm.\n</think>\n\nIt *subtracts*.", "Yes.")
    say(neovim, "What does it do?")
    until_said(neovim, "subtracts")
    lines = until_answered(neovim)
    assert lines == [
        *("# You", "", "What does it do?", ""),
        *("# Sotto", "", "> *Thinking*", "> What is `-`?", "> Hm.", "> ", ""),
        "It *subtracts*.",
    ]
    folded = neovim.lua(FOLDED, window(neovim, TRANSCRIPT))
    assert folded == [line.startswith(">") for line in lines]
    assert neovim.mode() == "i", "the next question can be written at once"
    neovim.type("Sure?")
    neovim.press("<M-CR>")
    neovim.type("Really?")
    neovim.press("<CR>")
    until_said(neovim, "Yes.")
    assert (
        until_answered(neovim)[-7:]
        == [*("# You", "", "Sure?", "Really?", "", "# Sotto", "", "Yes.")][1:]
    )
    highlighted = "return vim.treesitter.highlighter.active[vim.api.nvim_win_get_buf(...)] ~= nil"
    assert neovim.lua(highlighted, window(neovim, TRANSCRIPT))


def test_a_selection_and_files_are_attached(chatting: Callable[..., Neovim]) -> None:
    neovim = chatting("Fine.")
    neovim.press("Vj:Sotto chat<CR>")
    winbar = neovim.lua("return vim.wo[...].winbar", window(neovim, QUESTION))
    assert "a.py:1-2" in winbar
    neovim.type("Is @a.py, or @nothing.py, or @property right?")
    neovim.press("<CR>")
    until_said(neovim, "Fine.")
    assert "*Attached: a.py, lines 1 to 2; a.py*" in until_answered(neovim)
    say(neovim, "And now?")
    until_said(neovim, "And now?")
    assert "\n".join(until_answered(neovim)).count("Attached") == 1


def test_commands_and_files_are_completed(chatting: Callable[..., Neovim]) -> None:
    neovim = chatting("Fine.")
    neovim.command("Sotto chat")
    neovim.type("/ex")
    menu = "return vim.tbl_map(function(i) return i.word end, vim.fn.complete_info().items)"
    assert "/explain" in neovim.wait_for(lambda: neovim.lua(menu), "the menu")
    neovim.press("<C-n><CR>")
    assert neovim.lines() == ["/explain"], "the key chooses, and does not send"
    neovim.type(" @a")
    assert "@a.py" in neovim.wait_for(lambda: neovim.lua(menu), "the menu")
    neovim.press("<C-n><CR><CR>")
    assert "*Attached: a.py*" in until_said(neovim, "Fine.")


def test_what_could_not_be_attached_whole_is_said(
    chatting: Callable[..., Neovim], tmp_path: Path
) -> None:
    neovim = chatting("Fine.")
    (tmp_path / "project" / "long.txt").write_text("word\n" * 20_000)
    say(neovim, "What is in @long.txt and in @a.py?")
    lines = until_said(neovim, "its beginning was attached")
    assert "*Attached: long.txt; a.py*" in lines
    assert lines[-3:] == ["Fine.", "", "*long.txt is long: only its beginning was attached.*"]


def test_stopping_keeps_what_came_and_the_next_question_goes_on(
    chatting: Callable[..., Neovim],
) -> None:
    neovim = chatting("```python\nx = 1…", "Next.")
    say(neovim, "Count.")
    until_said(neovim, "x = 1")
    neovim.press("<C-c>")
    assert until_said(neovim, "*Stopped.*")[-5:] == ["```python", "x = 1", "```", "", "*Stopped.*"]
    say(neovim, "Go on.")
    until_said(neovim, "Next.")
    until_answered(neovim)
    go_to_transcript(neovim, "Next.")
    neovim.press("q")
    assert window(neovim, TRANSCRIPT) == window(neovim, QUESTION) == -1
    neovim.command("Sotto chat")
    assert transcript(neovim)[-1] == "Next.", "closing the windows ends nothing"


def test_who_reads_further_up_stays_there(chatting: Callable[..., Neovim]) -> None:
    neovim = chatting("\n\n".join(f"line {n}" for n in range(100)), "second", "third")
    say(neovim, "Many.")
    until_said(neovim, "line 99")
    until_answered(neovim)
    view = neovim.lua(VIEW, window(neovim, TRANSCRIPT))
    assert view[1] == len(transcript(neovim)), "at the end one follows"
    go_to_transcript(neovim, "line 3")
    before = neovim.lua(VIEW, window(neovim, TRANSCRIPT))
    say(neovim, "More.")
    until_said(neovim, "second")
    until_answered(neovim)
    assert neovim.lua(VIEW, window(neovim, TRANSCRIPT)) == before
    go_to_transcript(neovim, "second")
    neovim.press("G")
    say(neovim, "More.")
    until_said(neovim, "third")
    assert neovim.lua(VIEW, window(neovim, TRANSCRIPT))[1] == len(transcript(neovim))


def call(tool: str, arguments: str) -> str:
    return f'<tool_call>\n{{"name": "{tool}", "arguments": {arguments}}}\n</tool_call>'


def test_tools_leave_a_trace_and_their_edits_are_asked_about(
    chatting: Callable[..., Neovim],
) -> None:
    edit = '{"path": "a.py", "old_text": "a - b", "new_text": "a + b"}'
    neovim = chatting(
        "I look.\n" + call("read_file", '{"path": "a.py"}'),
        call("propose_edit", edit),
        "Done.",
        setup={"chat": {"tools": True}},
    )
    say(neovim, "Fix it.")
    lines = until_said(neovim, "Done.")
    assert lines[6:8] == ["I look.", ""]
    assert any(line.startswith("- `read_file path=a.py`: ") for line in lines), lines
    assert any(line.startswith("- `propose_edit new_text=a + b ") for line in lines), lines
    until_answered(neovim)
    go_to_transcript(neovim, "*Proposed, and not made yet: a.py. `ga` here shows it.*")
    neovim.press("ga")
    neovim.wait_for(lambda: "+    return a + b" in neovim.lines(), "the diff")
    neovim.press("a")
    go_to_code(neovim, _code(neovim))
    neovim.wait_for(lambda: neovim.lines()[1] == "    return a + b", "the edit")


def _code(neovim: Neovim) -> Path:
    return Path(neovim.lua("return vim.fn.fnamemodify('a.py', ':p')"))


def test_a_command_is_run_only_if_one_agrees(chatting: Callable[..., Neovim]) -> None:
    settings = {"chat": {"allowedCommands": ["echo hello"]}}
    run = call("run_command", '{"command": "echo hello"}')
    neovim = chatting(run, run, "Done.", setup={"settings": settings, "chat": {"tools": True}})
    neovim.lua(
        "_G.asked = {}\n"
        "vim.ui.select = function(items, options, choose)\n"
        "  table.insert(_G.asked, options.prompt)\n"
        "  choose(items[#_G.asked == 1 and 2 or 1])\n"
        "end"
    )
    say(neovim, "Run it.")
    traces = [line for line in until_said(neovim, "Done.") if "run_command" in line]
    assert "**failed**" in traces[0], traces
    assert "**failed**" not in traces[1], traces
    assert ["`echo hello`" in prompt for prompt in neovim.lua("return _G.asked")] == [True, True]


def test_a_server_that_dies_is_said_and_the_question_comes_back(
    chatting: Callable[..., Neovim],
) -> None:
    neovim = chatting("Half of …")
    say(neovim, "Tell me.")
    until_said(neovim, "Half of")
    pid = neovim.lua("return vim.fn.getpid()")
    os.kill(_server(pid), signal.SIGKILL)
    until_said(neovim, "*The server ended before it had answered. `:Sotto restart` starts it.*")
    question = "return vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(...), 0, -1, true)"
    assert neovim.lua(question, window(neovim, QUESTION)) == ["Tell me."]


def _server(neovim_pid: int) -> int:
    children = psutil.Process(neovim_pid).children()
    return next(c.pid for c in children if "tests.support.scripted_serve" in c.cmdline())


def test_an_unknown_command_is_said_and_can_be_corrected(chatting: Callable[..., Neovim]) -> None:
    neovim = chatting("Fine.")
    say(neovim, "/expain")
    until_said(neovim, "There is no command /expain; there are /explain")
    assert neovim.lines() == ["/expain"], "nothing that was written is lost"


def test_the_built_in_model_says_that_it_cannot_chat(
    start_neovim: StartNeovim, tmp_path: Path
) -> None:
    neovim = start_neovim()
    neovim.edit(tmp_path / "a.py")
    neovim.command("Sotto chat")
    assert "`:Sotto model` chooses a model that can." in until_said(neovim, "cannot chat")[0]
    say(neovim, "Hello?")
    assert "Instruct" in "\n".join(until_said(neovim, "# Sotto\n\n*"))


def test_with_a_real_model_it_streams_and_stops(start_neovim: StartNeovim, tmp_path: Path) -> None:
    """A tiny model of random weights: what it says is noise, how it comes is real."""
    neovim = start_neovim()
    serve_model(neovim, write_chat_model(tmp_path / "tiny-chat.gguf"))
    (tmp_path / "project" / ".git").mkdir(parents=True)
    neovim.edit(tmp_path / "project" / "a.py")
    say(neovim, "Hello")
    first = neovim.wait_for(lambda: said if len(said := _answer(neovim)) > 20 else None, "text")
    neovim.wait_for(lambda: len(_answer(neovim)) > len(first), "more of it")
    neovim.press("<C-c>")
    lines = until_said(neovim, "*Stopped.*")
    kept = neovim.wait_for(
        lambda: rows if (rows := neovim.ask_server("sotto/conversations")) else None, "the history"
    )
    assert [row["title"] for row in kept] == ["Hello"]
    assert transcript(neovim) == lines, "nothing comes after the stop"


def _answer(neovim: Neovim) -> str:
    return "\n".join(transcript(neovim)).partition("# Sotto\n")[2]


def test_the_chat_outlives_its_code_and_its_own_buffers(chatting: Callable[..., Neovim]) -> None:
    neovim = chatting("Fine.")
    say(neovim, "Well?")
    until_said(neovim, "Fine.")
    until_answered(neovim)
    go_to_code(neovim, _code(neovim))
    neovim.command("bwipeout!")
    say(neovim, "And without it?")
    until_said(neovim, "And without it?")
    assert until_answered(neovim)[-1] == "Fine."
    # At once: Neovim tells of the closed window a little later.
    neovim.lua("vim.cmd('bwipeout!'); vim.cmd('Sotto chat')")
    assert transcript(neovim) == [""]
    assert "Error" not in neovim.messages()
