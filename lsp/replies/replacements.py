"""What an answer says is to be replaced by what: between markers, or as a unified diff."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsp.replies import marks
from lsp.replies.lines import Lines


@dataclass(frozen=True, slots=True)
class Replacement:
    """Both are whole lines, each ended by `\\n`."""

    search: str
    """Empty for a new file."""
    replace: str


def next_replacement(lines: Lines, margin: str) -> Replacement | None:
    """What follows a search marker with that indentation, whose line was taken; None if it is not
    ended."""
    search = lines.until(marks.DIVIDER, margin)
    replace = lines.until(marks.REPLACE, margin) if search is not None else None
    if search is None or replace is None:
        return None
    return Replacement(_joined(search), _joined(replace))


def has_markers(text: Sequence[str]) -> bool:
    return any(marks.match(marks.SEARCH, line) for line in text)


def between_markers(text: list[str], path: str) -> Iterator[tuple[str, Replacement | None]]:
    """The replacements of a block, each with the file it is for, `path` unless one is named
    inside; None for one that is not ended."""
    lines = Lines(text)
    while lines:
        opening = marks.match(marks.SEARCH, lines.take())
        if opening is not None:
            path = lines.path_before() or path
            yield path, next_replacement(lines, opening["margin"])


def is_diff(language: str, text: Sequence[str]) -> bool:
    first = next((line for line in text if line.strip()), "")
    return language in ("diff", "patch") or first.startswith(("--- ", "diff --git ", "@@ "))


def in_diff(text: Sequence[str], path: str) -> Iterator[tuple[str, Replacement]]:
    """Each hunk of a unified diff as what it removes and what it puts there, with its file."""
    old: list[str] = []
    new: list[str] = []
    for line, following in zip([*text, "@@"], [*text[1:], "@@", ""], strict=True):
        is_head = line.startswith("--- ") and following.startswith("+++ ")
        if is_head or marks.match(marks.HUNK, line):
            if old != new:
                yield path, Replacement(_joined(old), _joined(new))
            old, new = [], []
        if is_head:
            path = _named(following) or _named(line) or path
        elif line.startswith("+++ ") and not old and not new:
            path = _named(line) or path
        elif line.startswith("-"):
            old.append(line[1:])
        elif line.startswith("+"):
            new.append(line[1:])
        elif not line.startswith(("@@", "diff ", "index ", "\\")):
            old.append(line[1:])
            new.append(line[1:])


def _named(head: str) -> str:
    """The file of a diff's `---` or `+++` line; empty for none."""
    name = head[4:].split("\t", maxsplit=1)[0].strip()
    is_none = name == "/dev/null"
    return "" if is_none else name.removeprefix("a/").removeprefix("b/")


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
