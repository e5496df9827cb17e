"""Drafts from a text that the answer is likely to repeat with changes.

When a region is edited, most of the answer is what stood there before; when a suggestion was
nearly right, most of the next one is the last. A pointer walks along that text while the answer
repeats it. Where the answer departs, the pointer is lost; it is found again where the last tokens
of the answer stand in the text, the longest match first, among equals the one nearest to where the
pointer was (after Cursor's and Aider's "the old text is the draft"; Yang et al., arXiv:2304.04487).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.speculation.draft import Draft

MAX_RUN = 12
"""Matched tokens before the pointer that are told apart one by one."""
_LONG_RUNS = (24, 48)
"""Beyond it, by whether there are so many: what has been the same for lines mostly stays so."""
_FIRM_RUN = 3
"""So many matched tokens are no chance: what lies before them is done with."""


class AlignedText:
    """See the module. A token's bucket says how many tokens match right before it."""

    def __init__(self, name: str, tokens: Sequence[int], n_before: int) -> None:
        """
        Args:
            tokens: of the text, tokenised as the answer would be.
            n_before: tokens of the context that stand before the answer.
        """
        self.name = name
        self._tokens = np.array(tokens, dtype=np.int32)
        self._n_read = n_before
        self._start = n_before
        self._pointer = 0
        self._run = MAX_RUN  # At their beginnings the two are together.
        self._anchor = 0
        """Where the pointer last stood firm."""

    def draft(self, context: Sequence[int], n: int) -> Draft | None:
        self._read(context)
        found: list[int] = self._tokens[self._pointer : self._pointer + n].tolist()
        buckets = [_bucket(self._run + i) for i in range(len(found))]
        return Draft(found, buckets) if found else None

    def _read(self, context: Sequence[int]) -> None:
        """Moves the pointer past the tokens chosen since the last call."""
        for at in range(self._n_read, len(context)):
            pointer = self._pointer
            if pointer < len(self._tokens) and self._tokens[pointer] == context[at]:
                self._pointer += 1
                self._run += 1
            else:
                self._find(context, at + 1)
            if self._run >= _FIRM_RUN:
                self._anchor = self._pointer
        self._n_read = len(context)

    def _find(self, context: Sequence[int], end: int) -> None:
        """Puts the pointer behind the best match of the answer's last tokens, up to `end`."""
        tokens = self._tokens
        # As far as can be told yet, one token was written in the place of another.
        best, run = min(self._pointer + 1, len(tokens)), 0
        longest = min(MAX_RUN, end - self._start)
        places = np.flatnonzero(tokens == context[end - 1]) + 1
        while len(places):
            run += 1
            ahead = places - self._anchor
            # An edit seldom goes back.
            distance = np.where(ahead > 0, ahead, 2 - 2 * ahead)
            best = int(places[distance.argmin()])
            if run == longest:
                break
            places = places[places > run]
            places = places[tokens[places - 1 - run] == context[end - 1 - run]]
        self._pointer, self._run = best, run


def _bucket(run: int) -> int:
    return min(run, MAX_RUN) + sum(run >= long for long in _LONG_RUNS)
