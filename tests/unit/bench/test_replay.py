"""Which keys begin a line."""

from __future__ import annotations

from bench.replay import LineChanges
from bench.trace import Delete, Insert, Move


def test_the_first_key_on_a_line_is_told_from_those_after_it() -> None:
    lines = LineChanges("a\nb\nc\n")
    events = {
        "move": (Move(1, 0), False),
        "first": (Insert(1, "x", 0), True),
        "second": (Insert(2, "y", 0), False),
        "enter": (Insert(3, "\n  ", 0), True),
        "typed on": (Insert(6, "z", 0), False),
        "away": (Move(0, 0), False),
        "back": (Move(7, 0), False),
        "on as before": (Insert(7, "w", 0), False),
        "lines below go": (Delete(8, 2, 0), True),
        "elsewhere": (Insert(0, "!", 0), True),
    }
    told = {name: lines.follow(event) for name, (event, _) in events.items()}
    assert told == {name: expected for name, (_, expected) in events.items()}
