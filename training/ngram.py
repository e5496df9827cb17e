"""Prediction from what stands in the open file alone: the baseline, and a cache for the model.

The baseline copies what followed the longest earlier match of the last tokens. The cache turns the
same counts into a distribution, and mixes it with a model's by a weight that depends on how long
the match is and how far its continuations agree (a cache language model, Kuhn and De Mori 1990, in
the manner of kNN-LM, Khandelwal et al., arXiv:1911.00172).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
MAX_ORDER = 8


class NgramIndex:
    """What followed every run of 1 to `MAX_ORDER` tokens, over any number of texts."""

    def __init__(self) -> None:
        self._after: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        self._last: dict[tuple[int, ...], int] = {}

    def add(self, tokens: Sequence[int], start: int = 0) -> None:
        """Index `tokens[start:]` as continuations; earlier tokens serve as their context."""
        for i in range(max(1, start), len(tokens)):
            for order in range(1, min(MAX_ORDER, i) + 1):
                key = tuple(tokens[i - order : i])
                self._after[key][tokens[i]] += 1
                self._last[key] = tokens[i]

    def longest_match(self, context: Sequence[int]) -> tuple[int, Counter[int], int] | None:
        """(order, counts of continuations, the latest one), or None without any match."""
        for order in range(min(MAX_ORDER, len(context)), 0, -1):
            key = tuple(context[-order:])
            counts = self._after.get(key)
            if counts:
                return order, counts, self._last[key]
        return None


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
        order, _, latest = match
        shortest = min(shortest, order)
        if latest in stops:
            break
        tokens.append(latest)
        running.append(latest)
    return Copied(tokens, shortest)


def bucket_of(order: int, counts: Counter[int]) -> tuple[int, int]:
    """What the weight of a match depends on: its length, and how far its continuations agree."""
    total = counts.total()
    share = counts.most_common(1)[0][1] / total
    agreement = 0 if share < 0.5 else 1 if share < 1 else 2 if total == 1 else 3
    return order, agreement


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
