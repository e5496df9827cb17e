"""Prediction from the open file alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from training.ngram import Match, NgramIndex, best_weight, bucket_of, copy_line, mix

END = 9


def test_the_longest_match_wins_over_a_more_frequent_short_one():
    index = NgramIndex([[1, 2, 3, 4, 5, 3, 7, 6, 3, 7]])
    assert index.longest_match([2, 3]) == Match(2, Counter({4: 1}), 4)
    assert index.longest_match([8, 3]) == Match(1, Counter({7: 2, 4: 1}), 7)


def test_no_match_reaches_from_one_text_into_another():
    index = NgramIndex([[1, 2], [3, 4]])
    assert index.longest_match([2]) is None
    assert index.longest_match([2, 3]) == Match(1, Counter({4: 1}), 4)


def test_a_line_is_copied_up_to_its_end():
    index = NgramIndex([[1, 2, 3, 4, END, 1, 2]])
    assert copy_line(index, [1, 2], 10, frozenset({END})).tokens == [3, 4]


def test_nothing_is_copied_without_a_match():
    assert copy_line(NgramIndex(), [1, 2], 10, frozenset({END})).tokens == []


def test_a_bucket_tells_length_and_agreement():
    assert bucket_of(Match(3, Counter({1: 1}), 1)) == (3, 2)
    assert bucket_of(Match(3, Counter({1: 4}), 1)) == (3, 3)
    assert bucket_of(Match(1, Counter({1: 2, 2: 1}), 1)) == (1, 1)
    assert bucket_of(Match(1, Counter({1: 1, 2: 1, 3: 1}), 1)) == (1, 0)


def test_a_mixture_is_a_distribution():
    scores = np.log(np.array([0.7, 0.2, 0.1], dtype=np.float32))
    mixed = np.exp(mix(scores, Counter({2: 3, 1: 1}), 0.5))
    assert mixed.sum() == pytest.approx(1.0, abs=1e-5)
    assert mixed[2] == pytest.approx(0.05 + 0.375, abs=1e-5)


def test_the_best_weight_follows_the_better_predictor():
    assert best_weight([(0.1, 0.9)] * 5) == 0.95
    assert best_weight([(0.9, 0.0)] * 5) == 0.0
