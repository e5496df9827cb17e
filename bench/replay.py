"""Replays a trace through a driver: one that types into Sotto, one that types into a peer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Protocol

from bench.trace import Delete, Event, Insert, Move, Open, Session, apply

ANSWER_TIMEOUT_S = 10.0


class Keystroke:
    """What became of one key. Times are `time.perf_counter()` seconds."""

    __slots__ = (
        "answered_at",
        "is_new_line",
        "n_chars",
        "n_evaluated",
        "pressed_at",
        "reason",
        "settled",
        "shown_at",
    )

    def __init__(self) -> None:
        self.pressed_at = time.perf_counter()
        self.answered_at: float | None = None
        """When it was known what is to be shown for this very text, be it nothing."""
        self.shown_at: float | None = None
        """When ghost text that fits this very text was there; None if none came before the next
        key or the answer was empty."""
        self.n_chars = 0
        self.reason = ""
        """Why nothing was shown; empty where something was, or while it is not known."""
        self.is_new_line = False
        """Whether the text was last changed on another line, or lines came or went."""
        self.n_evaluated: int | None = None
        """Prompt tokens evaluated for it; None where no request reached the model, or none that
        could still be asked."""
        self.settled = asyncio.Event()

    @property
    def shown_ms(self) -> float | None:
        return None if self.shown_at is None else 1e3 * (self.shown_at - self.pressed_at)

    @property
    def answered_ms(self) -> float | None:
        return None if self.answered_at is None else 1e3 * (self.answered_at - self.pressed_at)

    def show(self, n_chars: int, at: float) -> None:
        if self.shown_at is None:
            self.answered_at = self.shown_at = at
            self.n_chars = n_chars
            self.reason = ""
        self.settled.set()

    def leave_empty(self, reason: str, at: float) -> None:
        if self.answered_at is None:
            self.answered_at = at
            self.reason = reason
        self.settled.set()


class LineChanges:
    """Tells the keys typed on along a line from those that are the first on theirs."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._row: int | None = None

    def follow(self, event: Event) -> bool:
        """Whether lines came or went with this event, or the last change was on another line."""
        removed = ""
        if isinstance(event, Delete):
            removed = self._text[event.at : event.at + event.length]
        self._text, cursor = apply(self._text, event)
        if isinstance(event, Move):
            return False
        row, before = self._text.count("\n", 0, cursor), self._row
        self._row = row
        inserted = event.text if isinstance(event, Insert) else ""
        return row != before or "\n" in removed + inserted


class Driver(Protocol):
    """Types into something that suggests."""

    async def open(self, file: Open) -> None: ...

    def press(self, event: Event) -> Keystroke | None:
        """Do what the event says, and return at once; None for a mere cursor move."""
        ...

    async def idle(self) -> None:
        """Return when nothing is in flight any more."""
        ...


async def replay(
    driver: Driver, sessions: Iterable[Session], *, speed: float | None
) -> list[Keystroke]:
    """Type everything and return what became of each key.

    `speed` divides the trace's pauses: 1 is real time. Keys keep their times however late answers
    are, as a person's would. With None each key waits until the one before is answered and nothing
    is in flight, which measures single answers undisturbed.
    """
    keys: list[Keystroke] = []
    for session in sessions:
        await driver.open(session.file)
        lines = LineChanges(session.file.text)
        due = time.perf_counter()
        for event in session.events:
            if speed is not None:
                due += event.after_ms / 1e3 / speed
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            is_new_line = lines.follow(event)
            key = driver.press(event)
            if key is not None:
                key.is_new_line = is_new_line
                keys.append(key)
                if speed is None:
                    await _settle(key)
            elif not isinstance(event, Move):
                raise AssertionError("a driver must account for every key")
            if speed is None:
                await driver.idle()
        if keys:
            await _settle(keys[-1])
        await driver.idle()
    return keys


async def _settle(key: Keystroke) -> None:
    try:
        await asyncio.wait_for(key.settled.wait(), ANSWER_TIMEOUT_S)
    except TimeoutError:
        key.leave_empty("no-answer", time.perf_counter())
        key.answered_at = None
