"""Which part of the text around a cursor goes into a prompt.

A window's far edge must not move with every keystroke, or nothing cached before it could be used
again. So the edge of the text before the cursor only ever stands on the first line that starts at
or after a multiple of a *stride*, counted from the start of the text; the edge of the text after
the cursor likewise, counted from its end. While one types, these places stay where they are; the
edge jumps by a stride when the window would overflow.

The edges depend on the text alone. Offsets are Python string indices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

CHARS_PER_TOKEN = 4
"""Upper estimate for code: more characters than this times the budget are never tokenised."""
STRIDES_PER_WINDOW = 8
PREFIX_SHARE = 0.75
"""Of the budget; what one side does not need goes to the other, in halves of its share."""

Tokens = Callable[[str], list[int]]


@dataclass(frozen=True, slots=True)
class Window:
    """Text to be used, and its tokens."""

    text: str
    tokens: list[int]


def windows(prefix: str, suffix: str, budget: int, tokens: Tokens) -> tuple[Window, Window]:
    """The windows before and after the cursor, together of at most `budget` tokens."""
    before_share = int(budget * PREFIX_SHARE)
    after_share = budget - before_share
    after = window_after(suffix, after_share, tokens)
    unused = _unused(after, suffix, after_share)
    before = window_before(prefix, before_share + unused, tokens, stride(before_share))
    unused = _unused(before, prefix, before_share)
    if unused and len(after.text) < len(suffix):
        after = window_after(suffix, after_share + unused, tokens, stride(after_share))
    return before, after


def _unused(window: Window, text: str, share: int) -> int:
    """In halves of the share, so that the other window's edge does not follow the typing."""
    if len(window.text) < len(text) or share < 2:
        return 0
    half = share // 2
    return max(share - len(window.tokens), 0) // half * half


def stride(budget: int) -> int:
    """Characters between two possible edges: a power of two, so that windows of similar budgets
    have edges in common."""
    chars = max(budget * CHARS_PER_TOKEN // STRIDES_PER_WINDOW, 1)
    return 1 << (chars.bit_length() - 1)


def window_before(text: str, budget: int, tokens: Tokens, step: int | None = None) -> Window:
    """The end of `text`, from an edge as described above, of at most `budget` tokens."""
    step = step or stride(budget)
    mark = _round_up(len(text) - budget * CHARS_PER_TOKEN, step)
    while mark < len(text):
        kept = text[_line_start(text, mark, step) :]
        ids = tokens(kept)
        if len(ids) <= budget:
            return Window(kept, ids)
        mark += step
    # Denser than a stride allows for: the text is no code. Some of its end will do.
    return _last_resort(text[max(len(text) - budget // 4, 0) :], budget, tokens)


def window_after(text: str, budget: int, tokens: Tokens, step: int | None = None) -> Window:
    """The start of `text`, up to an edge as described above, of at most `budget` tokens."""
    step = step or stride(budget)
    mark = _round_up(len(text) - budget * CHARS_PER_TOKEN, step)
    while mark < len(text):
        kept = text[: _line_end(text, len(text) - mark, step)]
        ids = tokens(kept)
        if len(ids) <= budget:
            return Window(kept, ids)
        mark += step
    return _last_resort(text[: budget // 4], budget, tokens)


def _round_up(number: int, step: int) -> int:
    return -(-max(number, 0) // step) * step


def _last_resort(text: str, budget: int, tokens: Tokens) -> Window:
    """A character has at most four bytes and a token at least one."""
    ids = tokens(text)
    return Window(text, ids) if len(ids) <= budget else Window("", [])


def _line_start(text: str, mark: int, step: int) -> int:
    """The first line start in `mark` … `mark + step`, else `mark`: a line that long is cut."""
    if mark == 0:
        return 0
    newline = text.find("\n", mark - 1, mark + step)
    return newline + 1 if newline >= 0 else mark


def _line_end(text: str, mark: int, step: int) -> int:
    """The last line end (after its newline) in `mark - step` … `mark`, else `mark`."""
    if mark == len(text):
        return mark
    newline = text.rfind("\n", max(mark - step, 0), mark)
    return newline + 1 if newline >= 0 else mark
