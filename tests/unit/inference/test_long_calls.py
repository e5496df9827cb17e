"""Whose prompts are read in the longest calls that the backend can make."""

from __future__ import annotations

import pytest

from inference.backends.base import RowPolicy, Span
from inference.chunk_size import MAX_ROWS, ChunkSize
from inference.types import Priority
from tests.support.fake_backend import FakeBackend
from tests.support.stepping import Bench

LONG = RowPolicy(2 * MAX_ROWS, 2)
PROMPT = "x" * 5 * MAX_ROWS


def prompt_calls(bench: Bench) -> list[int]:
    """Rows of each call that answered nothing."""
    return [len(span.tokens) for span in bench.backend.calls if not span.n_logits]


@pytest.mark.parametrize(
    ("priority", "n_rows"),
    [
        (Priority.CHAT, 2 * MAX_ROWS),
        (Priority.ACTION, 2 * MAX_ROWS),
        (Priority.INLINE, MAX_ROWS),
    ],
)
def test_long_calls_are_for_prompts_that_nobody_types(priority: Priority, n_rows: int) -> None:
    bench = Bench(FakeBackend(rows=LONG))
    bench.complete(PROMPT, priority=priority)
    assert set(prompt_calls(bench)) == {n_rows}


def test_a_request_beside_it_makes_calls_short() -> None:
    bench = Bench(FakeBackend(rows=LONG))
    bench.submit(PROMPT, priority=Priority.CHAT)
    bench.submit(PROMPT + "y", priority=Priority.CHAT)
    bench.runner.step()
    assert prompt_calls(bench) == [MAX_ROWS]


def test_after_an_interruption_they_stay_short() -> None:
    bench = Bench(FakeBackend(rows=LONG))
    bench.submit(PROMPT, priority=Priority.CHAT)
    lost: list[int] = []

    def type_once(span: Span) -> None:
        if not lost:
            lost.append(len(span.tokens))
            bench.submit("typed")

    bench.backend.during_evaluation = type_once
    bench.run()
    assert lost == [2 * MAX_ROWS]
    assert set(prompt_calls(bench)) == {MAX_ROWS}


def test_what_cannot_be_interrupted_goes_by_its_speed_alone() -> None:
    size = ChunkSize(LONG, can_interrupt=False)
    for _ in range(20):
        size.observe(size.rows.maximum, 1.0 * size.rows.maximum)
    assert size.rows_alone == size.rows
    assert size.rows.maximum < MAX_ROWS


def test_the_backends_multiples_hold() -> None:
    assert ChunkSize(RowPolicy(126, 6, 3), can_interrupt=True).rows == RowPolicy(63, 6, 3)
