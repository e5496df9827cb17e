"""Prediction from the open file alone."""

from __future__ import annotations

from inference.cache_model import NgramIndex
from training.ngram import best_weight, copy_line, line_after_longest_match

END = 9


def test_a_line_is_copied_up_to_its_end():
    index = NgramIndex([[1, 2, 3, 4, END, 1, 2]])
    assert copy_line(index, [1, 2], 10, frozenset({END})).tokens == [3, 4]


def test_nothing_is_copied_without_a_match():
    assert copy_line(NgramIndex(), [1, 2], 10, frozenset({END})).tokens == []


def test_the_best_weight_follows_the_better_predictor():
    assert best_weight([(0.1, 0.9)] * 5) == 0.95
    assert best_weight([(0.9, 0.0)] * 5) == 0.0


def test_the_baseline_copies_the_rest_of_a_line():
    above = "one = first(1)\ntwo = first(2)\nthree = fi"
    assert line_after_longest_match(above, "") == "rst(1)", "`e = fi` stands in the first line"
    assert line_after_longest_match("for x in y", "\nfor x in yes:\n") == "es:"
    assert line_after_longest_match("q", "zzz") == ""
    assert line_after_longest_match("", "abc") == ""
