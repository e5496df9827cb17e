"""How many sequences a model's context gets, each with room for a whole request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

MANY_SEQUENCES = 8
FEW_SEQUENCES = 4
"""For models whose cache is large: two documents, a conversation, and one to spare."""
MIN_SEQUENCES = 2
"""One for what is being typed, one for all else."""
MIN_N_CTX = 512
CPU_ROWS = 128
"""Tokens per call: as fast as more. A cancel or a preemption stops a call that runs."""
RECURRENT_ROWS = 64
"""Where nothing can stop it, and where calls end at saved states."""
GPU_ROWS = 512
FEW_ROWS = 16
"""Slower, but better than no model."""
SMALL_CACHE_BYTES = 128 * 2**20
CACHE_SHARE = 0.25
"""Of the memory that is free once the model is loaded."""
MODERATE_CACHE_BYTES = 512 * 2**20
MODERATE_MODEL_SHARE = 0.2
"""Where nobody asked for a length, the cache takes no more than the larger of these two."""
MODERATE_STATE_BYTES = 256 * 2**20
"""For saved states of recurrent layers; or a share of the model, if that is larger."""
STATE_MODEL_SHARE = 0.1
STATE_SHARE = 0.125
"""Of the memory that is free once the context is made."""


@dataclass(frozen=True, slots=True)
class ContextPlan:
    n_ctx: int
    """Tokens per sequence."""
    n_sequences: int
    n_rows: int | None = None
    """Tokens per call; None leaves it at what suits the device. Fewer need smaller buffers."""
    n_rollback: int = 0
    """Earlier states that recurrent layers keep for each sequence."""


def plans(
    *,
    n_ctx: int,
    is_wanted: bool,
    bytes_per_token: int,
    bytes_per_sequence: int,
    model_bytes: int,
    available_bytes: int,
    max_rollback: int = 0,
) -> Iterator[ContextPlan]:
    """Contexts to try, best first; the caller takes the first that the runtime can make.

    Sequences go before length where the length was asked for, else half of the length goes first:
    a request seldom needs it, while a sequence too few means evaluating a document again.

    Args:
        n_ctx: the most tokens per sequence.
        is_wanted: whether the user asked for so many.
        bytes_per_token: of cache.
        bytes_per_sequence: of state that does not grow.
        max_rollback: earlier states that the runtime can keep of it. They come last: as many are
            kept as fit into what a cache may take once more.
    """
    budget = int(available_bytes * CACHE_SHARE)
    if not is_wanted:
        moderate = max(MODERATE_CACHE_BYTES, int(model_bytes * MODERATE_MODEL_SHARE))
        budget = min(budget, moderate)

    def cost(plan: ContextPlan) -> int:
        return plan.n_sequences * (plan.n_ctx * bytes_per_token + bytes_per_sequence)

    def with_rollback(plan: ContextPlan) -> ContextPlan:
        if not max_rollback or not bytes_per_sequence:
            return plan
        room = min(budget, int(available_bytes * CACHE_SHARE) - cost(plan))
        n_kept = max(room, 0) // (plan.n_sequences * bytes_per_sequence)
        return replace(plan, n_rollback=min(max_rollback, n_kept))

    most = ContextPlan(n_ctx, MANY_SEQUENCES)
    if cost(most) <= SMALL_CACHE_BYTES:
        yield with_rollback(most)
    lengths = [n_ctx]
    while lengths[-1] // 2 >= MIN_N_CTX:
        lengths.append(lengths[-1] // 2)
    if is_wanted:
        shapes = [(n_ctx, FEW_SEQUENCES), *((length, MIN_SEQUENCES) for length in lengths)]
    else:
        shapes = [(length, FEW_SEQUENCES) for length in lengths[:2]]
        shapes += [(length, MIN_SEQUENCES) for length in lengths[1:] or lengths]
    tried = [ContextPlan(length, n_sequences) for length, n_sequences in shapes]
    yield from (with_rollback(plan) for plan in tried if cost(plan) <= budget)
    # Memory that the system counts as used may still be had; the runtime knows in the end.
    yield tried[-1]
    yield replace(tried[-1], n_rows=FEW_ROWS)


def usual_rows(*, on_cpu: bool, is_recurrent: bool) -> int:
    """Tokens per call."""
    if not on_cpu:
        return GPU_ROWS
    return RECURRENT_ROWS if is_recurrent else CPU_ROWS


def state_budget(model_bytes: int, available_bytes: int) -> int:
    """Bytes that saved states may take together."""
    moderate = max(MODERATE_STATE_BYTES, int(model_bytes * STATE_MODEL_SHARE))
    return min(moderate, int(available_bytes * STATE_SHARE))
