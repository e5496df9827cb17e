"""How much of a prompt goes into one call where a call cannot be interrupted."""

from __future__ import annotations

import pytest

from inference.backends.base import RowPolicy
from inference.chunk_size import ChunkSize
from inference.chunks import next_chunk

ROWS = RowPolicy(64, 2)


def settled(
    rows: RowPolicy, ms_per_row: float, *, token_ms: float = 1.0, can_interrupt: bool = False
) -> int:
    """The size after some calls of it."""
    size = ChunkSize(rows, can_interrupt=can_interrupt)
    size.observe(1, token_ms)
    for _ in range(20):
        size.observe(size.rows.maximum, ms_per_row * size.rows.maximum)
    return size.rows.maximum


def test_calls_that_can_be_interrupted_are_as_long_as_they_may_be() -> None:
    assert settled(ROWS, 20.0, can_interrupt=True) == 64
    assert ChunkSize(ROWS, can_interrupt=True).rows == ROWS


@pytest.mark.parametrize(
    ("ms_per_row", "token_ms", "n_rows"),
    [
        (0.1, 1.0, 64),
        (0.4, 1.0, 64),
        (0.5, 1.0, 32),
        (1.5, 1.0, 16),
        (4.0, 15.0, 8),
        (4.0, 70.0, 16),
        (50.0, 100.0, 8),
    ],
)
def test_a_call_takes_30_ms_or_a_tokens_time(
    ms_per_row: float, token_ms: float, n_rows: int
) -> None:
    assert settled(ROWS, ms_per_row, token_ms=token_ms) == n_rows


def test_the_first_call_is_small_and_a_fast_machine_soon_makes_large_ones() -> None:
    size = ChunkSize(RowPolicy(512, 2), can_interrupt=False)
    assert size.rows.maximum == 8
    for _ in range(30):
        n_rows = size.rows.maximum
        size.observe(n_rows, 5.0 + 0.02 * n_rows)
    assert size.rows.maximum == 512


def test_it_grows_again_when_the_machine_is_free_again() -> None:
    size = ChunkSize(ROWS, can_interrupt=False)
    for ms_per_row, expected in ((0.1, 64), (10.0, 8), (0.1, 64)):
        for _ in range(20):
            size.observe(size.rows.maximum, ms_per_row * size.rows.maximum)
        assert size.rows.maximum == expected


@pytest.mark.parametrize(
    "rows", [RowPolicy(64, 2), RowPolicy(64, 8, 4), RowPolicy(16, 2), RowPolicy(15, 6, 3)]
)
@pytest.mark.parametrize("ms_per_row", [0.01, 1.0, 1000.0])
def test_the_backends_policy_holds_at_any_speed(rows: RowPolicy, ms_per_row: float) -> None:
    for n_prompt in range(1, 200):
        size = ChunkSize(rows, can_interrupt=False)
        n_past = 0
        while n_past < n_prompt:
            chunk = next_chunk(n_past, n_prompt, size.rows)
            n_rows = chunk.end - chunk.start
            assert chunk.start <= n_past < chunk.end <= n_prompt
            assert n_rows <= rows.maximum
            if n_prompt > rows.minimum:
                assert n_rows >= rows.minimum
                assert n_rows % rows.multiple == 0
            size.observe(n_rows, ms_per_row * n_rows)
            n_past = chunk.end


def test_no_row_is_evaluated_twice_where_any_number_of_rows_will_do() -> None:
    for n_prompt in range(2, 200):
        size = ChunkSize(ROWS, can_interrupt=False)
        n_rows = n_past = 0
        while n_past < n_prompt:
            chunk = next_chunk(n_past, n_prompt, size.rows)
            n_rows += chunk.end - chunk.start
            size.observe(chunk.end - chunk.start, 0.7 * (chunk.end - chunk.start))
            n_past = chunk.end
        assert n_rows == n_prompt


@pytest.mark.parametrize(
    ("ms_per_row", "n_rows"), [(0.1, 64), (1.0, 32), (1.8, 32), (2.0, 16), (7.0, 8), (90.0, 8)]
)
def test_what_is_read_ahead_comes_in_calls_that_may_be_lost(ms_per_row: float, n_rows: int) -> None:
    size = ChunkSize(ROWS, can_interrupt=True)
    for _ in range(20):
        size.observe(64, 64 * ms_per_row)
    assert size.rows_ahead.maximum == n_rows
    assert size.rows == ROWS


def test_what_is_read_ahead_waits_for_nobody_longer_than_what_is_asked_for() -> None:
    size = ChunkSize(ROWS, can_interrupt=False)
    for _ in range(20):
        size.observe(size.rows.maximum, 1.8 * size.rows.maximum)
    assert size.rows_ahead.maximum == size.rows.maximum == 16
