"""Loops: a small model that has nothing to say says the same again and again."""

from __future__ import annotations

import re

MIN_LOOP_CHARS = 24
MIN_LOOP_ROUNDS = 4
MAX_PERIOD_CHARS = 48
MAX_PERIOD_LINES = 4

_WORD = re.compile(r"\w")
_LETTER = re.compile(r"[^\W\d]")
_SPACE = re.compile(r"\s+")


def squash(text: str) -> str:
    """`text` without white space."""
    return _SPACE.sub("", text)


def is_telling(line: str, n_chars: int = 8) -> bool:
    """Whether a line says enough for its repetition to mean something; `}` and `else:` do not."""
    squashed = squash(line)
    return len(squashed) >= n_chars and _WORD.search(squashed) is not None


def loop_end(line: str, start: int = 0) -> int | None:
    """The index in `line`, after `start`, at which a loop within the line is certain; None if none.

    A loop is the same piece of up to `MAX_PERIOD_CHARS` at least `MIN_LOOP_ROUNDS` times in a row,
    over at least `MIN_LOOP_CHARS`. Rules such as `-----` are no loop: a piece must have a letter or
    a digit in it.
    """
    for end in range(max(start, MIN_LOOP_CHARS), len(line) + 1):
        for period in range(1, MAX_PERIOD_CHARS + 1):
            span = max(MIN_LOOP_CHARS, period * MIN_LOOP_ROUNDS)
            if span > end:
                break
            if line[end - 1] != line[end - 1 - period]:
                continue
            if line[end - span + period : end] != line[end - span : end - period]:
                continue
            if _WORD.search(line, end - period, end) is not None:
                return end
    return None


def is_line_loop(lines: list[str], line: str) -> int:
    """How many lines at the end of `lines` plus `line` repeat the lines before them; 0 for none.

    The same telling line three times, the same line with a letter in it four times, or the same
    group of 2 to `MAX_PERIOD_LINES` lines twice.
    """
    tail = [squash(text) for text in (*lines[-3 * MAX_PERIOD_LINES :], line)]
    if not tail[-1]:
        return 0
    for period in range(1, MAX_PERIOD_LINES + 1):
        rounds = 3 if period == 1 else 2
        if len(tail) < rounds * period:
            continue
        groups = [
            tail[len(tail) - (n + 1) * period : len(tail) - n * period] for n in range(rounds)
        ]
        is_same = all(group == groups[0] for group in groups)
        if is_same and any(is_telling(text, 6) for text in groups[0]):
            return period * (rounds - 1)
    is_run = len(tail) >= MIN_LOOP_ROUNDS and len(set(tail[-MIN_LOOP_ROUNDS:])) == 1
    return MIN_LOOP_ROUNDS - 1 if is_run and _LETTER.search(tail[-1]) else 0
