"""The chat in a real Neovim: what is in its windows, and servers to talk with."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.nvim import Neovim
from tests.support.nvim_process import ROOT, sotto_command

TRANSCRIPT = "sotto://chat/"
QUESTION = "sotto://question"


def serve_script(neovim: Neovim, folder: Path, answers: Sequence[str]) -> None:
    """Give a Neovim that has no file open yet a server whose model says `answers` in turn."""
    path = folder / "answers.json"
    path.write_text(json.dumps(answers))
    _configure(neovim, [sys.executable, "-m", "tests.support.scripted_serve", str(path)])


def serve_model(neovim: Neovim, model: Path) -> None:
    """Give it the real server with this model."""
    _configure(neovim, [*sotto_command(), "--model", str(model)])


def _configure(neovim: Neovim, command: Sequence[str]) -> None:
    neovim.lua(
        "local cmd, root = ...; vim.lsp.config('sotto', { cmd = cmd, cmd_cwd = root })",
        command,
        str(ROOT),
    )


def window(neovim: Neovim, name: str) -> int:
    """The number of the window whose buffer's name begins so; -1 if there is none."""
    return int(neovim.lua(_WINDOW, name))


def transcript(neovim: Neovim) -> list[str]:
    """The lines of the conversation that is shown."""
    code = "return vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(...), 0, -1, true)"
    return list(neovim.lua(code, window(neovim, TRANSCRIPT)))


def say(neovim: Neovim, text: str) -> None:
    """Write a question where questions are written, and send it."""
    neovim.command("Sotto chat")
    neovim.wait_for(lambda: neovim.mode() == "i", "Insert mode")
    neovim.type(text)
    neovim.press("<CR>")


def until_said(neovim: Neovim, text: str) -> list[str]:
    """The conversation, once it holds a text."""
    return neovim.wait_for(
        lambda: lines if text in "\n".join(lines := transcript(neovim)) else None,
        f"{text!r} in the conversation",
    )


def until_answered(neovim: Neovim) -> list[str]:
    """The conversation, once nothing is being answered."""
    pending = "return vim.tbl_count(vim.lsp.get_clients({ name = 'sotto' })[1].requests)"
    neovim.wait_for(lambda: neovim.lua(pending) == 0 or None, "the answer")
    return transcript(neovim)


def go_to_transcript(neovim: Neovim, line: str) -> None:
    """Go to the first line of the conversation that is this one."""
    neovim.press("<Esc>")
    neovim.lua("vim.api.nvim_set_current_win(...)", window(neovim, TRANSCRIPT))
    number = transcript(neovim).index(line) + 1
    neovim.lua("vim.api.nvim_win_set_cursor(0, { ..., 0 })", number)


def go_to_code(neovim: Neovim, path: Path) -> None:
    neovim.press("<Esc>")
    neovim.lua("vim.api.nvim_set_current_win(...)", window(neovim, str(path)))


_WINDOW = """
for _, window in ipairs(vim.api.nvim_list_wins()) do
  local name = vim.api.nvim_buf_get_name(vim.api.nvim_win_get_buf(window))
  if vim.startswith(name, ...) then return window end
end
return -1
"""
