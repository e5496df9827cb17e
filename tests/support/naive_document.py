"""A document as the simplest possible editor keeps it: code units in a list, lines by scanning.

Slow, and written without a look at the server's code: what the server must agree with.
"""

from __future__ import annotations

UNIT_SIZES = {"utf-8": 1, "utf-16": 2, "utf-32": 4}


class NaiveDocument:
    """Text as a list of code units of one encoding; a position is a line and a unit in it."""

    def __init__(self, text: str, encoding: str) -> None:
        self.encoding = encoding
        self.units = self._encode(text)

    @property
    def text(self) -> str:
        return b"".join(self.units).decode(self._codec, "surrogatepass")

    def lines(self) -> list[tuple[int, int]]:
        """For each line, where it begins and where its content ends."""
        spans: list[tuple[int, int]] = []
        start = at = 0
        carriage_return, newline = self._encode("\r")[0], self._encode("\n")[0]
        while at < len(self.units):
            if self.units[at] == carriage_return and self.units[at + 1 : at + 2] == [newline]:
                spans.append((start, at))
                at += 2
                start = at
            elif self.units[at] in (carriage_return, newline):
                spans.append((start, at))
                at += 1
                start = at
            else:
                at += 1
        spans.append((start, len(self.units)))
        return spans

    def index(self, line: int, character: int) -> int:
        """The unit a position names; clamped into the text as the protocol says."""
        lines = self.lines()
        if line >= len(lines):
            return len(self.units)
        start, end = lines[line]
        return min(start + character, end)

    def replace(self, start: tuple[int, int], end: tuple[int, int], inserted: str) -> None:
        first, last = sorted((self.index(*start), self.index(*end)))
        self.units[first:last] = self._encode(inserted)

    def boundaries(self) -> list[tuple[int, int]]:
        """All positions between two characters; none inside a character or a line ending."""
        return [
            (line, unit - start)
            for line, (start, end) in enumerate(self.lines())
            for unit in range(start, end + 1)
            if unit == end or not self._continues(unit)
        ]

    def _continues(self, unit: int) -> bool:
        if self.encoding == "utf-8":
            return self.units[unit][0] & 0xC0 == 0x80
        if self.encoding == "utf-16":
            return 0xDC <= self.units[unit][1] <= 0xDF
        return False

    @property
    def _codec(self) -> str:
        return {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[self.encoding]

    def _encode(self, text: str) -> list[bytes]:
        encoded = text.encode(self._codec, "surrogatepass")
        size = UNIT_SIZES[self.encoding]
        return [encoded[at : at + size] for at in range(0, len(encoded), size)]
