"""Progress, rates and phases of a training run."""

from __future__ import annotations

import pytest

from training.schedule import Budget, Phase, parse_phase, strength


def test_a_phase_names_its_file_and_its_share():
    assert parse_phase("rows-512.npy:0:.6") == Phase("rows-512.npy", 0.0, 0.6)


def test_progress_by_tokens_needs_no_clock():
    budget = Budget(minutes=None, until=None, tokens=1000)
    assert budget.progress(250) == 0.25


def test_a_resumed_run_starts_where_it_was():
    budget = Budget(minutes=10, until=None, tokens=None)
    budget.resume(0.5)
    assert 0.5 <= budget.progress(0) < 0.51


def test_exactly_one_limit_is_needed():
    with pytest.raises(ValueError, match="exactly one"):
        Budget(minutes=1, until=None, tokens=1000)


@pytest.mark.parametrize(
    ("progress", "step", "expected"),
    [(0.0, 0, 0.1), (0.3, 100, 1.0), (0.8, 100, 0.405), (1.0, 100, 0.005)],
)
def test_the_rate_rises_holds_and_falls(progress: float, step: int, expected: float):
    assert strength(progress, step, warm_up=10, decay=0.5) == pytest.approx(expected)
