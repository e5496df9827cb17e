"""How a prompt is cut into calls, so that reuse does not change a bit. See `RowPolicy`."""

from __future__ import annotations

import msgspec

from inference.backends.base import RowPolicy


class PrefillChunk(msgspec.Struct, frozen=True):
    """Tokens `start` … `end - 1` of the prompt."""

    start: int
    """At most the number of evaluated tokens; the sequence is cut to it first."""
    end: int


def next_chunk(
    n_past: int, n_prompt: int, rows: RowPolicy, *, can_go_back: bool = True
) -> PrefillChunk:
    """The next tokens to evaluate, `n_past < n_prompt` of which are.

    Each call has at least `rows.minimum` tokens and a multiple of `rows.multiple`; where too few
    are left, the call goes back over evaluated ones. That happens only after reuse, or where the
    prompt is no multiple. A prompt shorter than the minimum is always evaluated whole.

    Without `can_go_back` the last call of a prompt has as many as are left, which must be the
    minimum or all; beyond the last multiple these depend on the prompt's length, and only on it.
    """
    remaining = n_prompt - n_past
    if remaining > rows.maximum:
        count = rows.maximum
        if remaining - count < rows.minimum < count:
            count -= rows.minimum
        return PrefillChunk(n_past, n_past + count)
    if not can_go_back:
        return PrefillChunk(n_past, n_prompt)
    count = max(remaining, rows.minimum)
    count += -count % rows.multiple
    if count <= n_prompt:
        return PrefillChunk(n_prompt - count, n_prompt)
    if n_prompt <= rows.minimum or n_prompt % rows.multiple == 0:
        return PrefillChunk(0, n_prompt)
    # Whole multiples first; the call after this one goes back into them.
    return PrefillChunk(0, n_prompt // rows.multiple * rows.multiple)
