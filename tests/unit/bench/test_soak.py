"""What the soak says of its rounds."""

from __future__ import annotations

import pytest

from bench.soak import Round, against_fresh, drift, far_shares
from bench.summary import summarise


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([4.0], None),
        ([4.0, None], None),
        ([0.0, 5.0], None),
        ([10.0, 11.0], 0.1),
        ([10.0, 99.0, 9.0], -0.1),
        # Medians of thirds: one bad round at either end says nothing.
        ([10.0, 80.0, 10.0, 7.0, 7.0, 7.0, 12.0, 12.0, 90.0], 0.2),
    ],
)
def test_drift_compares_the_last_third_with_the_first(
    values: list[float | None], expected: float | None
) -> None:
    assert drift(values) == expected


def a_round(ms: float, *handed_on: float) -> Round:
    return Round(
        started_s=0.0,
        n_keys=3,
        shown_ms=summarise([]),
        answered_ms=summarise([ms, ms, ms]),
        cpu_ms_per_key=2 * ms,
        rss_bytes=1.0,
        n_errors=0,
        load=None,
        handed_on_bytes_per_s=list(handed_on),
    )


def test_a_machine_that_slowed_down_is_no_drift_of_the_server() -> None:
    rounds = [a_round(4.0), a_round(5.0)]
    assert against_fresh(rounds, []) == {}
    found = against_fresh(rounds, [a_round(5.0), a_round(6.0)])
    assert found == {"answered p50": 0.1, "answered p95": 0.1, "CPU a key": 0.1}


def test_cores_are_far_where_they_hand_on_much_slower_than_at_best() -> None:
    rounds = [a_round(1.0, 4e10, 10e10), a_round(1.0, 9e10), a_round(1.0)]
    assert far_shares(rounds) == [0.5, 0.0, None]
    assert far_shares(rounds[2:]) == [None]
