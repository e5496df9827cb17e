"""Gives a model's code the indentation of the place where it goes."""

from __future__ import annotations

from lsp.actions.source_tree import tree_of, walk
from lsp.context.language import Language
from lsp.context.surroundings import indent_of

_TAB = 4
"""Columns of a tab, where a model's tabs are to become spaces or the other way round."""


def reindented(text: str, old: str, *, unit: str, language: Language) -> str:
    """`text`, so that it begins where `old` does and is indented as the file is.

    Both are whole lines that end with `\\n`. `unit` is one step of indentation of the file. Inside
    strings of several lines only what has to move is moved.
    """
    lines = text.split("\n")
    base = indent_of(_first(old.split("\n")))
    strings = _rows_in_strings(text, language)
    lines = _in_style(lines, old, unit, strings)
    first = indent_of(_first(lines))
    if first == base:
        return "\n".join(lines)
    if _only_first_is_off(lines, base, first, unit):
        number = next(n for n, line in enumerate(lines) if line.strip())
        lines[number] = base + lines[number].lstrip()
        return "\n".join(lines)
    kept = set(old.split("\n"))
    return "\n".join(
        line
        if not line.strip() or (number in strings and line in kept)
        else _moved(line, first, base)
        for number, line in enumerate(lines)
    )


def _first(lines: list[str]) -> str:
    """The first line that has text."""
    return next((line for line in lines if line.strip()), "")


def _moved(line: str, first: str, base: str) -> str:
    if line.startswith(first):
        return base + line[len(first) :]
    # Left of where the answer begins: it keeps its distance as far as there is room.
    lacking = len(first) - len(indent_of(line))
    return base[: max(0, len(base) - lacking)] + line.lstrip()


def _only_first_is_off(lines: list[str], base: str, first: str, unit: str) -> bool:
    """Whether the answer began in the middle of a line, without its indentation."""
    if len(first) >= len(base):
        return False
    filled = [line for line in lines if line.strip()]
    others = [indent_of(line) for line in filled[1:]]
    if not others:
        return False
    is_opened = filled[0].rstrip()[-1] in ":{(["
    closes = [line for line in filled[1:] if line.lstrip()[0] in ")]}"]
    expected = base + unit if is_opened else base
    return others[0] == expected and (
        not is_opened or all(indent_of(line).startswith(base) for line in closes)
    )


def _in_style(lines: list[str], old: str, unit: str, strings: frozenset[int]) -> list[str]:
    """Tabs or spaces, and as many of them, as the file has."""
    known = {line for line in old.split("\n") if line.strip()}
    step = _step(lines, strings)
    if step is None or any(line in known and indent_of(line) for line in lines[1:]):
        return lines
    unit_width = _TAB if unit == "\t" else len(unit)
    has_tabs = any("\t" in indent_of(line) for line in lines)
    if step == unit_width and has_tabs == (unit == "\t"):
        return lines
    return [
        line
        if number in strings or not line.strip() or _width(line) % step
        else unit * (_width(line) // step) + line.lstrip()
        for number, line in enumerate(lines)
    ]


def _step(lines: list[str], strings: frozenset[int]) -> int | None:
    """Columns of one step in the answer; None where it shows none."""
    first = _width(_first(lines))
    deeper = {
        _width(line) - first
        for number, line in enumerate(lines)
        if line.strip() and number not in strings
    }
    steps = sorted(step for step in deeper if step > 0)
    return steps[0] if steps and steps[0] in (2, 3, 4, 8) else None


def _width(line: str) -> int:
    return len(indent_of(line).expandtabs(_TAB))


def _rows_in_strings(text: str, language: Language) -> frozenset[int]:
    """Lines that begin inside a string."""
    tree = tree_of(text, language)
    if tree is None:
        return frozenset()
    rows: set[int] = set()
    for node in walk(tree.root):
        if "string" in node.type and node.end_point.row > node.start_point.row:
            rows.update(range(node.start_point.row + 1, node.end_point.row + 1))
    return frozenset(rows)
