"""Places in code at which the built-in model has something to say, and what must follow from it.

The model is small and will be retrained, so no test holds what it says. A test asks for a kind of
suggestion (several words, several lines) and takes the first place that brings one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.nvim import Cursor, Ghost, Neovim

CURSOR = "‸"


@dataclass(frozen=True)
class Place:
    extension: str
    marked: str
    """The text, with the cursor marked."""

    @property
    def before(self) -> str:
        return self.marked.partition(CURSOR)[0]

    @property
    def after(self) -> str:
        return self.marked.partition(CURSOR)[2]

    def with_tabs(self) -> Place:
        return Place(self.extension, self.marked.replace("    ", "\t"))

    def with_line_ends(self, eol: str) -> Place:
        return Place(self.extension, self.marked.replace("\n", eol))


PLACES = [
    Place("js", "const items = [];\nfor (let i = 0; i < items.‸\n"),
    Place(
        "js",
        "function sum(items) {\n    let total = 0;\n    for (const item of items) {\n"
        "        total += item;\n    }\n    return total;\n}\n\nfunction mean(items) {‸\n}\n",
    ),
    Place("py", "def is_even(n):\n    return n % 2 == 0\n\n\ndef is_odd(n):\n    ‸\n"),
    Place("py", "def main():\n    print('hello')\n\n\nif __name__ ==‸\n"),
    Place("py", "import logging\n\nlogger = logging.‸\n"),
    Place("py", "class Query:\n    def __init__(self‸\n"),
    Place("py", "def load(path):\n    with open(path)‸\n"),
    Place("py", "def walk(items):\n    for i in‸\n"),
    Place(
        "py",
        "class Stack:\n    def __init__(self):\n        self.items = []\n\n"
        "    def push(self, item):\n        self.items.‸\n",
    ),
    Place(
        "py",
        "class Rectangle:\n    def __init__(self, width, height):\n        self.width = width\n"
        "        self.height = height\n\n    def area(self):\n        return ‸\n",
    ),
    Place("py", "def read_lines(path):\n    with open(path) as handle:\n        ‸\n"),
    Place("py", "def save(value, path):\n    if value is None:\n        ‸\n"),
    Place("py", "class Point:\n    def __repr__(self):\n        ‸\n"),
]

WORD = re.compile(r"\s*(?:\w+|[^\w\s]+)")
"""What accepting a word takes, for code whose keyword characters are letters, digits and `_`."""


def go_to(neovim: Neovim, path: Path, place: Place) -> None:
    """Open a file and enter Insert mode at the place."""
    path.write_bytes((place.before + place.after).encode())
    neovim.press("<Esc>")
    neovim.edit(path)
    text = re.sub(r"\r\n?", "\n", place.before)
    line = text.rpartition("\n")[2]
    column = len(line.encode())
    neovim.lua("vim.api.nvim_win_set_cursor(0, ...)", [text.count("\n") + 1, max(0, column - 1)])
    neovim.press("a" if column else "i")
    assert neovim.cursor() == Cursor(text.count("\n"), column)


def suggested(
    neovim: Neovim,
    folder: Path,
    wanted: Callable[[Ghost], object] = lambda ghost: ghost,
    change: Callable[[Place], Place] = lambda place: place,
) -> Ghost:
    """Go from place to place until the server suggests something of the wanted kind."""
    seen: list[Ghost | None] = []
    for number, place in enumerate(PLACES):
        go_to(neovim, folder / f"example{number}.{place.extension}", change(place))
        neovim.settle()
        ghost = neovim.ghost()
        if ghost and wanted(ghost):
            assert neovim.expect_ghost() == ghost
            return ghost
        seen.append(ghost)
    raise AssertionError(f"no place brought such a suggestion: {seen}")


def several_words(ghost: Ghost) -> bool:
    return len(WORD.findall(ghost.text)) >= 3 and "\n" not in ghost.text


def several_lines(ghost: Ghost) -> bool:
    return "\n" in ghost.text and not ghost.text.startswith("\n")


def a_line_below(ghost: Ghost) -> bool:
    """Also the body of a block whose header the cursor stands behind."""
    return "\n" in ghost.text


def spliced(lines: list[str], cursor: Cursor, text: str) -> list[str]:
    """The lines after `text` was inserted at the cursor."""
    line = lines[cursor.row].encode()
    left, right = line[: cursor.col].decode(), line[cursor.col :].decode()
    return [*lines[: cursor.row], *(left + text + right).split("\n"), *lines[cursor.row + 1 :]]


def assert_in_step(neovim: Neovim) -> None:
    """The server's copy of the text is the editor's, to the last character."""
    uri = neovim.lua("return vim.uri_from_bufnr(0)")
    info = neovim.ask_server("sotto/documentInfo", {"textDocument": {"uri": uri}})
    format_, ends = neovim.lua("return { vim.bo.fileformat, vim.bo.endofline }")
    eol = {"unix": "\n", "dos": "\r\n", "mac": "\r"}[format_]
    text = eol.join(neovim.lines()) + (eol if ends else "")
    assert (info["n_chars"], info["sha256"]) == (
        len(text),
        hashlib.sha256(text.encode()).hexdigest(),
    )
