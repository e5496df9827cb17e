"""What the engine needs of a model runtime.

A backend holds one loaded model and a fixed number of sequences. A sequence is a run of evaluated
tokens, positions 0, 1, 2, …, kept by the runtime so that they need not be evaluated again. Which
tokens a sequence holds is known to `inference.prefix_cache`; a backend only does as it is told.

All calls but `interrupt` must come from the thread that loaded the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from inference.backends.draft_model import DraftModel
from inference.backends.vocabulary import TokenIds, Vocabulary

Logits = NDArray[np.float32]
"""One row, one number per token of the vocabulary."""


class Span(msgspec.Struct, frozen=True):
    """Consecutive tokens of one sequence to evaluate in one call."""

    sequence: int
    position: int
    """Where the first one goes; must equal the number of tokens the sequence holds."""
    tokens: Sequence[int]
    n_logits: int = 0
    """Logits wanted, for the last so many of the tokens."""


class Evaluation(msgspec.Struct, frozen=True):
    """What an `evaluate` call did."""

    completed: bool
    """False: interrupted; the sequences hold what they held before."""
    logits: tuple[Logits, ...] = ()
    """In the order of the spans. Views of the runtime's memory: valid until the next call."""


EVEN_ROWS = (8, 4)
"""Least number of rows, and what it is a multiple of, in calls that agree for any matrices:
K-quants go through other kernels below eight rows, and in blocks of four."""


@dataclass(frozen=True, slots=True)
class RowPolicy:
    """Which numbers of tokens per `evaluate` give the same bits for the same tokens.

    Matrix products run through different kernels for one row and for many, and these round
    differently. A prompt is therefore always evaluated in calls of at least `minimum` tokens and
    a multiple of `multiple`, if need be by evaluating a few cached ones again.
    """

    maximum: int
    minimum: int = 1
    multiple: int = 1
    """Of which the other two are multiples."""

    def __post_init__(self) -> None:
        if self.minimum % self.multiple or self.maximum % self.multiple:
            raise ValueError(f"{self.minimum} … {self.maximum} are no multiples of {self.multiple}")

    def satisfies(self, other: RowPolicy) -> bool:
        """Whether every call under this policy is one under the other."""
        return self.minimum >= other.minimum and self.multiple % other.multiple == 0

    def padded(self, n_rows: int) -> int:
        """The least number of rows that a call for `n_rows` tokens may have."""
        return -(-max(n_rows, self.minimum) // self.multiple) * self.multiple


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What recurrent layers keep of the first `n_tokens` tokens of a sequence: a copy, from
    `Backend.save`. Attention's part stays in the sequence, so it is of use only where these tokens
    are still held."""

    n_tokens: int
    data: NDArray[np.uint8]

    @property
    def n_bytes(self) -> int:
        return self.data.nbytes


class GrammarState(Protocol):
    """A grammar, and how far an answer has come in it."""

    def allows(self, token: int) -> bool:
        """Whether the token may come next. Microseconds, whatever the vocabulary's size."""
        ...

    def allowed(self) -> TokenIds:
        """All tokens that may come next: some 0.1 microseconds for each of the vocabulary."""
        ...

    def accept(self, token: int) -> None:
        """Goes on behind a token, which must be allowed and not end the generation."""
        ...

    def close(self) -> None:
        """Frees it; idempotent, and on any thread."""
        ...


class LoadCancelledError(Exception):
    """Loading was given up because the engine was closed."""


class Backend(Protocol):
    """A loaded model."""

    @property
    def name(self) -> str:
        """Of the runtime and the device, for people."""
        ...

    @property
    def vocabulary(self) -> Vocabulary: ...

    @property
    def n_ctx(self) -> int:
        """Tokens that one sequence can hold."""
        ...

    @property
    def n_sequences(self) -> int: ...

    @property
    def n_threads(self) -> int:
        """Threads that `evaluate` uses."""
        ...

    @property
    def is_on_cpu(self) -> bool:
        """Whether these threads do all of the work."""
        ...

    @property
    def rows(self) -> RowPolicy: ...

    @property
    def max_logits(self) -> int:
        """Most rows with logits in one `evaluate`."""
        ...

    @property
    def can_truncate(self) -> bool:
        """Whether a sequence can be cut anywhere. Recurrent state cannot: see `n_rollback` and
        `restore`."""
        ...

    @property
    def n_rollback(self) -> int:
        """How many tokens of a sequence's last `evaluate` call can be dropped again, as long as one
        of that call is kept. `n_ctx` where a sequence can be cut anywhere; 0 where none can.

        Once for each call, and only if the sequence was alone in it."""
        ...

    @property
    def can_interrupt(self) -> bool:
        """Whether `interrupt` does anything."""
        ...

    def set_threads(self, n_threads: int) -> None:
        """From the next `evaluate` on; at most as many as it was loaded with. Changes no bit."""
        ...

    @property
    def max_state_bytes(self) -> int:
        """Memory that saved states may take together; 0 where none can be saved."""
        ...

    def evaluate(self, spans: Sequence[Span]) -> Evaluation:
        """Spans of several sequences are evaluated together, in a call of the kind that the sum of
        their rows makes, if they are of one length and in the order of their sequences, of which
        none between is left out.

        Raises `BackendError` if the runtime fails. Blocks, without holding the GIL."""
        ...

    def truncate(self, sequence: int, n_tokens: int) -> bool:
        """Keeps the first `n_tokens`. False: impossible here, nothing was changed.

        Always possible are all and none, and as many of the last call's as `n_rollback` says."""
        ...

    def save(self, sequence: int) -> State | None:
        """Copies what is needed to come back to this point later. None where nothing is: the
        sequence is empty or can be cut anywhere; or where the runtime has no way."""
        ...

    def restore(self, sequence: int, state: State) -> None:
        """Cuts a sequence to `state.n_tokens` tokens. They must be those it was saved with, in this
        sequence or in one it was forked from. Raises `BackendError` if the runtime fails."""
        ...

    def fork(self, source: int, target: int) -> None:
        """Makes `target` hold what `source` holds; its former content is dropped."""
        ...

    @property
    def draft_model(self) -> DraftModel | None:
        """What drafts for this model, if anything does. It knows all calls of sequences that
        `draft_for` named."""
        ...

    def grammar(self, rules: str) -> GrammarState:
        """Raises `GrammarError` for rules that cannot be read."""
        ...

    def draft_for(self, sequence: int, *, wanted: bool) -> None:
        """Whether drafts for a sequence will be asked for; without this none are, and evaluating it
        costs nothing more."""
        ...

    def rearm(self) -> None:
        """Forgets interruptions asked for so far."""
        ...

    def interrupt(self) -> None:
        """Makes a running or the next `evaluate` return early. Safe to call from any thread. Does
        nothing where the runtime cannot stop, or could not go on afterwards."""
        ...

    def close(self) -> None:
        """Frees everything; idempotent."""
        ...
