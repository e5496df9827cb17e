"""What is made of keystrokes in the latency benchmark."""

from __future__ import annotations

import pytest

from bench.latency_report import waits_ms
from bench.replay import Keystroke


def key(pressed_at: float, answered_at: float | None) -> Keystroke:
    made = Keystroke()
    made.pressed_at, made.answered_at = pressed_at, answered_at
    return made


def test_a_key_that_was_typed_over_waits_for_a_later_answer() -> None:
    keys = [key(1.0, 1.1), key(2.0, None), key(3.0, None), key(4.0, 4.5), key(5.0, None)]
    assert waits_ms(keys) == pytest.approx([100.0, 2500.0, 1500.0, 500.0])
