"""The server's text maths against a naive document: same text, same lines, after every edit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from lsp.document_store import Document
from lsp.line_index import LineIndex
from lsp.positions import Encoding, locate, n_units
from tests.support.naive_document import NaiveDocument

# Everything a line splitter or a counter of code units could get wrong.
ALPHABET = "ab \t\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029é☃\ufeff😀\U0010ffff\0"
text_with_traps = st.lists(
    st.sampled_from([*ALPHABET, "\r\n", "\r\n", "\n", "word"]), max_size=30
).map("".join)
fraction = st.floats(0, 1, allow_nan=False)
edits = st.lists(st.tuples(fraction, fraction, text_with_traps), min_size=1, max_size=30)


def _position(place: tuple[int, int]) -> types.Position:
    return types.Position(*place)


@pytest.mark.parametrize("encoding", list(Encoding))
@settings(max_examples=150, deadline=None)
@given(initial=text_with_traps, changes=edits)
def test_edits(encoding: Encoding, initial: str, changes: list[tuple[float, float, str]]) -> None:
    naive = NaiveDocument(initial, encoding)
    document = Document(uri="file:///a", language_id="x", version=0, text=initial)
    for first, second, inserted in changes:
        boundaries = naive.boundaries()
        start, end = sorted(boundaries[round(at * (len(boundaries) - 1))] for at in (first, second))
        located = [
            locate(document.text, document.lines, _position(place), encoding)
            for place in (start, end)
        ]
        assert all(found.is_exact for found in located)
        naive.replace(start, end, inserted)
        document.replace(located[0].offset, located[1].offset, inserted)
        assert document.text == naive.text
        fresh = LineIndex(document.text)
        assert [document.lines.start_of(n) for n in range(document.lines.n_lines)] == [
            fresh.start_of(n) for n in range(fresh.n_lines)
        ]
        assert fresh.n_lines == len(naive.lines())


@pytest.mark.parametrize("encoding", list(Encoding))
@given(text=text_with_traps)
def test_every_position_is_found_and_counts_back(encoding: Encoding, text: str) -> None:
    naive, lines = NaiveDocument(text, encoding), LineIndex(text)
    for place in naive.boundaries():
        found = locate(text, lines, _position(place), encoding)
        assert found.is_exact
        assert n_units(text[: found.offset], encoding) == naive.index(*place)
        line = lines.line_of(found.offset)
        assert (line, n_units(text[lines.start_of(line) : found.offset], encoding)) == place


@pytest.mark.parametrize("encoding", list(Encoding))
@given(text=text_with_traps, line=st.integers(0, 40), character=st.integers(0, 80))
def test_any_position_is_clamped_as_the_protocol_says(
    encoding: Encoding, text: str, line: int, character: int
) -> None:
    naive, lines = NaiveDocument(text, encoding), LineIndex(text)
    found = locate(text, lines, types.Position(line, character), encoding)
    reached = n_units(text[: found.offset], encoding)
    wanted = naive.index(line, character)
    is_boundary = (line, character) in naive.boundaries()
    assert found.is_exact == is_boundary
    # Inside a character it is rounded down to the character's first unit.
    assert reached <= wanted
    assert wanted - reached < 4
    if is_boundary or line >= lines.n_lines:
        assert reached == wanted


@given(text=text_with_traps, offset=fraction)
def test_line_of(text: str, offset: float) -> None:
    lines, at = LineIndex(text), round(offset * len(text))
    line = lines.line_of(at)
    assert lines.start_of(line) <= at
    assert line + 1 == lines.n_lines or at < lines.start_of(line + 1)


def test_halves_of_a_character_join() -> None:
    document = Document(uri="file:///a", language_id="x", version=0, text="a\ud83d|b")
    document.replace(2, 3, "\ude00")
    assert document.text == "a😀b"
    document.replace(1, 2, "\ud83dx\ude00")
    document.replace(2, 3, "")
    assert document.text == "a😀b"
    assert document.lines.length == 3
