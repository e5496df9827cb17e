"""What a model will need of memory, and how long a context fits into what is free."""

from __future__ import annotations

import msgspec

from inference.errors import ModelTooLargeError
from inference.models.refusals import printable
from inference.models.summary import ModelSummary

DEFAULT_N_CTX = 8192
"""Tokens; enough for every prompt this program builds. More only costs memory."""
MIN_N_CTX = 512
"""Below this a prompt has no room for both sides of a cursor and an answer."""
_STEP = 256
"""The runtime rounds contexts up to it."""
_ROWS = 128
_LOGIT_ROWS = 16
"""Tokens per call, and those of them with logits, as the backend asks for on a CPU."""
_ACTIVATIONS = 16
"""Vectors of a layer's width that are alive at once, for each token of a call; an estimate."""
_RUNTIME_BYTES = 48 * 2**20
"""The runtime's libraries, graphs and scheduler, whatever the model."""
_KEPT_FREE = 0.1
"""Share of the free memory that is left to the rest of the machine."""


class ContextChoice(msgspec.Struct, frozen=True):
    n_ctx: int
    """Tokens that all requests together may hold in the cache."""
    reason: str | None
    """Why it is less than asked for; None where it is not."""


def estimate_memory(summary: ModelSummary, n_ctx: int) -> int:
    """Bytes that a model and a cache of `n_ctx` tokens need while they run.

    Weights count once: what the runtime repacks for this CPU it holds in memory of its own, and
    the pages of the file behind it can then be dropped. Files, cache and recurrent state are exact
    sums over the header; earlier and saved states are left out, as they are the first to be given
    up where memory is short (`inference/backends/context_plan.py`). Buffers for computing are an
    upper estimate without flash attention. In all 1.1 to 1.3 times what a model of
    Qwen2.5-Coder-0.5B's widths grew the process by, in F16, Q8_0, Q4_0 and Q4_K_M.
    """
    scores = summary.max_heads * min(n_ctx, summary.n_ctx_train) * _ROWS
    logits = summary.n_vocab * _LOGIT_ROWS
    activations = summary.n_embd * _ROWS * _ACTIVATIONS
    return (
        summary.size_bytes
        + n_ctx * summary.kv_bytes_per_token
        + summary.recurrent_bytes_per_sequence
        + 4 * (scores + logits + activations)
        + _RUNTIME_BYTES
    )


def choose_n_ctx(
    summary: ModelSummary, requested: int | None, available_bytes: int
) -> ContextChoice:
    """The context to make: what was asked for, as far as training and free memory allow.

    Args:
        requested: tokens; None leaves the choice to the model and the memory.
        available_bytes: as `inference.hardware` measures it.

    Raises `ModelTooLargeError` if not even `MIN_N_CTX` tokens fit.
    """
    wanted = requested or DEFAULT_N_CTX
    n_ctx = min(wanted, summary.n_ctx_train)
    budget = int(available_bytes * (1 - _KEPT_FREE))
    if estimate_memory(summary, n_ctx) <= budget:
        trained = f"{summary.name} was trained on texts of up to {summary.n_ctx_train} tokens."
        return ContextChoice(n_ctx, trained if requested and n_ctx < wanted else None)
    least = min(MIN_N_CTX, n_ctx)
    if estimate_memory(summary, least) > budget:
        raise ModelTooLargeError(
            f"{summary.name} ({printable(summary.path)}) needs"
            f" {_gb(estimate_memory(summary, least))} of memory and {_gb(available_bytes)} are"
            " free: choose a smaller model or quantization, or close other programs."
        )
    fitting = n_ctx - 1 - (n_ctx - 1) % _STEP
    while fitting > least and estimate_memory(summary, fitting) > budget:
        fitting -= _STEP
    fitting = max(fitting, least)
    return ContextChoice(
        fitting,
        f"A context of {n_ctx} tokens would take {_gb(estimate_memory(summary, n_ctx))} of memory"
        f" and {_gb(available_bytes)} are free.",
    )


def _gb(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB"
