"""Where the cursor rests is told to the server, in its own units."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from tests.editors.conftest import StartNeovim
from tests.support.nvim import Neovim

pytestmark = pytest.mark.editor


def told(neovim: Neovim) -> list[tuple[int, int]]:
    places = cast("list[dict[str, int]]", neovim.lua("return scripted.cursors") or [])
    return [(place["line"], place["character"]) for place in places]


def test_the_server_learns_where_the_cursor_rests(
    start_neovim: StartNeovim, tmp_path: Path
) -> None:
    neovim = start_neovim(scripted=True)
    path = tmp_path / "example.py"
    path.write_text("x = 1\n" * 9 + "y = '😀' + z\n", "utf-8")
    neovim.edit(path, wait=False)
    neovim.wait_for(neovim.is_attached, "the server to attach")
    neovim.wait_for(lambda: told(neovim) == [(0, 0)], "the first place")
    neovim.press("jjjj")
    neovim.wait_for(lambda: told(neovim)[1:] == [(4, 0)], "the place below, once")
    neovim.press("G$")
    # In UTF-8, as the scripted server counts.
    neovim.wait_for(lambda: told(neovim)[2:] == [(9, 13)], "the last place")
