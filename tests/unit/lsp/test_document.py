"""`Snapshot`: cursor maths on every line ending LSP knows, and on the ones it does not."""

from __future__ import annotations

import pytest

from lsp.document import Snapshot


def _snapshot(marked: str) -> Snapshot:
    offset = marked.index("▮")
    text = marked[:offset] + marked[offset + 1 :]
    return Snapshot(uri="file:///a.py", version=1, language_id="python", text=text, offset=offset)


@pytest.mark.parametrize(
    ("marked", "line_prefix", "line_suffix", "line_number"),
    [
        ("▮", "", "", 0),
        ("ab▮cd", "ab", "cd", 0),
        ("one\ntwo▮ more\nthree", "two", " more", 1),
        ("one\r\ntwo▮ more\r\nthree", "two", " more", 1),
        ("one\rtwo▮ more\rthree", "two", " more", 1),
        ("one\r\ntwo\rthree\n▮", "", "", 3),
        ("one▮\r\n", "one", "", 0),
        ("one\r▮\n", "", "", 1),  # Only reachable in a broken document; the maths still holds.
        ("a\x0cb\x85c\u2028d\x1ce▮f", "a\x0cb\x85c\u2028d\x1ce", "f", 0),
        ("😀\n😀x▮y", "😀x", "y", 1),
    ],
)
def test_lines_around_the_cursor(
    marked: str, line_prefix: str, line_suffix: str, line_number: int
) -> None:
    snapshot = _snapshot(marked)
    assert snapshot.line_prefix == line_prefix
    assert snapshot.line_suffix == line_suffix
    assert snapshot.line_number == line_number
    assert snapshot.prefix + snapshot.suffix == snapshot.text


@pytest.mark.parametrize(
    ("text", "eol"),
    [
        ("", "\n"),
        ("one line", "\n"),
        ("a\nb\nc\r\n", "\n"),
        ("a\r\nb\r\nc\n", "\r\n"),
        ("a\rb\rc\r\n", "\r"),
    ],
)
def test_dominant_line_ending(text: str, eol: str) -> None:
    assert _snapshot(text + "▮").eol == eol
