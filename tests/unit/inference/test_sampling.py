"""Choosing tokens."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from inference.errors import BackendError
from inference.sampling import Sampler
from inference.types import SamplingParams

PROBABILITIES = np.array([0.1, 0.4, 0.05, 0.25, 0.2], np.float64)
ROW = np.log(PROBABILITIES).astype(np.float32) + 3


def counts(n: int = 4000, **params: float) -> Counter[int]:
    sampler = Sampler(SamplingParams(**{"temperature": 1.0, "top_k": 0, "top_p": 1.0, **params}))  # pyright: ignore[reportArgumentType]
    return Counter(sampler.choose(ROW).token for _ in range(n))


def test_greedy_takes_the_likeliest_and_tells_its_probability() -> None:
    choice = Sampler(SamplingParams()).choose(ROW)
    assert choice.token == 1
    assert choice.logprob == pytest.approx(math.log(0.4), abs=1e-6)


def test_ties_go_to_the_lower_id() -> None:
    assert Sampler(SamplingParams()).choose(np.zeros(5, np.float32)).token == 0


def test_a_constraint_renormalises() -> None:
    allowed = np.array([0, 2, 4])
    choice = Sampler(SamplingParams()).choose(ROW, allowed)
    assert choice.token == 4
    assert choice.logprob == pytest.approx(math.log(0.2 / 0.35), abs=1e-6)


def test_draws_follow_the_probabilities() -> None:
    drawn = counts()
    for token, probability in enumerate(PROBABILITIES):
        assert drawn[token] / 4000 == pytest.approx(probability, abs=0.03)


def test_temperature_sharpens() -> None:
    drawn = counts(temperature=0.5)
    expected = PROBABILITIES**2 / (PROBABILITIES**2).sum()
    assert drawn[1] / 4000 == pytest.approx(expected[1], abs=0.03)


def test_top_k() -> None:
    assert set(counts(top_k=2)) == {1, 3}
    assert set(counts(top_k=1)) == {1}


def test_top_p_keeps_the_token_that_passes_the_threshold() -> None:
    assert set(counts(top_p=0.5)) == {1, 3}
    assert set(counts(top_p=0.1)) == {1}


def test_min_p() -> None:
    assert set(counts(min_p=0.45)) == {1, 3, 4}


@pytest.mark.parametrize("beyond", [{"top_k": -1}, {"min_p": 1.5}, {"top_p": -1.0}, {"top_p": 0.0}])
def test_filters_beyond_their_range_leave_a_token(beyond: dict[str, float]) -> None:
    sampler = Sampler(SamplingParams(**{"temperature": 1.0, **beyond}))  # pyright: ignore[reportArgumentType]
    assert sampler.choose(ROW, np.array([2])).token == 2


def test_the_same_seed_draws_the_same() -> None:
    def draw(seed: int) -> list[int]:
        sampler = Sampler(SamplingParams(temperature=1.0, seed=seed))
        return [sampler.choose(ROW).token for _ in range(50)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_the_logprob_of_a_draw_is_that_at_temperature_one_before_filters() -> None:
    sampler = Sampler(SamplingParams(temperature=0.1, top_k=1))
    assert sampler.choose(ROW).logprob == pytest.approx(math.log(0.4), abs=1e-6)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_an_error(broken: float) -> None:
    with pytest.raises(BackendError):
        Sampler(SamplingParams()).choose(np.full(5, broken, np.float32))


@pytest.mark.parametrize("shift", [-1000.0, -59.0, 0.0, 59.0, 1000.0])
def test_large_logits_overflow_nothing(shift: float) -> None:
    row = (ROW + np.float32(shift)).astype(np.float32)
    expected = Sampler(SamplingParams()).choose(ROW).logprob
    assert Sampler(SamplingParams()).choose(row).logprob == pytest.approx(expected, abs=2e-4)


def test_log_probabilities_are_left_out_where_nobody_wants_them() -> None:
    choice = Sampler(SamplingParams(with_logprobs=False)).choose(ROW)
    assert choice.logprob is None
    assert choice.token == Sampler(SamplingParams()).choose(ROW).token
