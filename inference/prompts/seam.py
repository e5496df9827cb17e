"""Token healing: where a prompt ends when the cursor stands inside a token.

A tokenizer would never have cut `retu|rn` where the cursor is, so a model that is shown `ret`,
`u` has seldom seen what comes next. The prompt therefore ends before the unfinished piece, and the
model spells that piece again, constrained to the characters that were typed. The constraint is
exact: at each step any token is allowed whose bytes either start with what is still to be spelt or
are a beginning of it.

The piece is the run of word characters, or of other visible ones, before the cursor, taken back to
a token's start. So the prompt is the same at each keystroke inside a word. White space is left
alone: models are trained on prompts that end with it, and the built-in model completes such places
better without healing (docs/engine.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MAX_HEALED_BYTES = 48
"""A longer run is no word in the making; spelling it again would cost many steps."""


@dataclass(frozen=True, slots=True)
class Seam:
    """How many tokens of the prompt's text are kept, and the bytes to spell after them."""

    n_kept: int
    constraint: bytes


def find_seam(tokens: list[int], typed: str, piece: Callable[[int], bytes]) -> Seam:
    """Where to end the prompt.

    Args:
        tokens: of a text that ends with `typed`.
        typed: what stands before the cursor on its line.
        piece: a token's bytes.
    """
    open_end = Seam(len(tokens), b"")
    run = _last_run(typed)
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


def _last_run(typed: str) -> str:
    if not typed or typed[-1].isspace():
        return ""
    kind = _kind(typed[-1])
    start = len(typed)
    while start and _kind(typed[start - 1]) == kind and len(typed) - start <= MAX_HEALED_BYTES:
        start -= 1
    return typed[start:]


def _kind(char: str) -> int:
    if char == "_" or char.isalnum():
        return 0
    return 1 if char.isspace() else 2
