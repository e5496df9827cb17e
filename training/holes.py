"""Where a hole goes in a piece of source, as an editor would make it.

A hole splits a text into what is above and before the cursor, what is missing, and what follows.
Most holes are the rest of a line from a place inside it; the others are whole lines and blocks.
Every hole ends where a line or a block ends, or before brackets an editor has already closed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

_WORD_START = re.compile(r"(?<=[\s.(\[,=:'\"{])\S|\b\w")
_CLOSERS = re.compile(r"[)\]}:;,'\"]+$")
MAX_BLOCK_LINES = 12


@dataclass(frozen=True)
class Hole:
    """`text[:start]` is before the cursor, `text[start:end]` is missing.

    `line_start` is where the cursor's line begins: `text[line_start:start]` is already typed.
    """

    kind: str
    line_start: int
    start: int
    end: int


def choose_hole(text: str, rng: random.Random) -> Hole | None:
    """A hole of a random kind at a random line, or None where the text offers none there."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    candidates = [i for i, line in enumerate(lines) if len(line.strip()) >= 3]
    if not candidates:
        return None
    # Later lines more often: an editor has more text above the cursor to give than below it.
    index = candidates[min(len(candidates) - 1, int(len(candidates) * rng.random() ** 0.6))]
    draw = rng.random()
    if draw < 0.62:
        return rest_of_line(lines[index], starts[index], rng)
    if draw < 0.78:
        return whole_line(lines[index], starts[index], rng)
    if draw < 0.92:
        return block(lines, starts, index, rng)
    return inside_line(lines[index], starts[index], rng)


def rest_of_line(line: str, at: int, rng: random.Random) -> Hole | None:
    """From a place inside the line to its end, or to the closing brackets at its end."""
    indent = _indent(line)
    words = [m.start() for m in _WORD_START.finditer(line) if m.start() > indent]
    if words and rng.random() < 0.55:
        start = rng.choice(words)
    elif len(line) - indent >= 3:
        start = rng.randint(indent + 1, len(line) - 1)
    else:
        return None
    end = len(line)
    closers = _CLOSERS.search(line)
    if closers and closers.start() > start and rng.random() < 0.2:
        end = closers.start()
    return Hole("rest", at, at + start, at + end)


def whole_line(line: str, at: int, rng: random.Random) -> Hole:
    """A line an editor has indented, or (less often) not even that."""
    start = _indent(line) if rng.random() < 0.8 else 0
    return Hole("line", at, at + start, at + len(line))


def inside_line(line: str, at: int, rng: random.Random) -> Hole | None:
    """A piece between two words of one line."""
    places = [m.start() for m in _WORD_START.finditer(line)]
    if len(places) < 3:
        return None
    start, end = sorted(rng.sample(places, 2))
    return Hole("inside", at, at + start, at + end) if start > _indent(line) else None


def block(
    lines: Sequence[str], starts: Sequence[int], index: int, rng: random.Random
) -> Hole | None:
    """The body of the first block opened at or below `index`, with or without its header's end."""
    header = next(
        (k for k in range(index, len(lines) - 1) if lines[k].rstrip().endswith((":", "{"))), None
    )
    if header is None:
        return None
    base, last = _indent(lines[header]), header
    while last + 1 < len(lines) and (
        not lines[last + 1].strip() or _indent(lines[last + 1]) > base
    ):
        last += 1
    while last > header and not lines[last].strip():
        last -= 1
    if last == header or last - header > MAX_BLOCK_LINES or last + 1 >= len(lines):
        return None
    end = starts[last] + len(lines[last])
    if rng.random() < 0.4:
        return Hole("block", starts[header], starts[header] + len(lines[header]), end)
    body = header + 1
    return Hole("block", starts[body], starts[body] + _indent(lines[body]), end)


def seam(text: str, line_start: int, cursor: int) -> int:
    """Where the prompt of a cursor inside a piece of text ends, once tokens are healed.

    Editors ask in the middle of words. The prompt then ends before the last run of one kind of
    character (word, space, other) on the cursor's line, and before the character that a word's
    first token takes in; the model spells what was typed again.
    """
    at = cursor
    if at == line_start:
        return at
    kind = _kind(text[at - 1])
    while at > line_start and _kind(text[at - 1]) == kind:
        at -= 1
    if at > line_start:
        before = text[at - 1]
        if before == " " if kind == "other" else kind == "word" and not before.isdigit():
            at -= 1
    return at


def _kind(char: str) -> str:
    if char == "_" or char.isalnum():
        return "word"
    return "space" if char.isspace() else "other"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
