"""Ghost text of the built-in model in a real VS Code: seen, typed through, accepted, cycled.

What the model says is not fixed here; what is seen decides what accepting it must do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.vscode import VSCode

pytestmark = pytest.mark.editor

# Whatever a model says elsewhere, it says something where the same lines came twice before.
BODY = "    total = 0\n    for item in items:\n        total += item.price\n    return total\n"
TWICE = f"def first(items):\n{BODY}\n\ndef second(items):\n{BODY}\n\ndef third(items):"
PLACES = [
    # What is in the file, at whose end the cursor is, and what is typed there.
    (f"{TWICE}\n    total = 0\n    ", "for "),
    (TWICE, "\n"),
    (f"{TWICE}\n    total = 0\n    for item in items:", "\n"),
    (f"{TWICE}\n    total = 0\n    for item in items:\n        ", "total"),
    (
        f"{TWICE}\n    total = 0\n    for item in items:\n        total += item.price\n    ",
        "return",
    ),
    ("def main():\n    print('hello')\n\n\n", "if __name__"),
    ("import logging\n\nlogger = ", "logging."),
    ("class Point:\n    def __init__(self, x, y):", "\n"),
    ("def read_lines(path):\n    with open(path) as handle:", "\n"),
]

Wanted = Callable[[str], object]


def suggested(
    vscode: VSCode,
    wanted: Wanted = bool,
    change: Callable[[str], str] = lambda text: text,
    extra: Callable[[VSCode], object] = lambda _: True,
) -> tuple[Path, str]:
    """Type at one place after another until a suggestion of the wanted kind is on the screen."""
    seen: list[str | None] = []
    # Where nothing comes, nothing may be meant; on a busy machine it may also be late.
    for (text, typed), patience_s in [(place, s) for s in (5, 30) for place in PLACES]:
        path = vscode.folder / f"example{len(list(vscode.folder.iterdir()))}.py"
        path.write_bytes(change(text).encode())
        lines = re.split("\r?\n", change(text))
        vscode.open(path, len(lines), len(lines[-1]) + 1)
        vscode.wait_until_ready()
        vscode.type(typed)
        ghost = vscode.settled_ghost() if vscode.is_soon(vscode.ghost, patience_s) else None
        if ghost and wanted(ghost) and extra(vscode):
            return path, ghost
        seen.append(ghost)
        vscode.close_files()
    raise AssertionError(f"no place brought such a suggestion: {seen}")


def several_words(ghost: str) -> bool:
    return "\n" not in ghost and len(re.findall(r"\w+", ghost)) >= 2


def several_lines(ghost: str) -> bool:
    return "\n" in ghost and not ghost.startswith("\n")


def spliced(vscode: VSCode, before: list[str], cursor: tuple[int, int], text: str) -> list[str]:
    """The lines after `text` was inserted at the cursor."""
    row, column = cursor[0] - 1, cursor[1] - 1
    line = before[row]
    whole = line[:column] + text + line[column:]
    return [*before[:row], *whole.split("\n"), *before[row + 1 :]]


def expect_lines(vscode: VSCode, lines: list[str]) -> None:
    vscode.wait_for(lambda: vscode.lines() == lines, f"the text {lines}")


def test_typing_brings_ghost_text(vscode: VSCode) -> None:
    path, ghost = suggested(vscode)
    before = vscode.lines()
    assert re.search(r" \d+ ms", vscode.status()), "the status bar says how long it took"
    vscode.press("Escape")
    vscode.wait_for(lambda: vscode.ghost() is None, "it to be hidden")
    assert vscode.lines() == before, f"{ghost!r} was only shown"
    assert vscode.saved(path).splitlines() == before


def test_accepting_inserts_what_was_shown(vscode: VSCode) -> None:
    path, ghost = suggested(vscode, several_words)
    wanted = spliced(vscode, vscode.lines(), vscode.cursor(), ghost)
    vscode.press("Tab")
    expect_lines(vscode, wanted)
    vscode.press("Escape")
    assert vscode.saved(path).splitlines() == wanted


def test_accepting_several_lines(vscode: VSCode) -> None:
    path, ghost = suggested(vscode, several_lines)
    wanted = spliced(vscode, vscode.lines(), vscode.cursor(), ghost)
    vscode.press("Tab")
    expect_lines(vscode, wanted)
    vscode.press("Escape")
    assert "\r" not in vscode.saved(path)


def test_accepting_a_word_leaves_the_rest(vscode: VSCode) -> None:
    _, ghost = suggested(vscode, several_words)
    before, (row, column) = vscode.lines(), vscode.cursor()
    vscode.press("Control+ArrowRight")
    vscode.wait_for(lambda: vscode.cursor() != (row, column), "the word")
    taken = vscode.lines()[row - 1][column - 1 :]
    assert ghost.startswith(taken)
    assert taken.strip()
    rest = ghost.removeprefix(taken)
    assert rest
    vscode.wait_for(lambda: vscode.ghost() == rest, f"{rest!r} to stay")
    vscode.press("Tab")
    expect_lines(vscode, spliced(vscode, before, (row, column), ghost))


def test_accepting_a_line_leaves_the_rest(vscode: VSCode) -> None:
    _, ghost = suggested(vscode, several_lines)
    before, cursor = vscode.lines(), vscode.cursor()
    first = ghost.partition("\n")[0]
    vscode.press("Control+ArrowDown")
    vscode.wait_for(lambda: vscode.cursor() != cursor, "the line")
    taken = "\n".join(vscode.lines()[cursor[0] - 1 :]).removeprefix(before[cursor[0] - 1])
    assert taken.startswith(first)
    wanted = spliced(vscode, before, cursor, ghost)
    assert vscode.lines() != wanted, "not all of it"
    for _ in ghost.split("\n")[1:]:
        lines = vscode.lines()
        if lines == wanted:
            break
        assert vscode.expect_ghost() in ghost, "the rest stays"
        vscode.press("Control+ArrowDown")
        vscode.wait_for(lambda lines=lines: vscode.lines() != lines, "the next line")
    expect_lines(vscode, wanted)


def test_typing_what_is_shown_shortens_it(vscode: VSCode) -> None:
    _, ghost = suggested(vscode, several_words)
    before, cursor = vscode.lines(), vscode.cursor()
    typed = ghost[: len(ghost) // 2]
    for count, character in enumerate(typed, start=1):
        vscode.type(character)
        rest = ghost[count:]
        vscode.wait_for(lambda rest=rest: vscode.ghost() == rest, f"{rest!r}")
    vscode.press("Tab")
    expect_lines(vscode, spliced(vscode, before, cursor, ghost))


def test_asking_by_key_brings_several(vscode: VSCode) -> None:
    def others(vscode: VSCode) -> bool:
        vscode.press("Escape")
        vscode.wait_for(lambda: vscode.ghost() is None, "it to be hidden")
        vscode.press("Alt+Backslash")
        first = vscode.expect_ghost()
        vscode.press("Alt+BracketRight")
        return vscode.is_soon(lambda: vscode.ghost() not in (None, first))

    suggested(vscode, extra=others)
    second = vscode.settled_ghost()
    vscode.press("Alt+BracketLeft")
    vscode.wait_for(lambda: vscode.ghost() not in (None, second), "the one before")
    before, cursor = vscode.lines(), vscode.cursor()
    vscode.press("Alt+BracketRight")
    vscode.wait_for(lambda: vscode.ghost() == second, "the second again")
    vscode.press("Tab")
    expect_lines(vscode, spliced(vscode, before, cursor, second))


def test_tab_indents_where_nothing_is_suggested(vscode: VSCode) -> None:
    path = vscode.folder / "tab.py"
    path.write_text("if x:\n\ny = 1\n")
    vscode.open(path, 3, 1)
    vscode.press("Tab")
    expect_lines(vscode, ["if x:", "", "    y = 1", ""])
    vscode.press("Shift+Tab")
    expect_lines(vscode, ["if x:", "", "y = 1", ""])


def test_tab_goes_from_place_to_place_in_a_snippet(vscode: VSCode) -> None:
    path = vscode.folder / "snippet.html"
    path.write_text("\n")
    vscode.open(path)
    vscode.type("ul>li*2")
    vscode.run("Emmet: Expand Abbreviation")
    expect_lines(vscode, ["<ul>", "    <li></li>", "    <li></li>", "</ul>", ""])
    first = vscode.cursor()
    vscode.press("Escape", "Tab") if vscode.ghost() else vscode.press("Tab")
    vscode.wait_for(lambda: vscode.cursor()[0] == first[0] + 1, "the next place")


def test_windows_line_ends_and_characters_of_any_size(vscode: VSCode) -> None:
    def change(text: str) -> str:
        return ("# naïve 日本語 𝔘𝔫𝔦 👩‍👩‍👧 \u2028 \x0c end\nname = '😀'\n" + text).replace(
            "\n", "\r\n"
        )

    path, ghost = suggested(vscode, change=change)
    text = path.read_bytes().decode()
    row, column = vscode.cursor()
    typed = vscode.lines()[row - 1][: column - 1]
    lines = re.split("\r\n", text)[: row - 1] + (typed + ghost).split("\n")
    vscode.press("Tab")
    vscode.wait_for(lambda: vscode.lines()[-1] == lines[-1], "the suggestion in the text")
    vscode.press("Escape", "Enter", "Escape", "Control+s")
    wanted = "\r\n".join([*lines, ""])
    vscode.wait_for(lambda: path.read_bytes().decode().rstrip(" ") == wanted, f"{wanted!r} on disk")
