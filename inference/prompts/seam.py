"""Token healing: where a prompt ends when the cursor stands inside a token.

A tokenizer would never have cut `retu|rn` where the cursor is, so a model that is shown `ret`,
`u` has seldom seen what comes next. The prompt therefore ends before the unfinished piece, and the
model spells that piece again, constrained to the characters that were typed. The constraint is
exact: at each step any token is allowed whose bytes either start with what is still to be spelt or
are a beginning of it.

The piece is the run of word characters, or of other visible ones, before the cursor, with the one
character before it that a tokenizer's pre-splitting would leave joined to it (`(name`, ` ==`),
taken back to a token's start. So the prompt is the same at each keystroke inside a word. White
space is a piece too for models that were trained so, as the built-in one is; others were trained on
prompts that end with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

MAX_HEALED_BYTES = 48
"""A longer run is no word in the making; spelling it again would cost many steps."""


class _Kind(Enum):
    WORD = 0
    SPACE = 1
    OTHER = 2


@dataclass(frozen=True, slots=True)
class Seam:
    """How many tokens of the prompt's text are kept, and the bytes to spell after them."""

    n_kept: int
    constraint: bytes


def find_seam(
    tokens: list[int],
    typed: str,
    piece: Callable[[int], bytes],
    *,
    heals_space: bool = False,
) -> Seam:
    """Where to end the prompt.

    Args:
        tokens: of a text that ends with `typed`.
        typed: what stands before the cursor on its line.
        piece: a token's bytes.
        heals_space: whether white space before the cursor is spelt again.
    """
    open_end = Seam(len(tokens), b"")
    run = _last_run(typed, heals_space=heals_space)
    n_run_bytes = len(run.encode("utf-8", "replace"))
    n_typed_bytes = len(typed.encode("utf-8", "replace"))
    if not 0 < n_run_bytes <= MAX_HEALED_BYTES:
        return open_end
    n_kept, healed = len(tokens), b""
    while n_kept and len(healed) < n_run_bytes:
        n_kept -= 1
        healed = piece(tokens[n_kept]) + healed
    # A token that reaches back over the line's start, or over a run too long, is left alone.
    if len(healed) > min(n_typed_bytes, MAX_HEALED_BYTES):
        return open_end
    if not typed.encode("utf-8", "replace").endswith(healed):
        return open_end
    return Seam(n_kept, healed)


def _last_run(typed: str, *, heals_space: bool) -> str:
    if not typed or (typed[-1].isspace() and not heals_space):
        return ""
    kind = _kind(typed[-1])
    start = len(typed)
    while start and _kind(typed[start - 1]) == kind and len(typed) - start <= MAX_HEALED_BYTES:
        start -= 1
    if start and _joins(typed[start - 1], kind):
        start -= 1
    return typed[start:]


def _kind(char: str) -> _Kind:
    if char == "_" or char.isalnum():
        return _Kind.WORD
    return _Kind.SPACE if char.isspace() else _Kind.OTHER


def _joins(before: str, kind: _Kind) -> bool:
    """Whether a tokenizer may keep the character `before` a run in one piece with it: before
    letters any one but a digit, before other signs a space."""
    if kind is _Kind.OTHER:
        return before == " "
    return kind is _Kind.WORD and not before.isdigit()
