"""How far a run is, from 0 to 1, and what that means for rate, batch and data."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Phase:
    """Rows of `file` are used from progress `start` to `end`."""

    file: str
    start: float
    end: float


def parse_phase(text: str) -> Phase:
    """`rows-512.npy:0:0.6`"""
    file, start, end = text.rsplit(":", 2)
    return Phase(file, float(start), float(end))


class Budget:
    """Progress by wall time or by tokens; exactly one of the three limits is given.

    A run that waits (for other programs, or because it was paused) still ends at `until` with its
    decay done; under `minutes` a pause does not count.
    """

    def __init__(self, *, minutes: float | None, until: str | None, tokens: float | None) -> None:
        if sum(limit is not None for limit in (minutes, until, tokens)) != 1:
            raise ValueError("give exactly one of --minutes, --until and --tokens")
        self.tokens = tokens
        self.seconds = minutes * 60 if minutes is not None else None
        self.deadline = _next_time(until) if until is not None else None
        self.begun_at = 0.0
        self.paused = 0.0
        self.started = time.monotonic()

    def resume(self, progress: float) -> None:
        """Continue a run that was at `progress`; the rest of it fills what time is left."""
        self.begun_at = progress
        self.started = time.monotonic()

    def progress(self, n_tokens: int) -> float:
        if self.tokens is not None:
            return n_tokens / self.tokens
        elapsed = time.monotonic() - self.started
        if self.deadline is not None:
            left = max(1.0, self.deadline - time.time() + elapsed)
        else:
            assert self.seconds is not None
            elapsed -= self.paused
            left = max(1.0, self.seconds * (1 - self.begun_at))
        return self.begun_at + (1 - self.begun_at) * elapsed / left


def strength(progress: float, step: int, *, warm_up: int, decay: float) -> float:
    """Factor of the learning rates: linear warm-up, constant, linear decay over the last share."""
    return max(0.0, min(1.0, (step + 1) / warm_up, (1 - progress) / decay + 0.005))


def momentum_at(step: int) -> float:
    return min(0.95, 0.85 + 0.1 * step / 300)


def _next_time(clock: str) -> float:
    """Seconds since the epoch of the next `HH:MM` local time."""
    hour, minute = clock.split(":")
    now = datetime.now().astimezone()
    target = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    if target <= now:
        target += timedelta(days=1)
    return target.timestamp()
