"""The server as Neovim's user meets it: killed and started again, examined, wrongly configured."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.editors.conftest import StartNeovim
from tests.support.nvim import Cursor, Neovim
from tests.support.places import several_words, spliced, suggested

pytestmark = pytest.mark.editor

SHOW_ALL = {"settings": {"inlineCompletion": {"minConfidence": 0}}}


def test_killed_it_is_noticed_and_can_be_started_again(
    start_neovim: StartNeovim, tmp_path: Path
) -> None:
    neovim = start_neovim(setup=SHOW_ALL)
    ghost = suggested(neovim, tmp_path, several_words)
    os.kill(neovim.server_pid(), signal.SIGKILL)
    neovim.wait_for(lambda: not neovim.is_attached(), "Neovim to notice")
    assert "Client sotto quit" in neovim.messages()
    assert neovim.ghost() is None

    neovim.command("setlocal noexpandtab softtabstop=0")
    before = neovim.lines()
    neovim.press("x<BS><Tab><BS>")
    assert neovim.lines() == before, "keys do what they did before Sotto"
    neovim.command("Sotto why")
    assert "the server is not running; `:Sotto restart` starts it" in neovim.messages()

    neovim.command("Sotto restart")
    neovim.command("Sotto restart")
    neovim.wait_until_ready()
    neovim.press("x<BS>")
    assert neovim.expect_ghost().text == ghost.text
    assert "Error" not in neovim.messages()


def test_restart_replaces_the_process(start_neovim: StartNeovim, tmp_path: Path) -> None:
    neovim = start_neovim(setup=SHOW_ALL)
    suggested(neovim, tmp_path, several_words)
    old = psutil.Process(neovim.server_pid())
    neovim.command("Sotto restart")
    neovim.wait_for(lambda: not old.is_running(), "the old server to end")
    neovim.wait_until_ready()
    assert neovim.server_pid() != old.pid
    neovim.press("x<BS>")
    neovim.expect_ghost()


def test_the_server_ends_with_neovim(start_neovim: StartNeovim, tmp_path: Path) -> None:
    neovim = start_neovim()
    neovim.edit(tmp_path / "example.py")
    server = psutil.Process(neovim.server_pid())
    neovim.close()
    server.wait(timeout=20)


def test_a_healthy_set_up(neovim: Neovim, tmp_path: Path) -> None:
    suggested(neovim, tmp_path)
    report = health(neovim)
    assert "ERROR" not in report
    assert "WARNING" not in report
    for part in ["Neovim 0.", "sotto 0.", "is ready", "tiny-fim", "example", "shown", "all are"]:
        assert part in report, report
    assert "only completes code; `:Sotto model` chooses one that can chat" in report


def test_a_missing_program_is_explained(start_neovim: StartNeovim, tmp_path: Path) -> None:
    neovim = start_neovim()
    neovim.lua("vim.lsp.config('sotto', { cmd = { 'no-sotto', 'serve' } })")
    neovim.edit(tmp_path / "example.py", wait=False)
    report = health(neovim)
    assert "`no-sotto` is not found" in report
    assert "`make setup` in a clone of Sotto" in report
    assert "the server is not running" in report


def test_a_taken_key_is_named(start_neovim: StartNeovim, tmp_path: Path) -> None:
    neovim = start_neovim()
    neovim.edit(tmp_path / "example.py")
    neovim.lua("vim.keymap.set('i', '<Tab>', 'x', { buffer = true, desc = 'another plugin' })")
    report = health(neovim)
    assert "<Tab> for accept is taken by another plugin" in report


def health(neovim: Neovim) -> str:
    neovim.press("<Esc>")
    neovim.command("checkhealth sotto")
    report = "\n".join(neovim.lines())
    neovim.command("bwipeout!")
    return report


def test_why_and_status(neovim: Neovim, tmp_path: Path) -> None:
    suggested(neovim, tmp_path, several_words)
    neovim.command("messages clear")
    neovim.command("Sotto why")
    record = neovim.records()[-1]
    position = record["position"]
    newest = neovim.messages().strip().splitlines()[0]
    assert newest.startswith(f"{position['line'] + 1}:{position['character'] + 1} ")
    assert "shown" in newest
    neovim.command("messages clear")
    neovim.command("Sotto")
    said = neovim.messages()
    assert "is ready" in said
    assert "tiny-fim" in said


def test_an_unwanted_buffer_says_why(neovim: Neovim, tmp_path: Path) -> None:
    neovim.edit(tmp_path / "example.py")
    neovim.edit(tmp_path / "COMMIT_EDITMSG", wait=False)
    neovim.command("Sotto why")
    assert "left alone (filetype gitcommit)" in neovim.messages()


def test_a_wrong_setting_is_named_and_the_rest_holds(
    start_neovim: StartNeovim, tmp_path: Path
) -> None:
    settings = {"inlineCompletion": {"maxLines": "many", "minConfidence": 0}, "modle": {}}
    neovim = start_neovim(setup={"settings": settings})
    suggested(neovim, tmp_path)
    messages = neovim.wait_for(
        lambda: neovim.messages() if "maxLines" in neovim.messages() else "", "the message"
    )
    assert "modle" in messages


def test_settings_reach_the_server(start_neovim: StartNeovim, tmp_path: Path) -> None:
    neovim = start_neovim(setup={"settings": {"inlineCompletion": {"enabled": False}}})
    place_path = tmp_path / "example.py"
    place_path.write_text("import os\n")
    neovim.edit(place_path)
    neovim.press("A")
    assert neovim.settle()["reason"] == "disabled"


def test_beside_another_language_server(start_neovim: StartNeovim, tmp_path: Path) -> None:
    """Its completion menu and Sotto's ghost text live together."""
    before = (
        "dofile(vim.env.HOME .. '/menu.lua')\n"
        "vim.lsp.config('menu', { cmd = menu_server })\nvim.lsp.enable('menu')"
    )
    (tmp_path / "home0").mkdir()
    (tmp_path / "home0" / "menu.lua").write_text(MENU_SERVER)
    neovim = start_neovim(setup=SHOW_ALL, before=before)
    ghost = suggested(neovim, tmp_path, several_words)
    neovim.lua("vim.lsp.completion.enable(true, vim.lsp.get_clients({ name = 'menu' })[1].id, 0)")
    neovim.lua("vim.lsp.completion.get()")
    neovim.wait_for(lambda: neovim.lua("return vim.fn.pumvisible()") == 1, "the menu")
    neovim.press("<C-n>")
    chosen = neovim.wait_for(
        lambda: neovim.lines() if "menu_item" in "\n".join(neovim.lines()) else None, "the item"
    )
    neovim.press("<C-y>")
    neovim.settle()
    assert neovim.lines() == chosen
    assert ghost.text not in "\n".join(chosen)


def test_beside_pyright(start_neovim: StartNeovim, tmp_path: Path) -> None:
    """Both are attached; `<Tab>` indents, jumps in a snippet of its own, and accepts the ghost."""
    program = str(Path(sys.executable).parent / "pyright-langserver")
    before = (
        f"vim.lsp.config('pyright', {{ cmd = {{ '{program}', '--stdio' }}, "
        "filetypes = { 'python' } }) vim.lsp.enable('pyright')"
    )
    neovim = start_neovim(setup=SHOW_ALL, before=before)
    ghost = suggested(neovim, tmp_path, lambda ghost: several_words(ghost) and is_python(neovim))
    clients = "return vim.tbl_map(function(c) return c.name end, vim.lsp.get_clients({bufnr = 0}))"
    neovim.wait_for(lambda: {"pyright", "sotto"} <= set(neovim.lua(clients)), "both")
    before_tab = neovim.lines()
    neovim.press("<Tab>")
    assert neovim.lines() == spliced(before_tab, Cursor(ghost.row, ghost.col), ghost.text)

    neovim.press("<Esc>ggOimport oss<Esc>")
    said = "return vim.tbl_map(function(d) return d.source end, vim.diagnostic.get(0))"
    neovim.wait_for(lambda: "Pyright" in neovim.lua(said), "what Pyright says")
    neovim.press("<Esc>:%d<CR>i")
    neovim.settle()
    if neovim.ghost():
        neovim.press("<C-]>")
    neovim.press("<Tab>")
    assert neovim.lines() == ["    "]
    neovim.lua("vim.snippet.expand('f($1, $2)')")
    neovim.type("a")
    neovim.press("<Tab>")
    neovim.type("b")
    assert neovim.lines() == ["    f(a, b)"]


def is_python(neovim: Neovim) -> bool:
    return neovim.lua("return vim.bo.filetype") == "python"


MENU_SERVER = """
function _G.menu_server(dispatchers)
  local closing = false
  return {
    request = function(method, params, callback)
      if method == 'initialize' then
        callback(nil, { capabilities = { completionProvider = { resolveProvider = false } } })
      elseif method == 'textDocument/completion' then
        callback(nil, { { label = 'menu_item' }, { label = 'menu_item_two' } })
      else
        callback(nil, nil)
      end
      return true, 1
    end,
    notify = function() return true end,
    is_closing = function() return closing end,
    terminate = function() closing = true; dispatchers.on_exit(0, 0) end,
  }
end
"""
