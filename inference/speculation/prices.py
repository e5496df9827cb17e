"""What drafted rows cost and what right ones save, at one number of rows a call has anyway."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from inference.backends.base import RowPolicy
from inference.speculation.draft import MAX_DRAFT

_LEVELS = 16
"""Chances that are told apart where the value of a token is concerned."""
_HOPELESS = 0.01
"""What is this unlikely is not worth looking at, nor what comes after it."""
_MIN_GAIN = 0.02
"""Of a call's cost. The costs are measured, and what is gained less surely than they are known is
not gained."""


class Choice(NamedTuple):
    """How much of a draft to check."""

    n: int
    gain: float
    """What is saved, in the mean, over a call without it; in the costs' unit."""
    n_tokens: float
    """That the call yields, in the mean."""


NO_CHOICE = Choice(0, 0.0, 1.0)


class Prices:
    """Under one policy, as long as the costs stay what they are."""

    def __init__(self, ms: Callable[[int], float], rows: RowPolicy) -> None:
        """
        Args:
            ms: what a call of so many rows costs, in any unit.
        """
        self._ms = ms
        self._rows = rows
        self._calls: dict[int, list[float]] = {}
        self._token_ms = self._token_prices()

    def choose(self, shares: Mapping[int, float], buckets: Sequence[int], n_new: int) -> Choice:
        """The most profitable length of a draft.

        A row more is worth its price where the token's chance times what the token would cost
        otherwise exceeds it. What it would cost depends on how sure the tokens there are: one that
        is nearly certain comes along with many others in a later call, and is cheap.

        Args:
            shares: chances by bucket.
            n_new: rows that are evaluated anyway.
        """
        call = self._call(n_new)
        token_ms = self._token_ms
        saved, chance, expected, base = 0.0, 1.0, 1.0, call[0]
        best, best_gain, least = NO_CHOICE, 0.0, _MIN_GAIN * base
        for n, bucket in enumerate(buckets, 1):
            share = shares[bucket]
            chance *= share
            cost = call[n] - base
            if chance < _HOPELESS and cost:
                break
            expected += chance
            saved += chance * token_ms[int(_LEVELS * share)]
            gain = saved - cost
            # Rows that are evaluated anyway may as well be guesses.
            if not cost:
                best, best_gain = Choice(n, gain, expected), gain
            elif gain > best_gain + least:
                best, best_gain, least = Choice(n, gain, expected), gain, 0.0
        return best

    def _call(self, n_new: int) -> list[float]:
        """Of a call with 0, 1, 2, … drafted tokens."""
        call = self._calls.get(n_new)
        if call is None:
            ms, padded = self._ms, self._rows.padded
            call = [ms(padded(n_new + n)) for n in range(MAX_DRAFT + 1)]
            self._calls[n_new] = call
        return call

    def _token_prices(self) -> list[float]:
        """Of a token where each is right with the same chance, by that chance."""
        call = self._call(1)
        prices: list[float] = []
        for level in range(_LEVELS + 1):
            share = min((level + 0.5) / _LEVELS, 1.0)
            expected, chance, best = 1.0, 1.0, call[0]
            for ms in call[1:]:
                chance *= share
                expected += chance
                best = min(best, ms / expected)
            prices.append(best)
        return prices
