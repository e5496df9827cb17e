"""Sotto's keys do what they did before unless a suggestion is visible; start-up costs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.conftest import StartNeovim
from tests.support.nvim import Cursor, Neovim

pytestmark = pytest.mark.editor

NEVER_MS = 3_600_000


def suggest(neovim: Neovim, text: str) -> None:
    """Bring a suggestion to the cursor."""
    neovim.press("<M-Bslash>")
    neovim.wait_for(lambda: neovim.lua("return #scripted.asked") > 0, "a request")
    neovim.lua("scripted.insert(-1, { ... })", text)
    assert neovim.ghost() is not None


def editing(start_neovim: StartNeovim, folder: Path, before: str = "", **setup: object) -> Neovim:
    """In Insert mode of an empty file, with a scripted server that is asked by key only."""
    setup = {"debounce_ms": NEVER_MS, **setup}
    neovim = start_neovim(scripted=True, setup=setup, before=before)
    neovim.edit(folder / "example.c", wait=False)
    neovim.wait_for(neovim.is_attached, "the server to attach")
    neovim.press("i")
    return neovim


def test_tab_indents(start_neovim: StartNeovim, tmp_path: Path) -> None:
    neovim = editing(start_neovim, tmp_path)
    neovim.press("<Tab>x<Esc>")
    neovim.command("setlocal nocindent expandtab shiftwidth=2 softtabstop=2")
    neovim.press("o<Esc>cc<Tab>y")
    assert neovim.lines() == ["\tx", "  y"]


def test_a_global_mapping_made_later_counts(start_neovim: StartNeovim, tmp_path: Path) -> None:
    neovim = editing(start_neovim, tmp_path)
    neovim.lua("vim.keymap.set('i', '<Tab>', function() return 'mine' end, { expr = true })")
    neovim.press("<Tab>")
    suggest(neovim, "!")
    neovim.press("<Tab>")
    neovim.lua("vim.keymap.set('i', '<Tab>', '<C-v>u00e9')")
    neovim.press("<Tab>")
    assert neovim.lines() == ["mine!é"]


def test_the_buffers_own_mapping_counts(start_neovim: StartNeovim, tmp_path: Path) -> None:
    own = "vim.keymap.set('i', '<Tab>', 'own', { buffer = true })"
    neovim = editing(
        start_neovim,
        tmp_path,
        before=f"vim.api.nvim_create_autocmd('FileType', {{ callback = function() {own} end }})",
    )
    neovim.press("<Tab>")
    suggest(neovim, "!")
    neovim.press("<Tab><Tab>")
    assert neovim.lines() == ["own!own"]


def test_a_snippet_that_can_jump_goes_first(start_neovim: StartNeovim, tmp_path: Path) -> None:
    neovim = editing(start_neovim, tmp_path)
    neovim.lua("vim.snippet.expand('f(${1:first}, ${2:second})')")
    neovim.type("a")
    suggest(neovim, "bc")
    neovim.press("<Tab>")
    assert (neovim.lines(), neovim.mode()) == (["f(a, second)"], "s")
    neovim.press("b<Tab>")
    suggest(neovim, ";")
    neovim.press("<Tab>")
    assert neovim.lines() == ["f(a, b);"], "the snippet has no further place"


def test_a_menu_with_a_selected_item_goes_first(start_neovim: StartNeovim, tmp_path: Path) -> None:
    neovim = editing(start_neovim, tmp_path)
    neovim.command("set completeopt=menuone,noselect")
    neovim.type("before besides be")
    neovim.press("<C-x><C-n>")
    neovim.wait_for(lambda: neovim.lua("return vim.fn.pumvisible()") == 1, "the menu")
    suggest(neovim, "tween")
    neovim.press("<Tab>")
    assert neovim.lines() == ["before besides between"], "nothing was selected"
    neovim.type(" be")
    neovim.press("<C-x><C-n><C-n>")
    selected = neovim.lines()[0]
    suggest(neovim, "tween")
    neovim.press("<Tab>")
    assert neovim.lines()[0].startswith(selected)
    assert not neovim.lines()[0].endswith("tween")


def test_own_mapping_for_the_menu_keeps_the_menu(start_neovim: StartNeovim, tmp_path: Path) -> None:
    mapping = "function() return vim.fn.pumvisible() == 1 and '<C-n>' or '<Tab>' end"
    neovim = editing(
        start_neovim,
        tmp_path,
        before=f"vim.keymap.set('i', '<Tab>', {mapping}, {{ expr = true }})",
    )
    neovim.command("set completeopt=menuone,noselect")
    neovim.type("before be")
    neovim.press("<C-x><C-n>")
    neovim.wait_for(lambda: neovim.lua("return vim.fn.pumvisible()") == 1, "the menu")
    suggest(neovim, "tween")
    neovim.press("<Tab>")
    assert neovim.lines() == ["before before"]


def test_unused_alt_keys_do_not_leave_insert_mode(
    start_neovim: StartNeovim, tmp_path: Path
) -> None:
    neovim = editing(start_neovim, tmp_path)
    neovim.type("one two")
    neovim.press("<M-w><M-l><M-]>")
    assert (neovim.mode(), neovim.cursor()) == ("i", Cursor(0, 7))


def test_keys_can_be_others_or_none(start_neovim: StartNeovim, tmp_path: Path) -> None:
    neovim = editing(start_neovim, tmp_path, keys={"accept": "<C-y>", "dismiss": False})
    suggest(neovim, "done")
    neovim.press("<C-y>")
    assert neovim.lines() == ["done"]
    taken = "vim.tbl_map(function(m) return m.lhs end, vim.api.nvim_buf_get_keymap(0, 'i'))"
    keys = set(neovim.lua(f"return {taken}"))
    assert {"<C-Y>", "<M-w>"} <= keys
    assert not {"<Tab>", "<C-]>"} & keys

    without = editing(start_neovim, tmp_path, keys=False)
    assert without.lua("return #vim.api.nvim_buf_get_keymap(0, 'i')") == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kyes": {}}, 'no option is called "kyes"; there is chat, debounce_ms'),
        ({"debounce_ms": "10"}, 'option "debounce_ms" is a string, a number was expected'),
        ({"keys": {"acept": "x"}}, 'no key is called "acept"; there is accept, accept_line'),
        ({"keys": {"accept": 1}}, 'key "accept" is a number, a string or false was expected'),
    ],
)
def test_a_wrong_option_is_named(
    start_neovim: StartNeovim, options: dict[str, object], message: str
) -> None:
    neovim = start_neovim(scripted=True)
    problem = neovim.lua("return select(2, pcall(require('sotto').setup, ...))", options)
    assert message in problem


def test_start_up_loads_nothing_but_the_configuration(start_neovim: StartNeovim) -> None:
    neovim = start_neovim(scripted=True)
    neovim.wait_for(lambda: neovim.lua("return vim.v.vim_did_enter == 1"), "the end of start-up")
    loaded = neovim.lua("return vim.tbl_keys(package.loaded)")
    assert [name for name in loaded if name.startswith("sotto")] == []
    assert neovim.lua("return vim.fn.exists(':Sotto')") == 2


def test_excluded_and_special_buffers_are_left_alone(
    start_neovim: StartNeovim, tmp_path: Path
) -> None:
    neovim = start_neovim(scripted=True)
    neovim.edit(tmp_path / "COMMIT_EDITMSG", wait=False)
    assert neovim.lua("return vim.bo.filetype") == "gitcommit"
    neovim.command("help | wincmd o")
    neovim.edit(tmp_path / "example.py", wait=False)
    neovim.wait_for(neovim.is_attached, "the server to attach")
    attached = "vim.tbl_count(vim.lsp.get_clients({ name = 'sotto' })[1].attached_buffers)"
    assert neovim.lua(f"return {attached}") == 1


def test_one_server_serves_all_projects(start_neovim: StartNeovim, tmp_path: Path) -> None:
    neovim = start_neovim(scripted=True)
    for name in ["one", "two", "two"]:
        (tmp_path / name / ".git").mkdir(parents=True, exist_ok=True)
        neovim.edit(tmp_path / name / "example.py", wait=False)
        neovim.wait_for(neovim.is_attached, "the server to attach")
    clients = "vim.tbl_map(function(c) return c.workspace_folders end, vim.lsp.get_clients())"
    (folders,) = neovim.lua(f"return {clients}")
    assert [folder["name"] for folder in folders] == [str(tmp_path / "one"), str(tmp_path / "two")]
