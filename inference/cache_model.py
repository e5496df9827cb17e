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

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
MAX_ORDER = 24
"""Tokens of context that are matched at most."""
_ROW_STARTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 17, MAX_ORDER)
N_LENGTHS = len(_ROW_STARTS)
"""Classes of a match's length that are told apart. Long ones matter: of matches of 40 characters
and more two thirds of the copied lines are right, of shorter ones few."""
N_AGREEMENTS = 4
GAP = -1
"""Stands between texts; no token is that."""


@dataclass(frozen=True, slots=True)
class Match:
    """`order` tokens of context matched; `counts` of what followed, and the latest of it."""

    order: int
    counts: Counter[int]
    latest: int
    place: int
    """Where the latest stands in the index."""

    @property
    def length_class(self) -> int:
        return length_class(self.order)

    @property
    def agreement(self) -> int:
        """0: no continuation has half of the counts, 1: one has, 2: there is one alone, seen once,
        3: one alone, seen more often."""
        total = self.counts.total()
        share = max(self.counts.values()) / total
        return 0 if share < 0.5 else 1 if share < 1 else 2 if total == 1 else 3


def length_class(order: int) -> int:
    """Of a match of so many tokens, 0 to `N_LENGTHS - 1`."""
    return bisect_right(_ROW_STARTS, order) - 1


class NgramIndex:
    """What followed every run of 1 to `MAX_ORDER` tokens, over any number of texts.

    The texts stand in one array, their places sorted by token; a look-up narrows the places of the
    last token down by the tokens before it. Making it takes 0.05 ms for 2 000 tokens, a look-up
    some 0.02 ms.
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
        self._last: tuple[Sequence[int], int, Match | None] | None = None

    def longest_match(self, context: Sequence[int]) -> Match | None:
        """The continuations of the longest earlier match, or None without any.

        `context` must only ever grow: it is asked for twice at each length, by the cache model and
        by whoever drafts, and looked up once.
        """
        if self._last is None or self._last[0] is not context or self._last[1] != len(context):
            self._last = context, len(context), self._find(context)
        return self._last[2]

    def run(self, place: int, n: int) -> list[int]:
        """At most `n` tokens from `Match.place` on, up to the end of that text."""
        tokens: list[int] = self._tokens[place : place + n].tolist()
        return tokens[: tokens.index(GAP)] if GAP in tokens else tokens

    def _find(self, context: Sequence[int]) -> Match | None:
        if not context:
            return None
        # Of the array's own type: another would have the whole of it converted.
        wanted = np.array([context[-1], context[-1] + 1], dtype=np.int32)
        first, last = np.searchsorted(self._sorted, wanted)
        places = self._places[first:last]
        places = places[self._tokens[places + 1] != GAP]
        if not len(places):
            return None
        order, longest = 1, min(MAX_ORDER, len(context))
        while len(places) > 1 and order < longest:
            longer = places[self._tokens[places - order] == context[-1 - order]]
            if not len(longer):
                break
            places, order = longer, order + 1
        if len(places) == 1:
            order = self._order_at(int(places[0]), context, order, longest)
        following = self._tokens[places + 1]
        latest = int(places.max()) + 1
        return Match(order, Counter(following.tolist()), int(self._tokens[latest]), latest)

    def _order_at(self, place: int, context: Sequence[int], order: int, longest: int) -> int:
        """How long the match at one place is, known to be `order` at least."""
        before: list[int] = self._tokens[place - longest + 1 : place - order + 1].tolist()
        expected = context[len(context) - longest : len(context) - order]
        for token, wanted in zip(reversed(before), reversed(expected), strict=True):
            if token != wanted:
                break
            order += 1
        return order


Weights = tuple[tuple[float, ...], ...]
"""Share of a piece of evidence in the mixture, 0 to below 1, by bucket: row and column."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What may come next by one piece of evidence."""

    bucket: tuple[int, int]
    """What it can be trusted by: row and column of the weights."""
    counts: Counter[int]
    weight: float


class Evidence(Protocol):
    """Something that knows, apart from the model, what may come next."""

    def look(self, context: Sequence[int]) -> Finding | None:
        """What may come after `context`; None where it cannot say."""
        ...


class NgramEvidence:
    """The continuations of the longest match in some texts.

    `weights` has a row for each of `N_LENGTHS` classes of the match's length and a column for each
    of `N_AGREEMENTS`.
    """

    def __init__(self, index: NgramIndex, weights: Weights) -> None:
        self._index = index
        self._weights = weights

    def look(self, context: Sequence[int]) -> Finding | None:
        match = self._index.longest_match(context)
        if match is None:
            return None
        row, column = bucket = match.length_class, match.agreement
        return Finding(bucket, match.counts, self._weights[row][column])


class CacheModel:
    """Evidence to be mixed with the model's choice at each step."""

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        """
        Args:
            evidence: mixed in one after the other; the weights of each are fitted given those
                before it.
        """
        self._evidence = tuple(evidence)

    def mix(self, context: Sequence[int], logits: Floats) -> Floats:
        """Log-probabilities of the next token after `context`, from the model's logits.

        Returns `logits` themselves where there is no evidence.
        """
        result: Floats | None = None
        for evidence in self._evidence:
            found = evidence.look(context)
            if found is not None and found.weight > 0:
                scores = log_softmax(logits) if result is None else result
                result = mixed(scores, found.counts, found.weight)
        return logits if result is None else result


def mixed(logprobs: Floats, counts: Counter[int], weight: float) -> Floats:
    """`(1 - weight) · model + weight · cache`, as log-probabilities; `weight` is below 1."""
    result: Floats = logprobs + np.float32(np.log1p(-weight))
    n = len(counts)
    tokens = np.fromiter(counts.keys(), dtype=np.intp, count=n)
    shares = np.fromiter(counts.values(), dtype=np.float32, count=n) / counts.total()
    result[tokens] = np.logaddexp(result[tokens], np.log(np.float32(weight) * shares))
    return result


def log_softmax(logits: Floats) -> Floats:
    """Along the last axis, in float32."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result
