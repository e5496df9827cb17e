"""A text's lines, to be taken one by one."""

from __future__ import annotations

import re

from lsp.replies import marks


class Lines:
    """True while there are any left."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._next = 0

    def __bool__(self) -> bool:
        return self._next < len(self._lines)

    def take(self) -> str:
        self._next += 1
        return self._lines[self._next - 1]

    def until(self, end: re.Pattern[str], margin: str) -> list[str] | None:
        """The lines before the next mark, which is taken too; None without one. What is indented
        deeper than `margin` is text."""
        taken: list[str] = []
        while self:
            line = self.take()
            mark = marks.match(end, line)
            if mark is not None and len(mark["margin"]) <= len(margin):
                return taken
            taken.append(line)
        return None

    def path_before(self) -> str:
        """The file that is named by the last of the two lines before the one just taken that is
        not blank."""
        before = self._lines[max(self._next - 3, 0) : self._next - 1]
        last = next((line for line in reversed(before) if line.strip()), "")
        return marks.path_on(last)
