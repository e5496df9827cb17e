"""Which turns of a benchmark were made with cores near each other."""

from __future__ import annotations

import os

import pytest

from bench.core_distance import by_distance, handed_on_bytes_per_s

NEAR, FAR = 90.0, 35.0


def test_turns_are_told_apart_by_the_speed_before_and_after() -> None:
    speeds = [(NEAR, NEAR + 2), (NEAR, FAR), (FAR, FAR), None, (FAR, NEAR), (NEAR - 20, NEAR)]
    assert by_distance(speeds) == {"near": [0, 5], "far": [2]}


@pytest.mark.parametrize("speed", [NEAR, FAR])
def test_where_nothing_changes_all_are_called_near(speed: float) -> None:
    assert by_distance([(speed, speed)] * 2 + [None]) == {"near": [0, 1], "far": []}
    assert by_distance([]) == {"near": [], "far": []}


def test_a_machine_with_two_cores_has_a_speed_and_keeps_its_cores() -> None:
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set[int]()
    speed = handed_on_bytes_per_s()
    assert (speed is not None) == (len(allowed) > 1)
    assert speed is None or speed > 0
    if allowed:
        assert os.sched_getaffinity(0) == allowed
