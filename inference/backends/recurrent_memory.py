"""Sequences of models with recurrent layers: what can be dropped of them, saved and restored.

Recurrent layers keep one state for all tokens so far. llama.cpp can keep those after each of the
last few tokens of a call too (`n_rs_seq`), and `llama_memory_seq_rm` then goes back to one of them.
But it does not know which of these are of the last call: going back further finds the state of some
earlier call and says that all is well. Nor does it know of a copied sequence's share in them. So an
account is kept here, and nothing is asked of it that it would get wrong.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.backends.base import Span, State
from inference.backends.llama_bindings import api
from inference.errors import BackendError
from inference.models.summary import ModelSummary

MAX_ROLLBACK = 7
"""States kept for going back, beside the newest: so many drafted tokens can be rejected. Each takes
the memory of one, and all of them 7 % of a decode step (Qwen3.5-0.8B's shape on an AMD EPYC);
fifteen would take 13 %."""
_ROLLBACK_ARCHITECTURES = {"qwen35", "qwen35moe"}
"""Of those for which llama.cpp keeps earlier states, the ones that were tested."""
_OTHER_MEMORY = {"deepseek4"}
"""Their state is no `llama_memory_recurrent`."""
_PARTIAL = 1
"""LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY: without the attention layers' part."""


def max_rollback(arch: str) -> int:
    """Earlier states that the runtime can keep for this architecture, and that are worth it."""
    return MAX_ROLLBACK if arch in _ROLLBACK_ARCHITECTURES else 0


def is_recurrent(model: Any) -> bool:
    """Whether it has recurrent layers, alone or beside attention."""
    return bool(api.llama_model_is_recurrent(model) or api.llama_model_is_hybrid(model))


class RecurrentMemory:
    """Knows for each sequence of a context how many tokens can be dropped."""

    def __init__(self, context: Any, n_sequences: int, *, can_save: bool) -> None:
        self._context = context
        self._memory = api.llama_get_memory(context)
        self.can_save = can_save
        self.n_rollback = int(api.llama_n_rs_seq(context))
        self._n_droppable = [0] * n_sequences

    @classmethod
    def of(
        cls, model: Any, context: Any, summary: ModelSummary, n_sequences: int
    ) -> RecurrentMemory | None:
        """None for models without recurrent layers."""
        if not is_recurrent(model):
            return None
        # With sliding windows a saved state would hold cells of attention too, and these do not
        # come back where they were.
        can_save = summary.sliding_window is None and summary.arch not in _OTHER_MEMORY
        return cls(context, n_sequences, can_save=can_save)

    def note_evaluation(self, spans: Sequence[Span]) -> None:
        if len(spans) > 1:
            # Several sequences in one call may move the states of all of them, not the older ones.
            self._n_droppable = [0] * len(self._n_droppable)
            return
        (span,) = spans
        self._n_droppable[span.sequence] = min(self.n_rollback, len(span.tokens) - 1)

    def can_drop(self, sequence: int, n_tokens: int) -> bool:
        """Whether the runtime would do it rightly; not for whole sequences, which it can clear."""
        return n_tokens <= self._n_droppable[sequence]

    def note_cut(self, sequence: int) -> None:
        # The runtime goes back once; only another call makes new states.
        self._n_droppable[sequence] = 0

    def note_fork(self, source: int, target: int) -> None:
        """After the runtime copied `source`. It lets both share one state, but not what was dropped
        of it, and dropping from one would then change the other; so the target gets its own."""
        self._n_droppable[target] = 0
        if self.n_rollback:
            self._write(target, self._read(source))

    def save(self, sequence: int, n_tokens: int) -> State | None:
        if not self.can_save or not n_tokens:
            return None
        try:
            return State(n_tokens, self._read(sequence))
        except MemoryError:
            return None  # More will be evaluated again.

    def restore(self, sequence: int, state: State) -> None:
        self._write(sequence, state.data)
        if not api.llama_memory_seq_rm(self._memory, sequence, state.n_tokens, -1):
            raise BackendError("llama.cpp could not cut a sequence to a saved state.")
        self._n_droppable[sequence] = 0

    def _read(self, sequence: int) -> NDArray[np.uint8]:
        n_bytes = int(api.llama_state_seq_get_size_ext(self._context, sequence, _PARTIAL))
        data = np.empty(n_bytes, np.uint8)
        n_read = api.llama_state_seq_get_data_ext(
            self._context, _pointer(data), n_bytes, sequence, _PARTIAL
        )
        if n_read != n_bytes:
            raise BackendError("llama.cpp could not copy a sequence's state.")
        return data

    def _write(self, sequence: int, data: NDArray[np.uint8]) -> None:
        n_written = api.llama_state_seq_set_data_ext(
            self._context, _pointer(data), data.nbytes, sequence, _PARTIAL
        )
        if n_written != data.nbytes:
            raise BackendError("llama.cpp could not bring a sequence's state back.")


def _pointer(data: NDArray[np.uint8]) -> Any:
    return data.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
