"""What a runtime must not be asked: llama.cpp answers it with abort(), or wrongly in silence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inference.backends.base import Span
from inference.errors import BackendError


def check_spans(
    spans: Sequence[Span],
    *,
    max_rows: int,
    max_logits: int,
    n_vocab: int,
    n_sequences: int,
    n_ctx: int,
    n_held: Callable[[int], int],
) -> None:
    """Raises `BackendError` for what one call cannot be made of.

    Args:
        n_held: the number of tokens that a sequence holds.
    """
    n_rows = n_logits = 0
    for span in spans:
        n_rows += len(span.tokens)
        n_logits += span.n_logits
    if not 0 < n_rows <= max_rows:
        raise BackendError(f"{n_rows} tokens in one call; at most {max_rows}.")
    if n_logits > max_logits:
        raise BackendError(f"Logits for {n_logits} tokens in one call; at most {max_logits}.")
    for span in spans:
        if not 0 <= span.n_logits <= len(span.tokens):
            raise BackendError("More logits asked for than tokens given.")
        if not 0 <= span.sequence < n_sequences:
            raise BackendError(f"There is no sequence {span.sequence}.")
        if span.position < 0 or span.position + len(span.tokens) > n_ctx:
            raise BackendError(f"Tokens beyond the context of {n_ctx}.")
        if min(span.tokens) < 0 or max(span.tokens) >= n_vocab:
            raise BackendError("A token id outside the vocabulary.")
        end = n_held(span.sequence)
        if span.position != end:
            raise BackendError(f"Position {span.position} in a sequence of {end} tokens.")
