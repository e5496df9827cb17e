"""The context that a drafting model computes in, beside its target's."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.backends.llama_bindings import AbortFlag, Batch, api, log_sink, logits_row
from inference.backends.llama_extensions import Rows
from inference.errors import BackendError, ModelTooLargeError

_log = logging.getLogger(__name__)
_ABORTED = 2
_MAX_LOGITS = 16


@dataclass(frozen=True, slots=True)
class Target:
    """What is drafted for: a loaded model and its context."""

    model: Any
    context: Any
    n_vocab: int
    n_embd: int
    """Of its hidden state."""
    end_ids: frozenset[int]
    n_ctx: int
    """Tokens that one sequence can hold."""
    n_sequences: int
    n_threads: int
    on_gpu: bool
    abort: AbortFlag


class DraftContext:
    """As many sequences as the target has, of attention alone, so that they can be cut anywhere."""

    def __init__(
        self,
        model: Any,
        target: Target,
        *,
        n_ctx: int,
        n_embd: int = 0,
        mtp: bool = False,
        has_logits_for_all: bool = False,
        can_be_interrupted: bool = False,
    ) -> None:
        """
        Args:
            n_ctx: tokens that one sequence can hold.
            n_embd: numbers that go in beside each token; 0 for none.
            mtp: runs the model's layers for multi-token prediction instead of the others.
            has_logits_for_all: the model's graph has logits for all tokens or for none.
            can_be_interrupted: whether what interrupts the target interrupts this too.

        Raises `ModelTooLargeError`.
        """
        self.handle: Any = api.llama_init_from_model(
            model, _parameters(target, n_ctx=n_ctx, mtp=mtp)
        )
        if not self.handle:
            raise ModelTooLargeError(
                "There is not enough free memory for the context of the model that drafts: close"
                " other programs, or choose a smaller context."
            )
        self.n_ctx = int(api.llama_n_ctx_seq(self.handle))
        self.capacity = int(api.llama_n_batch(self.handle))
        self._has_logits_for_all = has_logits_for_all
        self.capacity_with_logits = _MAX_LOGITS if has_logits_for_all else self.capacity
        """Of a call that wants logits."""
        self._n_vocab = int(api.llama_vocab_n_tokens(api.llama_model_get_vocab(model)))
        self._n_known = min(self._n_vocab, target.n_vocab)
        self.last_row = 0
        """Of the last call."""
        self._target = target.context
        self._n_threads = target.n_threads
        self._memory: Any = api.llama_get_memory(self.handle)
        self._batch = Batch(self.capacity, n_embd=n_embd)
        if can_be_interrupted and target.abort.works and not target.on_gpu:
            api.llama_set_abort_callback(self.handle, target.abort.callback, target.abort.argument)

    def evaluate(
        self,
        sequence: int,
        position: int,
        tokens: Sequence[int],
        rows: Rows | None = None,
        *,
        wants_logits: bool = True,
    ) -> bool:
        """At most `capacity` tokens. False: it did not come to an end and nothing of it is held.

        Args:
            rows: what goes in beside the tokens, of shape (tokens, `n_embd`).
            wants_logits: for the last token.
        """
        self._batch.clear()
        n_logits = len(tokens) if self._has_logits_for_all else 1
        self._batch.append(tokens, position, sequence, n_logits if wants_logits else 0)
        if rows is not None:
            self._batch.vectors[: len(tokens)] = rows
        self._follow_threads()
        log_sink.hold()
        code = int(api.llama_decode(self.handle, self._batch.raw))
        # Drafts are optional, so no failure here is an error.
        log_sink.release(logging.DEBUG if code == _ABORTED else logging.WARNING)
        self.last_row = len(tokens) - 1
        if code != 0:
            self.truncate(sequence, position)
        return code == 0

    def _follow_threads(self) -> None:
        """The target's number changes with the load of the machine."""
        n_threads = int(api.llama_n_threads(self._target))
        if n_threads != self._n_threads:
            self._n_threads = n_threads
            api.llama_set_n_threads(self.handle, n_threads, n_threads)

    def likeliest(self) -> int:
        """The token that the last call, which asked for logits, holds for the likeliest."""
        logits = logits_row(self.handle, self.last_row, self._n_vocab)
        if logits is None:
            raise BackendError("llama.cpp gave no logits for a token that was to have them.")
        # The model may have more tokens than its target knows.
        return int(np.argmax(logits[: self._n_known]))

    def end(self, sequence: int) -> int:
        """The position behind the last."""
        return int(api.llama_memory_seq_pos_max(self._memory, sequence)) + 1

    def truncate(self, sequence: int, position: int) -> None:
        """Drops what lies at `position` and behind it."""
        api.llama_memory_seq_rm(self._memory, sequence, position or -1, -1)

    def copy(self, source: int, target: int) -> None:
        self.truncate(target, 0)
        api.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def close(self) -> None:
        handle, self.handle = self.handle, None
        if handle:
            api.llama_free(handle)


def _parameters(target: Target, *, n_ctx: int, mtp: bool) -> Any:
    """Like the target's own, but for what differs."""
    parameters = api.llama_context_default_params()
    parameters.n_ctx = n_ctx * target.n_sequences
    parameters.n_seq_max = target.n_sequences
    parameters.kv_unified = False
    parameters.n_batch = parameters.n_ubatch = int(api.llama_n_batch(target.context))
    parameters.n_outputs_max = target.n_sequences
    parameters.n_threads = parameters.n_threads_batch = target.n_threads
    parameters.no_perf = True
    parameters.swa_full = True
    parameters.ctx_other = target.context
    if mtp:
        parameters.ctx_type = api.LLAMA_CONTEXT_TYPE_MTP
    if not target.on_gpu:
        parameters.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_DISABLED
    return parameters
