"""Prediction from what stands in the open file alone: the baseline, and a cache for the model.

The baseline copies what followed the longest earlier match of the last tokens. The cache turns the
same counts into a distribution, and mixes it with a model's by a weight that depends on how long
the match is and how far its continuations agree (a cache language model, Kuhn and De Mori 1990, in
the manner of kNN-LM, Khandelwal et al., arXiv:1911.00172).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
MAX_ORDER = 8
GAP = -1
"""Stands between texts; no token is that."""


@dataclass(frozen=True)
class Match:
    """`order` tokens of context matched; `counts` of what followed, and the latest of it."""

    order: int
    counts: Counter[int]
    latest: int


class NgramIndex:
    """What followed every run of 1 to `MAX_ORDER` tokens, over any number of texts.

    The texts stand in one array, their places sorted by token; a look-up narrows the places of the
    last token down by the tokens before it.
    """

    def __init__(self, texts: Iterable[Sequence[int]] = ()) -> None:
        parts = [[GAP] * MAX_ORDER]
        for text in texts:
            parts.append([*text, *[GAP] * MAX_ORDER])
        self._tokens = np.array([token for part in parts for token in part], dtype=np.int32)
        self._places = np.argsort(self._tokens[:-1], kind="stable")
        self._sorted = self._tokens[self._places]

    def longest_match(self, context: Sequence[int]) -> Match | None:
        """The continuations of the longest earlier match, or None without any."""
        if not context:
            return None
        first, last = np.searchsorted(self._sorted, [context[-1], context[-1] + 1])
        places = self._places[first:last]
        places = places[self._tokens[places + 1] != GAP]
        if not len(places):
            return None
        order = 1
        while order < min(MAX_ORDER, len(context)):
            longer = places[self._tokens[places - order] == context[-1 - order]]
            if not len(longer):
                break
            places, order = longer, order + 1
        following = self._tokens[places + 1]
        return Match(order, Counter(following.tolist()), int(following[places.argmax()]))


@dataclass(frozen=True)
class Copied:
    tokens: list[int]
    shortest_match: int


def copy_line(
    index: NgramIndex, context: list[int], max_tokens: int, stops: frozenset[int]
) -> Copied:
    """The baseline's answer: token by token, the latest continuation of the longest match."""
    tokens: list[int] = []
    shortest = MAX_ORDER
    running = list(context)
    while len(tokens) < max_tokens:
        match = index.longest_match(running)
        if match is None:
            break
        shortest = min(shortest, match.order)
        if match.latest in stops:
            break
        tokens.append(match.latest)
        running.append(match.latest)
    return Copied(tokens, shortest)


def bucket_of(match: Match) -> tuple[int, int]:
    """What the weight of a match depends on: its length, and how far its continuations agree."""
    total = match.counts.total()
    share = match.counts.most_common(1)[0][1] / total
    agreement = 0 if share < 0.5 else 1 if share < 1 else 2 if total == 1 else 3
    return match.order, agreement


def mix(scores: Floats, counts: Counter[int], weight: float) -> Floats:
    """`(1 - weight) · model + weight · cache`, as log-probabilities."""
    mixed = np.exp(scores) * (1 - weight)
    total = counts.total()
    for token, count in counts.items():
        mixed[token] += weight * count / total
    result: Floats = np.log(np.maximum(mixed, 1e-30)).astype(np.float32)
    return result


def best_weight(pairs: list[tuple[float, float]]) -> float:
    """The weight that minimises `-Σ log((1-w)·model + w·cache)` over (model, cache) pairs."""
    best, lowest = 0.0, math.inf
    for step in range(20):
        weight = step / 20
        loss = -sum(math.log(max(1e-9, (1 - weight) * m + weight * c)) for m, c in pairs)
        if loss < lowest:
            best, lowest = weight, loss
    return best
