"""What the open file says comes next, and its mixture with the model's choice."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.cache_model import (
    MAX_ORDER,
    N_AGREEMENTS,
    N_LENGTHS,
    CacheModel,
    Match,
    NgramEvidence,
    NgramIndex,
    log_softmax,
    mixed,
)

TOKENS = st.lists(st.integers(0, 3), max_size=40)
ALL_OR_NOTHING = ((0.0, 0.0, 0.0, 0.0), *(((0.5, 0.5, 0.9, 0.9),) * (N_LENGTHS - 1)))


def test_the_longest_match_wins_over_a_more_frequent_short_one() -> None:
    index = NgramIndex([[1, 2, 3, 4, 5, 3, 7, 6, 3, 7]])
    match = index.longest_match([2, 3])
    assert match is not None
    assert (match.order, match.counts, match.latest) == (2, {4: 1}, 4)
    assert index.run(match.place, 3) == [4, 5, 3]
    match = index.longest_match([8, 3])
    assert match is not None
    assert (match.order, match.counts, match.latest) == (1, {7: 2, 4: 1}, 7)
    assert index.run(match.place, 3) == [7], "the text ends there"


def test_no_match_reaches_from_one_text_into_another() -> None:
    index = NgramIndex([[1, 2], [3, 4]])
    assert index.longest_match([2]) is None
    match = index.longest_match([2, 3])
    assert match is not None
    assert (match.order, match.counts) == (1, {4: 1})


@pytest.mark.parametrize(
    ("counts", "agreement"), [({1: 1, 2: 1, 3: 1}, 0), ({1: 2, 2: 1}, 1), ({1: 1}, 2), ({1: 4}, 3)]
)
def test_agreement_tells_how_far_the_continuations_are_one(
    counts: dict[int, int], agreement: int
) -> None:
    assert Match(1, Counter(counts), 1, 0).agreement == agreement


def longest_match_by_hand(texts: list[list[int]], context: list[int]) -> tuple[int, Counter[int]]:
    for order in range(min(MAX_ORDER, len(context)), 0, -1):
        wanted = context[-order:]
        counts = Counter(
            text[i + order]
            for text in texts
            for i in range(len(text) - order)
            if text[i : i + order] == wanted
        )
        if counts:
            return order, counts
    return 0, Counter()


@given(st.lists(TOKENS, max_size=4), TOKENS)
def test_the_index_finds_what_a_search_finds(texts: list[list[int]], context: list[int]) -> None:
    match = NgramIndex(texts).longest_match(context)
    order, counts = longest_match_by_hand(texts, context)
    assert ((0, Counter()) if match is None else (match.order, match.counts)) == (order, counts)


def test_a_mixture_is_a_distribution() -> None:
    scores = np.log(np.array([0.7, 0.2, 0.1], dtype=np.float32))
    result = np.exp(mixed(scores, Counter({2: 3, 1: 1}), 0.5))
    assert result.sum() == pytest.approx(1.0, abs=1e-5)
    assert result[2] == pytest.approx(0.05 + 0.375, abs=1e-5)


def cache_of(*texts: list[int]) -> CacheModel:
    return CacheModel([NgramEvidence(NgramIndex([text]), ALL_OR_NOTHING) for text in texts])


def test_one_text_speaks_after_the_other() -> None:
    logits = np.zeros(5, dtype=np.float32)
    one = np.exp(cache_of([1, 2, 3]).mix([1, 2], logits))
    two = np.exp(cache_of([1, 2, 3], [1, 2, 4]).mix([1, 2], logits))
    assert one[3] == pytest.approx(0.1 * 0.2 + 0.9, abs=1e-5)
    assert two[3] == pytest.approx(0.1 * one[3], abs=1e-5)
    assert two[4] == pytest.approx(0.1 * one[4] + 0.9, abs=1e-5)


def test_a_long_match_outvotes_the_model_and_a_short_one_does_not() -> None:
    cache = cache_of([1, 2, 3, 0, 2, 4])
    logits = np.array([9.0, 0.0, 0.0, 0.0, 0.0], dtype=np.float32)
    assert cache.mix([1, 2], logits).argmax() == 3
    assert cache.mix([4, 2], logits) is logits
    assert cache.mix([], logits) is logits


def test_the_models_logits_are_left_as_they_are() -> None:
    logits = np.array([1.0, 2.0, 3.0, 0.0], dtype=np.float32)
    before = logits.copy()
    mixture = cache_of([1, 2, 3]).mix([1, 2], logits)
    assert mixture is not logits
    assert (logits == before).all()
    assert np.exp(mixture).sum() == pytest.approx(1.0, abs=1e-5)
    assert log_softmax(mixture) == pytest.approx(mixture, abs=1e-5)


def test_the_weights_have_the_shape_of_the_buckets() -> None:
    assert len(ALL_OR_NOTHING) == N_LENGTHS
    assert all(len(row) == N_AGREEMENTS for row in ALL_OR_NOTHING)


@pytest.mark.parametrize(("order", "row"), [(1, 0), (8, 7), (9, 7), (10, 8), (16, 9), (24, 11)])
def test_long_matches_are_told_apart_by_classes(order: int, row: int) -> None:
    assert Match(order, Counter({1: 1}), 1, 0).length_class == row
