"""Drafts of a model that drafts for the loaded one (`inference.backends.draft_model`).

Unlike other drafts these cost time, so it is decided before how many are worth asking for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from inference.backends.draft_model import DraftModel
from inference.speculation.draft import Draft

_RATE = 0.1
_STEPS_PER_PROBE = 64
"""A model that was not worth asking is asked for one token now and then."""


class DraftingCost:
    """What a drafted token costs, for as long as the model runs. Optimistic until it is known."""

    def __init__(self) -> None:
        self.ms_per_token = 0.0

    def record(self, n_tokens: int, ms: float) -> None:
        known = self.ms_per_token or ms / n_tokens
        self.ms_per_token = known + _RATE * (min(ms / n_tokens, 4 * known) - known)


class ModelDrafts:
    """One request's. A token's bucket is its place in the draft, from the back: the later, the
    less sure."""

    def __init__(
        self, model: DraftModel, sequence: int, tokens: Sequence[int], cost: DraftingCost
    ) -> None:
        """
        Args:
            tokens: all that the sequence will hold and the newest one: the same list at each call.
        """
        self._model = model
        self._sequence = sequence
        self._tokens = tokens
        self._cost = cost
        self._n_steps = 0

    @property
    def name(self) -> str:
        return self._model.name

    def worth_asking(
        self,
        n_max: int,
        rate: float,
        shares: Mapping[int, float],
        ms: Callable[[int], float],
    ) -> int:
        """How many tokens to ask for, given the rate that can be had without them.

        Args:
            rate: tokens per millisecond.
            shares: chances by bucket.
            ms: what it costs to check so many drafted tokens.
        """
        self._n_steps += 1
        n_max = min(n_max, self._model.n_max)
        best = 0
        expected = chance = 1.0
        for n in range(1, n_max + 1):
            chance *= shares[_bucket(n - 1)]
            expected += chance
            now = expected / (ms(n) + n * self._cost.ms_per_token)
            if now > rate:
                best, rate = n, now
        is_probe = not best and n_max > 0 and self._n_steps % _STEPS_PER_PROBE == 0
        return 1 if is_probe else best

    def ask(self, n: int) -> Draft | None:
        """The model's draft of at most `n` tokens."""
        started = time.perf_counter()
        tokens = self._model.draft(self._sequence, self._tokens, n)
        if not tokens:
            return None
        self._cost.record(len(tokens), 1e3 * (time.perf_counter() - started))
        return Draft(tokens, [_bucket(at) for at in range(len(tokens))])


def _bucket(at: int) -> int:
    return 15 - at
