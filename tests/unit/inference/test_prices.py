"""How much of a draft is worth checking."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends.base import RowPolicy
from inference.speculation.prices import Prices

ROWS = RowPolicy(maximum=64, minimum=2)
SINGLE = RowPolicy(maximum=64)


def lines(start: float, slope: float) -> Callable[[int], float]:
    """A call's cost, rising by the row."""
    return lambda n_rows: start + slope * n_rows


def length(prices: Prices, chances: list[float], n_new: int = 1) -> int:
    shares = dict(enumerate(chances))
    return prices.choose(shares, list(shares), n_new).n


def test_the_sure_is_checked_and_the_doubtful_is_not() -> None:
    prices = Prices(lines(10, 1), SINGLE)
    assert length(prices, [1.0] * 20) == 20
    assert length(prices, [0.0] * 20) == 0
    assert length(prices, [0.99] * 8 + [0.01] * 8) == 8


def test_behind_a_doubtful_token_the_sure_ones_are_cheap() -> None:
    """If it is right they come along in the next call: they do not pay for being drafted with it
    as those do that would cost a call each."""
    prices = Prices(lines(10, 3), SINGLE)
    assert length(prices, [0.5] + [0.999] * 30) < 8
    assert length(prices, [0.999] * 31) == 31


def test_what_a_call_has_anyway_is_free() -> None:
    prices = Prices(lines(0, 10), RowPolicy(maximum=64, minimum=8, multiple=4))
    assert length(prices, [0.001] * 20) == 7
    assert length(prices, [0.001] * 20, n_new=6) == 2
    assert length(prices, [0.001] * 3) == 3
    choice = prices.choose({0: 0.5}, [0] * 3, 1)
    assert choice.n_tokens == pytest.approx(1 + 0.5 + 0.25 + 0.125)


def test_a_step_in_the_costs_is_taken_whole_or_not_at_all() -> None:
    """Kernels work in tiles."""
    prices = Prices(lambda n_rows: 10.0 * -(-n_rows // 4), SINGLE)
    assert length(prices, [0.3] * 20) == 3
    assert length(prices, [0.9] * 20) % 4 == 3


def test_a_gain_too_small_to_be_sure_of_is_left() -> None:
    prices = Prices(lambda n_rows: 149.9 if n_rows == 2 else 100.0 * n_rows, SINGLE)
    assert length(prices, [0.5]) == 0
    assert length(prices, [0.6]) == 1


@given(
    st.lists(st.floats(0, 1), max_size=40),
    st.floats(0.01, 100),
    st.floats(0, 100),
    st.integers(1, 40),
)
def test_any_costs_and_chances_give_a_length_that_pays(
    chances: list[float], start: float, slope: float, n_new: int
) -> None:
    ms = lines(start, slope)
    prices = Prices(ms, ROWS)
    choice = prices.choose(dict(enumerate(chances)), list(range(len(chances))), n_new)
    assert 0 <= choice.n <= len(chances)
    assert choice.gain >= 0
    n_filling = min(ROWS.padded(n_new) - n_new, len(chances))
    assert choice.n >= n_filling
    # Each right token saves a call of its own at most.
    saved = (choice.n_tokens - 1) * ms(ROWS.padded(1))
    spent = ms(ROWS.padded(n_new + choice.n)) - ms(ROWS.padded(n_new))
    assert saved >= spent * (1 - 1e-9)
