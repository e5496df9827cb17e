"""Spans of a text and changes to it: the fewest characters that make one text of another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters from `start` up to, not including, `end`."""

    start: int
    end: int

    def __contains__(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end

    def cut(self, text: str) -> str:
        """The part of `text` it covers."""
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Change:
    """`span` of the old text becomes `text`."""

    span: Span
    text: str


def apply(text: str, changes: Iterable[Change]) -> str:
    """The new text. The changes are in order and do not overlap."""
    parts: list[str] = []
    done = 0
    for change in changes:
        parts += text[done : change.span.start], change.text
        done = change.span.end
    return "".join([*parts, text[done:]])


def shifted(changes: Iterable[Change], by: int) -> tuple[Change, ...]:
    """The same changes further on in the text."""
    return tuple(
        Change(Span(change.span.start + by, change.span.end + by), change.text)
        for change in changes
    )


def minimal(text: str, region: Span, new: str, eol: str) -> tuple[Change, ...]:
    """What makes the region of `text` read `new`, whose lines end with `\\n`, in order.

    Lines that stay keep the line ending they have; others get `eol`. Of a line that changes only
    the characters between its first and last difference are touched.
    """
    new_lines = [line.replace("\n", eol) for line in _LINE.findall(new)]
    old_lines = _LINE.findall(region.cut(text))
    changes = _line_by_line(region.start, old_lines, new_lines, _with_newline)
    return joined(_kept_apart(text, region, change) for change in changes)


def exact(old: str, new: str) -> tuple[Change, ...]:
    """What makes `old` read `new` to the letter, line endings too; as few characters as that."""
    return _line_by_line(0, _LINE.findall(old), _LINE.findall(new), lambda line: line)


def _line_by_line(
    start: int, old_lines: list[str], new_lines: list[str], key: Callable[[str], str]
) -> tuple[Change, ...]:
    """The changes to old lines, of which the first begins at `start`. Lines with the same key stay
    as they are."""
    matcher = SequenceMatcher(
        None, [key(line) for line in old_lines], [key(line) for line in new_lines], autojunk=False
    )
    offsets = [start]
    for line in old_lines:
        offsets.append(offsets[-1] + len(line))
    changes: list[Change] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        if i2 - i1 == j2 - j1:  # line by line
            pairs = zip(range(i1, i2), range(j1, j2), strict=True)
            parts = [(offsets[i], old_lines[i], new_lines[j]) for i, j in pairs]
        else:
            old, replacement = "".join(old_lines[i1:i2]), "".join(new_lines[j1:j2])
            parts = [(offsets[i1], old, replacement)]
        changes += [_trimmed(*part) for part in parts]
    return joined(changes)


def _kept_apart(text: str, region: Span, change: Change) -> Change:
    """In texts of mixed line endings a `\\r` and a `\\n` that come to stand together would be one
    line ending; then the new one of the two is written `\\r\\n`."""
    start, end, new = change.span.start, change.span.end, change.text
    is_after_cr = text[:start].endswith("\r")
    is_before_lf = text.startswith("\n", end)
    if is_after_cr and new.startswith("\n"):
        new = "\r" + new
    if is_before_lf and new.endswith("\r"):
        new += "\n"
    if is_after_cr and is_before_lf and not new:
        if start > region.start:
            return Change(Span(start - 1, end), "\r\n")
        if end < region.end:
            return Change(Span(start, end + 1), "\r\n")
    return Change(Span(start, end), new)


def reanchored(
    changes: tuple[Change, ...], old: str, new: str, region: Span
) -> tuple[Change, ...] | None:
    """Changes made for `old`, moved to where the region is in `new`.

    None if the text changed inside the region or right at its edge, or on both sides of it.
    """
    if old == new:
        return changes
    n_before = _common_prefix(old, new)
    if n_before > region.end:
        return changes
    n_after = min(_common_suffix(old, new), len(new) - n_before)
    if len(old) - n_after < region.start:
        return shifted(changes, len(new) - len(old))
    return None


def _with_newline(line: str) -> str:
    """The line, whatever ends it; one without an end is another than one with."""
    return line.rstrip("\r\n") + "\n" if line[-1:] in ("\r", "\n") else line


def _trimmed(start: int, old: str, new: str) -> Change:
    """Only what differs, and never half of a `\\r\\n`."""
    n_before = _common_prefix(old, new)
    if n_before and old[n_before - 1] == "\r":
        n_before -= 1
    limit = min(len(old), len(new)) - n_before
    n_after = min(_common_suffix(old, new), limit)
    if n_after and old[len(old) - n_after] == "\n" and _is_split(old, new, n_after):
        n_after -= 1
    span = Span(start + n_before, start + len(old) - n_after)
    return Change(span, new[n_before : len(new) - n_after])


def _is_split(old: str, new: str, n_after: int) -> bool:
    return any(text[: len(text) - n_after].endswith("\r") for text in (old, new))


def joined(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Changes that touch become one: editors may order insertions at one place as they like."""
    return tuple(_joined(changes))


def _joined(changes: Iterable[Change]) -> Iterator[Change]:
    last: Change | None = None
    for change in changes:
        if not change.text and change.span.start == change.span.end:
            continue
        if last is not None and last.span.end == change.span.start:
            last = Change(Span(last.span.start, change.span.end), last.text + change.text)
            continue
        if last is not None:
            yield last
        last = change
    if last is not None:
        yield last


def _common_prefix(a: str, b: str) -> int:
    n = min(len(a), len(b))
    if a[:n] == b[:n]:
        return n
    low, high = 0, n  # Halving: slices are compared far faster than characters one by one.
    while low < high:
        middle = (low + high + 1) // 2
        if a[:middle] == b[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_suffix(a: str, b: str) -> int:
    return _common_prefix(a[::-1], b[::-1])
