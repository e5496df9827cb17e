"""The baseline that a model has to beat: copying from the open file; and fitting a cache's weights.

The index is the product's own (`inference.cache_model`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from inference.cache_model import MAX_ORDER, NgramIndex


def line_after_longest_match(above: str, below: str) -> str:
    """The baseline's answer: of the places where the longest ending of `above` that stands
    elsewhere in the two texts does so, the rest of the line after the latest one above."""
    earlier = above[:-1]
    least, most = 0, min(len(above), 400)
    while least < most:
        length = (least + most + 1) // 2
        wanted = above[-length:]
        if wanted in earlier or wanted in below:
            least = length
        else:
            most = length - 1
    if least == 0:
        return ""
    wanted = above[-least:]
    at = earlier.rfind(wanted)
    text, at = (above, at) if at >= 0 else (below, below.find(wanted))
    return text[at + least :].split("\n", 1)[0]


@dataclass(frozen=True)
class Copied:
    tokens: list[int]
    shortest_match: int


def copy_line(
    index: NgramIndex, context: list[int], max_tokens: int, stops: frozenset[int]
) -> Copied:
    """Token by token, the latest continuation of the longest match: a draft that costs nothing."""
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


def best_weight(pairs: list[tuple[float, float]]) -> float:
    """The weight that minimises `-Σ log((1-w)·model + w·cache)` over (model, cache) pairs."""
    best, lowest = 0.0, math.inf
    for step in range(20):
        weight = step / 20
        loss = -sum(math.log(max(1e-9, (1 - weight) * m + weight * c)) for m, c in pairs)
        if loss < lowest:
            best, lowest = weight, loss
    return best
