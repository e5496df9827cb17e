"""A cache language model: what the open file says comes next, mixed with what the model says.

A small model knows the language but not the project: the names are in the open file, where a larger
model would find them by attention. So the runs of tokens in the prompt are indexed, what followed
the longest earlier match of the last tokens makes a distribution of its own, and the two are mixed
by a weight that depends on how long the match is and how far its continuations agree (cache models:
Kuhn and De Mori 1990; interpolation at decode time in the manner of kNN-LM, Khandelwal et al.,
arXiv:1911.00172). The weights belong to a model: `training.decoding` fits them.

The mixture depends on the prompt and the tokens generated, on nothing else: what is cached or
drafted changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
MAX_ORDER = 8
"""Tokens of context that are matched at most."""
N_AGREEMENTS = 4
GAP = -1
"""Stands between texts; no token is that."""


@dataclass(frozen=True, slots=True)
class Match:
    """`order` tokens of context matched; `counts` of what followed, and the latest of it."""

    order: int
    counts: Counter[int]
    latest: int

    @property
    def agreement(self) -> int:
        """0: no continuation has half of the counts, 1: one has, 2: there is one alone, seen once,
        3: one alone, seen more often."""
        total = self.counts.total()
        share = self.counts.most_common(1)[0][1] / total
        return 0 if share < 0.5 else 1 if share < 1 else 2 if total == 1 else 3


class NgramIndex:
    """What followed every run of 1 to `MAX_ORDER` tokens, over any number of texts.

    The texts stand in one array, their places sorted by token; a look-up narrows the places of the
    last token down by the tokens before it. Making it takes 0.3 ms for 2 000 tokens, a look-up some
    0.03 ms.
    """

    def __init__(self, texts: Iterable[Sequence[int]] = ()) -> None:
        gap = [GAP] * MAX_ORDER
        joined = gap[:]
        for text in texts:
            joined += text
            joined += gap
        self._tokens = np.array(joined, dtype=np.int32)
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


CacheWeights = tuple[tuple[float, ...], ...]
"""Share of the cache in the mixture, 0 to below 1, by length of the match (a row each, 1 to
`MAX_ORDER`) and agreement (a column each, `N_AGREEMENTS`)."""


class CacheModel:
    """The distribution of one prompt's texts, to be mixed with the model's at each step."""

    def __init__(self, texts: Iterable[Sequence[int]], weights: CacheWeights) -> None:
        self._index = NgramIndex(texts)
        self._weights = weights

    def mix(self, context: Sequence[int], logits: Floats) -> Floats:
        """Log-probabilities of the next token after `context`, from the model's logits.

        Returns `logits` themselves where the cache says nothing.
        """
        match = self._index.longest_match(context)
        if match is None:
            return logits
        weight = self._weights[match.order - 1][match.agreement]
        return mixed(log_softmax(logits), match.counts, weight) if weight > 0 else logits


def mixed(logprobs: Floats, counts: Counter[int], weight: float) -> Floats:
    """`(1 - weight) · model + weight · cache`, as log-probabilities; `weight` is below 1."""
    result: Floats = logprobs + np.float32(np.log1p(-weight))
    total = counts.total()
    for token, count in counts.items():
        result[token] = np.logaddexp(result[token], np.log(weight * count / total))
    return result


def log_softmax(logits: Floats) -> Floats:
    """Along the last axis, in float32."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result
