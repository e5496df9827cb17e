"""Where the lines of a text begin, kept up to date edit by edit.

The starts lie in two lists with a gap between them at the place of the last edit: those before it
as offsets from the text's beginning, those after it as distances from its end. An edit changes
neither what lies before it nor how far what lies after it is from the end, so typing in one place
costs a few list operations however many lines the file has; only a jump moves starts across.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

_LINE_END = re.compile(r"\r\n|\n|\r")


class LineIndex:
    """Line starts of one text. Lines end with `\\n`, `\\r\\n` or `\\r`, as the protocol says."""

    __slots__ = ("_after", "_before", "_length")

    def __init__(self, text: str) -> None:
        self._length = len(text)
        # The start of line 0 is not stored: it never moves.
        self._before: list[int] = [match.end() for match in _LINE_END.finditer(text)]
        self._after: list[int] = []  # Ascending distances from the end: the nearest is last.

    @property
    def n_lines(self) -> int:
        """At least 1; a text that ends with a line ending has an empty last line."""
        return 1 + len(self._before) + len(self._after)

    @property
    def length(self) -> int:
        """Characters of the text."""
        return self._length

    def start_of(self, line: int) -> int:
        """Offset of the first character of `line`, which must be in `range(n_lines)`."""
        if line == 0:
            return 0
        if line <= len(self._before):
            return self._before[line - 1]
        return self._length - self._after[len(self._before) - line]

    def line_of(self, offset: int) -> int:
        """The line that holds the character at `offset`, 0 to the text's length."""
        if not self._after or offset < self._length - self._after[-1]:
            return bisect_right(self._before, offset)
        # Distances count from the other end: those not beyond `offset` are the larger ones.
        n_beyond = bisect_left(self._after, self._length - offset)
        return len(self._before) + len(self._after) - n_beyond

    def replace(self, start: int, end: int, n_inserted: int, text: str) -> None:
        """Follow an edit: `[start, end)` of the old text became `n_inserted` characters.

        `text` is the text after the edit. Whether a line starts at an offset depends on the two
        characters around it, so every start in `[start, end]` is found anew, and no other can
        change: that is what keeps a `\\r\\n` right when an edit splits or joins it.
        """
        self._move_gap_to(start)
        kept = bisect_left(self._after, self._length - end)
        del self._after[kept:]
        self._length += n_inserted - (end - start)

        first, last = max(start, 1), start + n_inserted
        for match in _LINE_END.finditer(text, first - 1, min(last + 1, self._length)):
            if match.end() <= last:
                self._before.append(match.end())

    def _move_gap_to(self, offset: int) -> None:
        """Leave all starts below `offset` in `_before` and the others in `_after`."""
        split = bisect_left(self._before, offset)
        if split < len(self._before):
            length = self._length
            self._after.extend(length - start for start in reversed(self._before[split:]))
            del self._before[split:]
        else:
            split = bisect_right(self._after, self._length - offset)
            if split < len(self._after):
                length = self._length
                self._before.extend(length - distance for distance in reversed(self._after[split:]))
                del self._after[split:]
