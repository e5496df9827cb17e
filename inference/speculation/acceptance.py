"""How often drafted tokens turn out right, by drafter and bucket, for as long as the model runs."""

from __future__ import annotations

from dataclasses import dataclass

_PRIOR_WEIGHT = 4.0
"""Tokens' worth of belief in `_prior` before anything was seen."""
_MAX_WEIGHT = 256.0
"""Older experience fades, so that another file or another user's habits show soon."""


@dataclass(slots=True)
class _Tally:
    n_right: float
    n_seen: float


class Acceptance:
    """Running shares of right tokens.

    A token is counted whether it was drafted for the model to check or only thought of: the model
    goes on to say what would have been right. So a bucket that is never worth checking is still
    known, at no cost.
    """

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, int], _Tally] = {}

    def probability(self, drafter: str, bucket: int) -> float:
        """That a token of this bucket is right, given that those before it were."""
        tally = self._tallies.get((drafter, bucket))
        return _prior(bucket) if tally is None else tally.n_right / tally.n_seen

    def count(self, drafter: str, bucket: int, *, is_right: bool) -> None:
        tally = self._tallies.get((drafter, bucket))
        if tally is None:
            tally = _Tally(_PRIOR_WEIGHT * _prior(bucket), _PRIOR_WEIGHT)
            self._tallies[drafter, bucket] = tally
        tally.n_right += is_right
        tally.n_seen += 1
        if tally.n_seen > _MAX_WEIGHT:
            tally.n_right /= 2
            tally.n_seen /= 2


def _prior(bucket: int) -> float:
    """Drafters number their buckets from the doubtful to the certain."""
    return (bucket + 1) / (bucket + 3)
