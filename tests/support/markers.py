"""Texts with a cursor mark: `f(▮)` is the text `f()` with the cursor between the brackets."""

from __future__ import annotations

import re
from dataclasses import dataclass

CURSOR = "▮"


@dataclass(frozen=True)
class Marked:
    """A text and its cursor, as an offset and as a position in UTF-16 units."""

    text: str
    offset: int
    line: int
    character: int


def marked(source: str) -> Marked:
    """Raises ValueError unless there is exactly one mark."""
    if source.count(CURSOR) != 1:
        raise ValueError(f"{source.count(CURSOR)} cursor marks, not one")
    before, after = source.split(CURSOR)
    lines = re.split(r"\r\n|\n|\r", before)
    return Marked(
        text=before + after,
        offset=len(before),
        line=len(lines) - 1,
        character=len(lines[-1].encode("utf-16-le")) // 2,
    )
