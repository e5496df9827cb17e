"""How many threads are used, on pretended machines."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.threads import LOSS_SHARE, ThreadGovernor, thread_counts

Machine = Callable[[int], tuple[float, float]]
"""From a number of threads to the milliseconds of a call, and the share of them it ran."""


def idle(n_threads: int) -> tuple[float, float]:
    return 20.0 / n_threads, 0.99


def all_busy(n_threads: int) -> tuple[float, float]:
    """As measured on two cores, both busy."""
    return (40.0, 0.5) if n_threads == 1 else (100.0 * n_threads, 0.2)


def one_of_eight_busy(n_threads: int) -> tuple[float, float]:
    return (8.0, 0.5) if n_threads == 8 else (20.0 / n_threads, 0.97)


def run(governor: ThreadGovernor, machine: Machine, ms: float, n_rows: int = 1) -> float:
    """Makes calls for so long; returns the mean time of one."""
    spent, n_calls = 0.0, 0
    while spent < ms:
        call_ms, share = machine(governor.choose(n_rows))
        governor.observe(n_rows, call_ms, share * call_ms)
        spent += call_ms
        n_calls += 1
    return spent / n_calls


@pytest.mark.parametrize(
    ("n_threads", "counts"),
    [(1, (1,)), (2, (1, 2)), (4, (1, 2, 3, 4)), (8, (1, 2, 4, 7, 8)), (6, (1, 3, 5, 6))],
)
def test_few_numbers_are_worth_trying(n_threads: int, counts: tuple[int, ...]) -> None:
    assert thread_counts(n_threads) == counts


def test_an_idle_machine_is_left_alone() -> None:
    governor = ThreadGovernor(4)
    assert run(governor, idle, 10_000) == 5.0


def test_a_context_that_grows_is_tried_once_and_costs_nearly_nothing() -> None:
    governor = ThreadGovernor(2)
    assert run(governor, idle, 1000) == 10.0
    assert run(governor, lambda n: (60.0 / n, 0.99), 10_000) < 30.5
    assert governor.n_threads == 2


def test_busy_cores_make_it_use_fewer_within_a_few_calls() -> None:
    governor = ThreadGovernor(2)
    run(governor, idle, 1000)
    run(governor, all_busy, 800)
    assert governor.n_threads == 1
    loss_of_trials = run(governor, all_busy, 60_000) / 40.0 - 1
    assert loss_of_trials <= 1.5 * LOSS_SHARE


def test_a_start_among_busy_cores_is_no_different() -> None:
    governor = ThreadGovernor(2)
    run(governor, all_busy, 800)
    assert governor.n_threads == 1


def test_threads_that_spin_as_they_wait_show_by_their_slowness() -> None:
    governor = ThreadGovernor(2)
    run(governor, idle, 1000)
    run(governor, lambda n: (all_busy(n)[0], 1.0), 1000)
    assert governor.n_threads == 1


def test_all_threads_are_used_again_soon_after_the_cores_are_free() -> None:
    governor = ThreadGovernor(2)
    run(governor, idle, 1000)
    run(governor, all_busy, 20_000)
    assert governor.choose(1) == 1
    run(governor, idle, 300)
    assert governor.n_threads == 2
    assert run(governor, idle, 10_000) == 10.0


def test_one_busy_core_costs_one_thread() -> None:
    governor = ThreadGovernor(8)
    run(governor, idle, 500)
    run(governor, one_of_eight_busy, 2000)
    assert governor.n_threads == 7


def test_what_one_kind_of_call_found_out_the_others_try_at_once() -> None:
    governor = ThreadGovernor(2)
    run(governor, idle, 1000)
    run(governor, idle, 1000, n_rows=64)
    run(governor, all_busy, 1000)
    run(governor, all_busy, 1, n_rows=64)
    assert governor.choose(64) == 1


def test_a_moments_trouble_costs_no_thread_for_longer() -> None:
    governor = ThreadGovernor(2)
    run(governor, idle, 1000)
    run(governor, lambda _: (60.0, 0.2), 1)
    assert run(governor, idle, 110) < 14.0
    assert governor.n_threads == 2


def test_a_moments_trouble_is_not_told_to_other_calls() -> None:
    governor = ThreadGovernor(2)
    run(governor, idle, 1000)
    run(governor, idle, 1000, n_rows=64)
    run(governor, lambda _: (60.0, 0.2), 1)
    for _ in range(20):
        run(governor, idle, 10)
        assert governor.choose(64) == 2
        run(governor, idle, 1, n_rows=64)


def test_one_long_call_says_that_fewer_threads_are_too_few() -> None:
    governor = ThreadGovernor(2)
    run(governor, lambda n: (200.0 / n, 0.99), 2000, n_rows=64)
    run(governor, lambda _: (250.0, 0.4), 1, n_rows=64)
    calls: list[int] = []
    for _ in range(20):
        calls.append(governor.choose(64))
        run(governor, lambda n: (200.0 / n, 0.99), 1, n_rows=64)
    assert calls.count(1) == 1


def test_kinds_of_calls_differ() -> None:
    """Single tokens gain nothing by threads that must wait, whole chunks still do."""
    governor = ThreadGovernor(2)
    for _ in range(200):
        run(governor, all_busy, 40)
        run(governor, lambda n: (600.0 / n, 0.6), 40, n_rows=64)
    assert governor.choose(1) == 1
    assert governor.choose(64) == 2


def test_a_single_thread_is_all_there_is() -> None:
    governor = ThreadGovernor(1)
    assert run(governor, all_busy, 1000) == 40.0


@given(
    n_threads=st.integers(1, 64),
    calls=st.lists(
        st.tuples(
            st.integers(1, 2048), st.floats(0.001, 5000, allow_nan=False), st.floats(0.0, 1.0)
        ),
        max_size=300,
    ),
)
def test_whatever_is_measured_the_number_is_one_that_exists(
    n_threads: int, calls: list[tuple[int, float, float]]
) -> None:
    governor = ThreadGovernor(n_threads)
    for n_rows, ms, share in calls:
        assert 1 <= governor.choose(n_rows) <= n_threads
        governor.observe(n_rows, ms, share * ms)
