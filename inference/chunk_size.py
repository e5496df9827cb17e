"""How long a chunk of a prompt may be: where a call that runs cannot be interrupted, so that others
need not wait; and where it is likely to be, so that little is lost."""

from __future__ import annotations

from dataclasses import replace

from inference.backends.base import RowPolicy

MAX_WAIT_MS = 30.0
"""What another request should wait for at most; or one token's time, where that is longer."""
MIN_ROWS = 8
"""Fewer cost nearly as much: a third of the rows in two thirds of the time, and less."""
MAX_LOSS_MS = 60.0
"""Of what is read ahead, a key gives up the call that runs: so much is lost at most. Between two
keys are 100 to 200 ms, so more than half of these are of use."""
MAX_ROWS = 64
"""Where others may come while the call runs: of a prompt that is typed, the next key waits for its
end, and of another one an interruption takes it all."""
NEWEST_WEIGHT = 0.3


class ChunkSize:
    """Learns from the calls made. Calls grow from small to what the speed allows."""

    def __init__(self, rows: RowPolicy, *, can_interrupt: bool) -> None:
        self._rows = rows
        self._can_interrupt = can_interrupt
        self._sizes = _sizes(rows)
        self._ms_per_row: float | None = None
        self._token_ms = 0.0

    @property
    def rows(self) -> RowPolicy:
        """The policy for the next call: the backend's with a maximum that suits its speed."""
        if self._can_interrupt:
            n_rows = MAX_ROWS - MAX_ROWS % self._rows.multiple
            return replace(self._rows, maximum=min(n_rows, self._rows.maximum))
        return replace(self._rows, maximum=self._within(max(MAX_WAIT_MS, self._token_ms)))

    @property
    def rows_alone(self) -> RowPolicy:
        """The same for a prompt that nobody types, while there is no other request: a call reads
        all weights, so fewer and longer ones are quicker."""
        return self._rows if self._can_interrupt else self.rows

    @property
    def rows_ahead(self) -> RowPolicy:
        """The same for a prompt that is read ahead."""
        ahead = replace(self._rows, maximum=self._within(MAX_LOSS_MS))
        return min(ahead, self.rows, key=lambda rows: rows.maximum)

    def observe(self, n_rows: int, ms: float) -> None:
        """Notes what a call cost."""
        if n_rows <= self._rows.minimum:
            self._token_ms = _average(self._token_ms or ms, ms)
        elif n_rows >= self._sizes[-1]:
            self._ms_per_row = _average(self._ms_per_row or ms / n_rows, ms / n_rows)

    def _within(self, ms: float) -> int:
        *larger, smallest = self._sizes
        if self._ms_per_row is None:
            return smallest
        n_rows = ms / self._ms_per_row
        return next((size for size in larger if size <= n_rows), smallest)


def _sizes(rows: RowPolicy) -> tuple[int, ...]:
    """The maximum and halves of it, descending."""
    sizes = [rows.maximum]
    # Larger than the minimum, or what is left in the end could not always be a call of its own.
    while (half := sizes[-1] // 2 // rows.multiple * rows.multiple) >= max(
        MIN_ROWS, 2 * rows.minimum
    ):
        sizes.append(half)
    return tuple(sizes)


def _average(old: float, new: float) -> float:
    return old + NEWEST_WEIGHT * (new - old)
