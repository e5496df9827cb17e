"""How often drafted tokens turn out right, by drafter and bucket, for as long as the model runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

_PRIOR_WEIGHT = 4.0
"""Tokens' worth of belief in `_prior` before anything was seen."""
_MAX_WEIGHT = 256.0
"""Older experience fades, so that another file or another user's habits show soon."""


class Source(NamedTuple):
    """Where a draft comes from."""

    drafter: str
    is_seconded: bool = False
    """Whether another drafter begins with the same token: two are right more often than one."""


@dataclass(slots=True)
class _Tally:
    n_right: float
    n_seen: float


class _Shares(dict[int, float]):
    """By bucket; made up where nothing was seen."""

    def __missing__(self, bucket: int) -> float:
        return _prior(bucket)


class Acceptance:
    """Running shares of right tokens.

    A token is counted whether it was drafted for the model to check or only thought of: the model
    goes on to say what would have been right. So a bucket that is never worth checking is still
    known, at no cost.
    """

    def __init__(self) -> None:
        self._tallies: dict[tuple[Source, int], _Tally] = {}
        self._shares: dict[Source, _Shares] = {}

    def shares(self, source: Source) -> Mapping[int, float]:
        """By bucket: that a token is right, given that those before it were. Follows `count`."""
        shares = self._shares.get(source)
        if shares is None:
            shares = self._shares[source] = _Shares()
        return shares

    def count(self, source: Source, bucket: int, n_right: int, n_seen: int) -> None:
        """Notes tokens of one bucket."""
        tally = self._tallies.get((source, bucket))
        if tally is None:
            tally = _Tally(_PRIOR_WEIGHT * _prior(bucket), _PRIOR_WEIGHT)
            self._tallies[source, bucket] = tally
            self.shares(source)
        tally.n_right += n_right
        tally.n_seen += n_seen
        if tally.n_seen > _MAX_WEIGHT:
            tally.n_right /= 2
            tally.n_seen /= 2
        self._shares[source][bucket] = tally.n_right / tally.n_seen


def _prior(bucket: int) -> float:
    """Drafters number their buckets from the doubtful to the certain."""
    return (bucket + 1) / (bucket + 3)
