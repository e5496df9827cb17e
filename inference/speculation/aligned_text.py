"""Drafts from a text that the answer is likely to repeat with changes.

When a region is edited, most of the answer is what stood there before; when a suggestion was
nearly right, most of the next one is the last. A pointer walks along that text while the answer
repeats it. Where the answer departs, the pointer is lost; it is found again where the last tokens
of the answer stand in the text, the longest match first, among equals the one nearest to where the
pointer was (after Cursor's and Aider's "the old text is the draft"; Yang et al., arXiv:2304.04487).
"""

from __future__ import annotations

from collections.abc import Sequence

from inference.speculation.draft import MAX_DRAFT, Draft, n_same

MAX_RUN = 12
"""Matched tokens before the pointer that are told apart one by one."""
_LONG_RUNS = (24, 48)
"""Beyond it, by whether there are so many: what has been the same for lines mostly stays so."""
_FIRM_RUN = 3
"""So many matched tokens are no chance: what lies before them is done with."""
_NEAR = 2
"""Tokens after the place of the departure where a replaced token's successor is."""
BEHIND, AHEAD, NEAR = range(3)
"""Where the pointer was found again, from the doubtful to the certain."""


class AlignedText:
    """See the module. A token's bucket says how many tokens match right before it; of few, also
    where the pointer was found again."""

    def __init__(self, name: str, tokens: Sequence[int], n_before: int) -> None:
        """
        Args:
            tokens: of the text, tokenised as the answer would be.
            n_before: tokens of the context that stand before the answer.
        """
        self.name = name
        self._tokens = list(tokens)
        self._places: dict[int, list[int]] = {}
        """After each token; made at the first departure."""
        self._n_read = n_before
        self._start = n_before
        self._pointer = 0
        self._run = MAX_RUN  # At their beginnings the two are together.
        self._where = NEAR
        self._anchor = 0
        """Where the pointer last stood firm."""

    def draft(self, context: Sequence[int], n: int) -> Draft | None:
        self._read(context)
        found = self._tokens[self._pointer : self._pointer + min(n, MAX_DRAFT)]
        if not found:
            return None
        run = min(self._run, _LONG_RUNS[-1])
        return Draft(found, _BUCKETS[self._where][run : run + len(found)])

    def _read(self, context: Sequence[int]) -> None:
        """Moves the pointer past the tokens chosen since the last call."""
        end = len(context)
        while self._n_read < end:
            ahead = context[self._n_read :]
            n = n_same(ahead, self._tokens[self._pointer : self._pointer + len(ahead)])
            self._pointer += n
            self._run += n
            self._n_read += n
            if self._run >= _FIRM_RUN:
                self._anchor = self._pointer
            if self._n_read < end:
                self._n_read += 1
                self._find(context, self._n_read)

    def _find(self, context: Sequence[int], end: int) -> None:
        """Puts the pointer behind the best match of the answer's last tokens, up to `end`."""
        tokens = self._tokens
        if not self._places:
            for place, token in enumerate(tokens, 1):
                self._places.setdefault(token, []).append(place)
        places: list[int] = self._places.get(context[end - 1], [])
        # As far as can be told without a match, one token was written in the place of another.
        best, run = min(self._pointer + 1, len(tokens)), 0
        longest = min(MAX_RUN, end - self._start)
        matches = places
        while places:
            run, matches = run + 1, places
            if run == longest:
                break
            before = context[end - 1 - run]
            places = [p for p in places if p > run and tokens[p - 1 - run] == before]
        if matches:
            best = min(matches, key=self._distance)
        ahead = best - self._anchor
        self._pointer, self._run = best, run
        self._where = BEHIND if ahead <= 0 else NEAR if ahead <= _NEAR else AHEAD
        if run >= _FIRM_RUN:
            self._anchor = best

    def _distance(self, place: int) -> int:
        """From where the pointer was; an edit seldom goes back."""
        ahead = place - self._anchor
        return ahead if ahead > 0 else 2 - 2 * ahead


def _bucket(run: int, where: int) -> int:
    if run < _FIRM_RUN:
        return 3 * run + where
    return 2 * _FIRM_RUN + min(run, MAX_RUN) + sum(run >= long for long in _LONG_RUNS)


_BUCKETS = [
    [_bucket(run, where) for run in range(_LONG_RUNS[-1] + MAX_DRAFT)]
    for where in (BEHIND, AHEAD, NEAR)
]
