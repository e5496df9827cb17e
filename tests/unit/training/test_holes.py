"""Holes end where a line or a block ends, and lie where an editor's cursor can be."""

from __future__ import annotations

import random

import pytest

from training.holes import (
    Hole,
    block,
    choose_hole,
    inside_line,
    rest_of_line,
    seam,
    whole_line,
)

SOURCE = '''import json


def read(path):
    """Read it."""
    with open(path) as file:
        return json.load(file)


class Reader:
    def __init__(self, path):
        self.path = path

    def size(self):
        return len(read(self.path))
'''


@pytest.fixture
def rng() -> random.Random:
    return random.Random(0)


def holes(n: int) -> list[Hole]:
    rng = random.Random(1)
    found = [choose_hole(SOURCE, rng) for _ in range(n)]
    return [hole for hole in found if hole is not None]


def test_most_texts_offer_a_hole_of_every_kind():
    found = holes(500)
    assert len(found) > 400
    assert {hole.kind for hole in found} == {"rest", "line", "block", "inside"}


def test_a_hole_lies_on_the_cursor_line_and_is_not_empty():
    for hole in holes(500):
        assert hole.line_start == 0 or SOURCE[hole.line_start - 1] == "\n"
        assert hole.line_start <= hole.start < hole.end <= len(SOURCE)
        assert "\n" not in SOURCE[hole.line_start : hole.start]


def test_only_blocks_span_lines():
    for hole in holes(500):
        missing = SOURCE[hole.start : hole.end]
        assert ("\n" in missing) <= (hole.kind == "block")


def test_a_rest_ends_with_its_line_or_before_closing_brackets(rng: random.Random):
    line = "    return json.load(file)"
    ends = {hole.end for _ in range(300) if (hole := rest_of_line(line, 0, rng)) is not None}
    assert ends == {len(line), len(line) - 1}


def test_a_rest_never_begins_in_the_indentation(rng: random.Random):
    for _ in range(300):
        hole = rest_of_line("        x = 1", 0, rng)
        assert hole is None or hole.start > 8


def test_a_whole_line_begins_after_its_indentation_or_at_its_start(rng: random.Random):
    starts = {whole_line("    pass", 100, rng).start for _ in range(100)}
    assert starts == {100, 104}


def test_a_block_is_a_whole_body(rng: random.Random):
    lines = SOURCE.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    hole = block(lines, starts, lines.index("    with open(path) as file:"), rng)
    assert hole is not None
    assert SOURCE[hole.start : hole.end].strip() == "return json.load(file)"
    assert SOURCE[hole.end] == "\n"


def test_a_piece_inside_a_line_leaves_something_after_it(rng: random.Random):
    line = "value = first + second * third"
    found = [hole for _ in range(100) if (hole := inside_line(line, 0, rng)) is not None]
    assert found
    assert all(0 < hole.start < hole.end < len(line) for hole in found)


def test_text_without_code_offers_none(rng: random.Random):
    assert choose_hole("\n\n  \n", rng) is None


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("    return self.fo", "    return self"),
        ("    x = ", "    x ="),
        ("foo(", "foo"),
        ("if a ==", "if a"),
        ("    ", ""),
        ("name", ""),
    ],
)
def test_the_prompt_ends_before_the_unfinished_run(typed: str, kept: str):
    assert typed[: seam(typed, 0, len(typed))] == kept


def test_the_seam_never_leaves_the_line():
    assert seam("above\nfoo", 6, 9) == 6
    assert seam("above\n", 6, 6) == 6
