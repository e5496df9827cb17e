"""How large a model's context is made: tokens per sequence and number of sequences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

TARGET_N_CTX = 8192
"""Enough for every prompt this program builds; more only costs memory."""
MIN_N_CTX = 512
TARGET_N_SEQUENCES = 8
FEW_SEQUENCES = 4
"""For models whose cache is large: two documents, a conversation, and one to spare."""
MIN_SEQUENCES = 2
SMALL_CACHE_BYTES = 128 * 2**20
MAX_CACHE_BYTES = 2 * 2**30
CACHE_SHARE = 0.25
"""Of the memory that is free once the model is loaded."""


@dataclass(frozen=True, slots=True)
class ContextPlan:
    n_ctx: int
    """Tokens per sequence; a multiple of 256 unless the model's own limit is not."""
    n_sequences: int


def plans(
    *,
    n_ctx_train: int,
    wanted_n_ctx: int | None,
    kv_bytes_per_token: int,
    state_bytes_per_sequence: int,
    available_bytes: int,
) -> Iterator[ContextPlan]:
    """Contexts to try, largest first; the caller takes the first that the runtime can make.

    A length the user asked for is tried first whatever it costs. Then length goes down to a
    half, then sequences, then the rest of the length.
    """
    limit = min(n_ctx_train, wanted_n_ctx or TARGET_N_CTX)
    budget = min(MAX_CACHE_BYTES, int(available_bytes * CACHE_SHARE))

    def cost(plan: ContextPlan) -> int:
        return plan.n_sequences * (plan.n_ctx * kv_bytes_per_token + state_bytes_per_sequence)

    small = ContextPlan(limit, TARGET_N_SEQUENCES)
    if cost(small) <= SMALL_CACHE_BYTES:
        yield small
    lengths = [limit]
    while lengths[-1] // 2 >= MIN_N_CTX:
        lengths.append(lengths[-1] // 2)
    shapes = [ContextPlan(n_ctx, FEW_SEQUENCES) for n_ctx in lengths[:2]]
    shapes += [ContextPlan(n_ctx, MIN_SEQUENCES) for n_ctx in lengths[1:] or lengths]
    if wanted_n_ctx:
        yield ContextPlan(limit, FEW_SEQUENCES)
        yield ContextPlan(limit, MIN_SEQUENCES)
    affordable = [shape for shape in shapes if cost(shape) <= budget]
    yield from affordable or shapes[-1:]
