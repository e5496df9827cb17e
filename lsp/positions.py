"""LSP positions ⇄ offsets: the only place that knows code units.

A position is a line and a count of code units of the negotiated encoding. An offset is an index
into a Python string. Positions outside the text are clamped as the protocol says: a character
beyond the line's end is the line's end, a line beyond the last one is the text's end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lsprotocol import types

from lsp.line_index import LineIndex


class Encoding(StrEnum):
    """What `Position.character` counts; the values are the protocol's."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


@dataclass(frozen=True, slots=True)
class Located:
    """An offset, and whether the position named it exactly or was clamped to it."""

    offset: int
    is_exact: bool


def n_units(text: str, encoding: Encoding) -> int:
    """Code units of `text`."""
    if encoding is Encoding.UTF32 or text.isascii():
        return len(text)
    if encoding is Encoding.UTF16:
        return len(text.encode("utf-16-le", "surrogatepass")) // 2
    return len(text.encode("utf-8", "surrogatepass"))


def locate(text: str, lines: LineIndex, position: types.Position, encoding: Encoding) -> Located:
    """The offset of `position`. Costs the length of the line's part before it, not of the text."""
    if position.line >= lines.n_lines:
        return Located(offset=len(text), is_exact=False)
    start = lines.start_of(position.line)
    end = _line_end(text, lines, position.line)
    # A character is at least one unit, so no more characters than units are needed.
    segment = text[start : min(end, start + position.character)]
    n_chars, is_exact = _chars_of_units(segment, position.character, encoding)
    return Located(offset=start + n_chars, is_exact=is_exact)


def position_at(text: str, lines: LineIndex, offset: int, encoding: Encoding) -> types.Position:
    """The position of an offset, which must not lie inside a `\\r\\n`."""
    line = lines.line_of(offset)
    before = text[lines.start_of(line) : offset]
    return types.Position(line, n_units(before, encoding))


def _line_end(text: str, lines: LineIndex, line: int) -> int:
    """Offset of the end of `line`, its line ending not included."""
    if line + 1 == lines.n_lines:
        return len(text)
    end = lines.start_of(line + 1) - 1
    if end > 0 and text[end] == "\n" and text[end - 1] == "\r":
        return end - 1
    return end


def _chars_of_units(segment: str, units: int, encoding: Encoding) -> tuple[int, bool]:
    """How many characters of `segment` its first `units` units hold, and whether exactly.

    A count that ends inside a character is rounded down to its beginning.
    """
    if encoding is Encoding.UTF32 or segment.isascii():
        return len(segment), len(segment) == units
    if encoding is Encoding.UTF16:
        codec, size = "utf-16-le", 2
    else:
        codec, size = "utf-8", 1
    encoded = segment.encode(codec, "surrogatepass")
    cut = units * size
    while cut < len(encoded) and _is_inside_character(encoded, cut, encoding):
        cut -= size
    n_chars = len(encoded[:cut].decode(codec, "surrogatepass"))
    return n_chars, cut == units * size and cut <= len(encoded)


def _is_inside_character(encoded: bytes, at: int, encoding: Encoding) -> bool:
    """Whether the unit at byte `at` continues the character before it."""
    if encoding is Encoding.UTF8:
        return encoded[at] & 0xC0 == 0x80
    # A low surrogate continues a high one; a lone one is a character of its own.
    return at >= 2 and 0xDC <= encoded[at + 1] <= 0xDF and 0xD8 <= encoded[at - 1] <= 0xDB
