"""Drafts from what followed the same tokens before: in the prompt, the project, the answer.

Prompt lookup (Saxena 2023; Yang et al., arXiv:2304.04487) with the longest match instead of a fixed
length, over the indexes that the cache language model uses too.
"""

from __future__ import annotations

from collections.abc import Sequence

from inference.cache_model import MAX_ORDER, N_AGREEMENTS, NgramIndex, length_class
from inference.speculation.draft import MAX_DRAFT, Draft

_SURE = N_AGREEMENTS - 1
_ANSWER_ORDER = 3
"""Tokens by which the answer's own earlier places are found."""
_BUCKETS = [
    [length_class(min(n, MAX_ORDER)) * N_AGREEMENTS + agreement for n in range(2 * MAX_DRAFT)]
    for agreement in range(N_AGREEMENTS)
]
"""By agreement and matched tokens."""


class Lookup:
    """A token's bucket is the length of the match before it, and how far its continuations agree
    (`inference.cache_model.Match`)."""

    name = "lookup"

    def __init__(self, indexes: Sequence[NgramIndex], n_before: int) -> None:
        """
        Args:
            n_before: tokens of the context that the indexes know; those after it are the answer's.
        """
        self._indexes = indexes
        self._n_read = n_before
        self._start = n_before
        self._places: dict[tuple[int, ...], int] = {}
        """Where the answer has last gone on after these tokens."""

    def draft(self, context: Sequence[int], n: int) -> Draft | None:
        n = min(n, MAX_DRAFT)
        best = self._in_answer(context, n)
        for index in self._indexes:
            match = index.longest_match(context)
            if match is None or (best is not None and match.order <= best[0]):
                continue
            best = match.order, match.agreement, index.run(match.place, n)
        if best is None:
            return None
        order, agreement, tokens = best
        return Draft(tokens, _BUCKETS[agreement][order : order + len(tokens)])

    def _in_answer(self, context: Sequence[int], n: int) -> tuple[int, int, Sequence[int]] | None:
        """Order, agreement and tokens of the latest match in the answer itself."""
        place = self._places.get(tuple(context[-_ANSWER_ORDER:]))
        for end in range(max(self._n_read, self._start + _ANSWER_ORDER), len(context) + 1):
            self._places[tuple(context[end - _ANSWER_ORDER : end])] = end
        self._n_read = len(context) + 1
        if place is None or place == len(context):
            # Asked again at the same place, as after a call that was interrupted.
            return None
        order = _ANSWER_ORDER
        while order < MAX_ORDER and place - 1 - order >= self._start:
            if context[place - 1 - order] != context[-1 - order]:
                break
            order += 1
        return order, _SURE - 1, context[place : place + n]
