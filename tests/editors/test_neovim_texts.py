"""Line ends, tabs, characters outside the basic plane, windows, long files: all stays in step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.nvim import Cursor, Ghost, Neovim
from tests.support.places import (
    Place,
    a_line_below,
    assert_in_step,
    go_to,
    several_words,
    spliced,
    suggested,
)

pytestmark = pytest.mark.editor


@pytest.mark.parametrize(
    ("eol", "format_", "wanted"),
    [
        ("\r\n", "dos", a_line_below),
        ("\n", "unix", a_line_below),
        ("\r", "mac", several_words),  # the model has never seen such a file
    ],
)
def test_line_ends_stay_what_they_are(
    neovim: Neovim, tmp_path: Path, eol: str, format_: str, wanted: Callable[[Ghost], object]
) -> None:
    neovim.command(f"set fileformats={format_},unix,dos")
    ghost = suggested(neovim, tmp_path, wanted, lambda place: place.with_line_ends(eol))
    assert neovim.lua("return vim.bo.fileformat") == format_
    before, cursor = neovim.lines(), neovim.cursor()
    neovim.press("<Tab>")
    assert neovim.lines() == spliced(before, cursor, ghost.text)
    assert_in_step(neovim)
    neovim.command("silent write")
    written = Path(neovim.lua("return vim.api.nvim_buf_get_name(0)")).read_bytes().decode()
    assert written == eol.join([*neovim.lines(), ""])
    neovim.command("set fileformats&")


def test_tabs_are_kept(neovim: Neovim, tmp_path: Path) -> None:
    ghost = suggested(neovim, tmp_path, a_line_below, Place.with_tabs)
    before, cursor = neovim.lines(), neovim.cursor()
    assert all(line.startswith("\t") for line in ghost.text.split("\n")[1:])
    assert "    " not in ghost.text, "the file is indented with tabs"
    neovim.press("<Tab>")
    assert neovim.lines() == spliced(before, cursor, ghost.text)
    assert_in_step(neovim)


def test_characters_outside_the_basic_plane(neovim: Neovim, tmp_path: Path) -> None:
    def with_astral(place: Place) -> Place:
        row = place.marked.splitlines(keepends=True)
        marked = "".join(f"# 𝒳😀é\n{line}" for line in row[:1]) + "".join(row[1:])
        return Place(place.extension, marked.replace("items", "ïtems𝒳"))

    ghost = suggested(neovim, tmp_path, several_words, with_astral)
    before, cursor = neovim.lines(), neovim.cursor()
    neovim.type("😀")
    assert_in_step(neovim)
    neovim.press("<BS>")
    assert neovim.expect_ghost() == ghost
    neovim.press("<Tab>")
    assert neovim.lines() == spliced(before, cursor, ghost.text)
    assert_in_step(neovim)


def test_no_newline_at_the_end_and_an_empty_file(neovim: Neovim, tmp_path: Path) -> None:
    go_to(neovim, tmp_path / "empty.py", Place("py", "‸"))
    neovim.settle()
    assert_in_step(neovim)
    ghost = suggested(
        neovim, tmp_path, several_words, lambda place: Place(place.extension, place.before + "‸")
    )
    before, cursor = neovim.lines(), neovim.cursor()
    neovim.press("<Tab>")
    assert neovim.lines() == spliced(before, cursor, ghost.text)
    assert_in_step(neovim)


def test_two_windows_on_one_buffer(neovim: Neovim, tmp_path: Path) -> None:
    suggested(neovim, tmp_path, several_words)
    before, cursor = neovim.lines(), neovim.cursor()
    neovim.press("<Esc>")
    neovim.command("split")
    neovim.lua("vim.api.nvim_win_set_cursor(0, { 1, 0 })")
    neovim.press("O# above<Esc>")
    neovim.command("wincmd j")
    assert neovim.cursor().row == cursor.row + 1, "the other window's cursor moved with its line"
    neovim.press("a")
    moved, moved_from = neovim.expect_ghost(), neovim.cursor()
    assert moved_from == Cursor(cursor.row + 1, cursor.col)
    neovim.press("<Tab><Esc>")
    assert neovim.lines() == spliced(["# above", *before], moved_from, moved.text)
    neovim.command("wincmd k")
    neovim.press("ggA!")
    assert neovim.lines()[0] == "# above!"
    neovim.settle()
    assert_in_step(neovim)


def test_moving_to_another_buffer_takes_no_ghost_along(neovim: Neovim, tmp_path: Path) -> None:
    suggested(neovim, tmp_path, several_words)
    first = neovim.lua("return vim.api.nvim_get_current_buf()")
    neovim.command("set hidden")
    neovim.edit(tmp_path / "other.py")
    assert neovim.ghost() is None
    namespace = "vim.api.nvim_create_namespace('nvim.lsp.inline_completion')"
    left = neovim.lua(f"return vim.api.nvim_buf_get_extmarks(..., {namespace}, 0, -1, {{}})", first)
    assert left == []


def test_a_long_file(neovim: Neovim, tmp_path: Path) -> None:
    filler = "".join(f"value_{number} = {number}\n" for number in range(20_000))

    def in_a_long_file(place: Place) -> Place:
        return Place("py", filler + place.marked + filler)

    ghost = suggested(neovim, tmp_path, several_words, in_a_long_file)
    before, cursor = neovim.lines(), neovim.cursor()
    neovim.press("<M-w><Tab>")
    assert neovim.lines() == spliced(before, cursor, ghost.text)
    assert_in_step(neovim)


def test_the_server_follows_edits_of_every_kind(neovim: Neovim, tmp_path: Path) -> None:
    path = tmp_path / "edits.py"
    path.write_text("".join(f"line_{number} = '𝒳 é \t'\n" for number in range(60)))
    neovim.edit(path)
    for keys in [
        "ggdd",
        "Gp",
        "5Gyyp",
        "10GVjjd",
        "u",
        "20GJ",
        ":3,9>\r",
        "1GO\x0c𝒳<Esc>",
        ":%s/é/𝒴ü/g\r",
        "gg<C-v>5jIx<Esc>",
        "Go<CR><CR>𝒳<BS>y<Esc>",
        ":g/1/m0\r",
        "ggdG",
        "u",
        "<C-r>",
        "itext<Esc>",
    ]:
        neovim.press(keys)
        neovim.ask_server("sotto/status")
        assert_in_step(neovim)
    assert neovim.cursor() == Cursor(0, 3)
