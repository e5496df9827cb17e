"""The open file's names that begin with the word in the making, as evidence for a cache model.

Where a model writes a name in several tokens, it may leave the name it began: after `assert` it
likes `Equal`, although the file only ever says `assertRaises`. The names that stand in the prompt
and begin with what is written of the word so far say how it may go on.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property

from inference.cache_model import Finding, Weights

_NAME = re.compile(r"[^\W\d]\w+")
_HALF = re.compile(r"[^\W\d]\w*\Z")  # Not `$`: a newline ends a word.
MAX_LENGTH = 6
"""Characters of the word in the making that are told apart."""
N_CROWDS = 3
"""One name, few names, many names that fit."""
FEW = 5
MAX_NAMES = 64
"""More than these say nothing."""
_MAX_TOKENS_BACK = 8


class NameEvidence:
    """The names in some text, looked up by their beginnings."""

    def __init__(
        self,
        text: Callable[[], str],
        weights: Weights,
        *,
        piece: Callable[[int], bytes],
        tokenize: Callable[[str], list[int]],
    ) -> None:
        """
        Args:
            text: gives what names are looked for in, at the first need of them.
            weights: a row for each length of the beginning, 1 to `MAX_LENGTH`, and a column for
                each crowd.
            piece: a token's bytes.
            tokenize: plain text to ids.
        """
        self._text = text
        self._weights = weights
        self._piece, self._tokenize = piece, tokenize

    @cached_property
    def _counts(self) -> Counter[str]:
        return Counter(_NAME.findall(self._text()))

    @cached_property
    def _names(self) -> list[str]:
        return sorted(self._counts)

    def look(self, context: Sequence[int]) -> Finding | None:
        """The first tokens of what is missing of each name that fits."""
        written = b"".join(map(self._piece, context[-_MAX_TOKENS_BACK:]))
        # Half a character at the end is replaced by a sign that no name has.
        half = _HALF.search(written.decode("utf-8", "replace"))
        if half is None or (half.start() == 0 and len(context) > _MAX_TOKENS_BACK):
            return None
        beginning = half[0]
        names = self._names
        start = bisect_left(names, beginning)
        fits: list[str] = []
        for name in names[start : start + MAX_NAMES + 1]:
            if not name.startswith(beginning):
                break
            fits.append(name)
        if len(fits) > MAX_NAMES:
            return None
        counts: Counter[int] = Counter()
        for name in fits:
            if ids := self._tokenize(name[len(beginning) :]):
                counts[ids[0]] += self._counts[name]
        if not counts:
            return None
        crowd = 0 if len(fits) == 1 else 1 if len(fits) < FEW else 2
        bucket = min(len(beginning), MAX_LENGTH) - 1, crowd
        return Finding(bucket, counts, self._weights[bucket[0]][bucket[1]])
