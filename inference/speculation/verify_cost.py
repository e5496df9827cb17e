"""What it costs to evaluate so many rows in one call, on this machine, with this model.

The curve is neither straight nor even rising: matrix kernels work in tiles, so four rows can be
cheaper than three and eight little dearer than six. It is therefore measured, row count by row
count, and kept up to date by every call that decodes: prompts grow and other programs want the
processor, which makes all calls slower alike, so one factor follows quickly and the curve's shape
slowly.
"""

from __future__ import annotations

from inference.backends.base import RowPolicy
from inference.speculation.prices import Prices

MAX_ROWS = 32
"""Row counts that are told apart; beyond it the curve goes on straight."""
_SHAPE_RATE = 0.05
_DRIFT_RATE = 0.2
_RECORDS_PER_TABLE = 64
_GUESSED_SLOPE = 0.25
"""Cost of one more row in units of the first, where nothing was measured."""


class VerifyCost:
    """Milliseconds by number of rows."""

    def __init__(self) -> None:
        self._shape: dict[int, float] = {}
        self._drift = 1.0
        self._n_recorded = 0
        self._table: list[float] = []
        """Of `_shape`, for 0 to `MAX_ROWS` rows; empty if it has to be made anew."""
        self._prices: dict[RowPolicy, Prices] = {}
        """Of `_table`."""

    @property
    def measured(self) -> dict[int, float]:
        """What is known, for people: rows to milliseconds at present."""
        return {n_rows: ms * self._drift for n_rows, ms in sorted(self._shape.items())}

    def calibrate(self, n_rows: int, ms: float) -> None:
        """Notes a measurement made on purpose, with nothing else going on."""
        self._shape[n_rows] = ms
        self._forget()

    def record(self, n_rows: int, ms: float) -> None:
        """Notes what a call took; calls of more than `MAX_ROWS` rows say nothing here."""
        if n_rows > MAX_ROWS:
            return
        known = self._shape.get(n_rows)
        if known is None:
            self.calibrate(n_rows, ms / self._drift)
            return
        # A single call can be late by any amount for reasons that are none of the model's.
        ratio = min(ms / (known * self._drift), 2.0)
        self._drift *= 1 + _DRIFT_RATE * (ratio - 1)
        self._shape[n_rows] = known * (1 + _SHAPE_RATE * (ratio - 1))
        self._n_recorded += 1
        if self._n_recorded % _RECORDS_PER_TABLE == 0:
            self._forget()

    def prices(self, rows: RowPolicy) -> Prices:
        """For drafts under this policy, in milliseconds without drift: of interest are their
        ratios."""
        prices = self._prices.get(rows)
        if prices is None:
            prices = self._prices[rows] = Prices(self._steady_ms, rows)
        return prices

    def ms(self, n_rows: int) -> float:
        """Measured, or what follows from what was."""
        return self._drift * self._steady_ms(n_rows)

    def _steady_ms(self, n_rows: int) -> float:
        table = self._table = self._table or _table(self._shape)
        if n_rows <= MAX_ROWS:
            return table[n_rows]
        half = MAX_ROWS // 2
        slope = (table[MAX_ROWS] - table[half]) / (MAX_ROWS - half)
        return table[MAX_ROWS] + slope * (n_rows - MAX_ROWS)

    def _forget(self) -> None:
        """What was made of the shape."""
        self._table = []
        self._prices = {}


def _table(shape: dict[int, float]) -> list[float]:
    """Milliseconds for 0 to `MAX_ROWS` rows.

    A measurement can be far too high, for want of a quiet moment, and then keep anybody from
    making a better one. But rows could be added to a call, and it could be made in two parts: so
    none is taken to cost more than a larger one, or than two that make it up.
    """
    table = [0.0] + [_interpolated(shape, n) for n in range(1, MAX_ROWS + 1)]
    for n in range(MAX_ROWS - 1, 0, -1):
        table[n] = min(table[n], table[n + 1])
    for n in range(2, MAX_ROWS + 1):
        table[n] = min(table[n], *(table[part] + table[n - part] for part in range(1, n // 2 + 1)))
    return table


def _interpolated(shape: dict[int, float], n_rows: int) -> float:
    """On a straight line between the nearest that were measured."""
    if n_rows in shape:
        return shape[n_rows]
    below = max((n for n in shape if n < n_rows), default=None)
    above = min((n for n in shape if n > n_rows), default=None)
    if below is not None and above is not None:
        share = (n_rows - below) / (above - below)
        return shape[below] + share * (shape[above] - shape[below])
    nearest = above if below is None else below
    known = 1.0 if nearest is None else shape[nearest] / _guessed(nearest)
    return known * _guessed(n_rows)


def _guessed(n_rows: int) -> float:
    """In units of one row's cost."""
    return 1 + _GUESSED_SLOPE * (n_rows - 1)
