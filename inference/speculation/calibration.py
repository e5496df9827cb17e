"""Measures `VerifyCost` while nobody asks for anything, one short call at a time.

Who speculates hangs on it for as long as the model is loaded, and an editor starts while much else
does. A call that had to wait for a core says little about rows: with both cores taken two rows can
seem to be free, and cost twice as much later. Such calls are made again, and after some of them
another time. What is known until then only says how much to draft.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from inference.backends.base import Backend, Span
from inference.evaluator import Evaluator
from inference.speculation.verify_cost import VerifyCost
from inference.threads import LOW_SHARE

_ROW_COUNTS = (1, 8, 2, 4, 16, 32, 3, 6, 12, 24)
"""Those that matter most first; one more call before them warms up."""
_N_NEEDED = 3
"""Of these counts, the first: who may speculate hangs on them."""
_N_ROUNDS = 16
"""Of which the quickest counts, as others may be disturbed. With four, a small model's were over
before its threads had settled, and in one start of 22 two rows were taken to be free."""
_BUDGET_S = 1.0
"""Of computing, after a model was loaded; a large model gets no further than the first counts."""
_DISTURBED_BUDGET_S = 1.0
"""Of calls that say nothing, before it is put off."""
_WAIT_S = 15.0
"""Until then; twice as long after each time."""
_MAX_WAIT_S = 600.0
_TICKS = 4
"""Of the clock that says how long a thread ran, in a call that can be told to have waited."""

Clock = Callable[[], float]


class Calibration:
    """See the module."""

    def __init__(
        self,
        backend: Backend,
        evaluator: Evaluator,
        costs: VerifyCost,
        *,
        clock: Clock = time.perf_counter,
        thread_clock: Clock = time.thread_time,
        tick_s: float | None = None,
    ) -> None:
        """
        Args:
            thread_clock: seconds for which the calling thread ran on a core.
            tick_s: what that one goes forward by; None asks the system.
        """
        self._backend = backend
        self._evaluator = evaluator
        self._costs = costs
        self._clock = clock
        self._thread_clock = thread_clock
        resolution_s = time.get_clock_info("thread_time").resolution
        self._tick_s = resolution_s if tick_s is None else tick_s
        self._spent_s = 0.0
        self._disturbed_s = 0.0
        self._not_before = float("-inf")
        self._wait_s = _WAIT_S
        self._is_cold = True
        self._best_ms: dict[int, float] = {}
        """Of calls that were not disturbed."""
        self._guessed_ms: dict[int, float] = {}
        """Of the others."""
        most = min(backend.max_logits, backend.rows.maximum, backend.n_ctx)
        counts = [n for n in _ROW_COUNTS if n <= most]
        self._needed = counts[:_N_NEEDED]
        self._left = deque([1, *counts * _N_ROUNDS])

    @property
    def is_over(self) -> bool:
        """All is known that is to be."""
        knows_enough = all(n in self._best_ms for n in self._needed)
        return not self._left or (self._spent_s > _BUDGET_S and knows_enough)

    @property
    def is_due(self) -> bool:
        """Whether there is something to measure now."""
        return not self.is_over and self._clock() >= self._not_before

    def step(self, sequence: int) -> None:
        """Makes one call in a sequence that holds nothing, and empties it again."""
        n_rows = self._left[0]
        # Different tokens, as models with experts would load the same few for one token.
        tokens = [(31 * i + n_rows) % len(self._backend.vocabulary) for i in range(n_rows)]
        started, ran = self._clock(), self._thread_clock()
        evaluation = self._evaluator.evaluate([Span(sequence, 0, tokens, n_rows)])
        elapsed_s, run_s = self._clock() - started, self._thread_clock() - ran
        self._spent_s += elapsed_s
        self._backend.truncate(sequence, 0)
        if not evaluation.completed:
            return
        self._left.popleft()
        if self._is_cold:
            self._is_cold = False
        elif self._was_disturbed(elapsed_s, run_s):
            self._left.append(n_rows)
            if n_rows not in self._best_ms:
                self._note(self._guessed_ms, n_rows, 1e3 * elapsed_s)
            self._put_off(elapsed_s)
        else:
            self._note(self._best_ms, n_rows, 1e3 * elapsed_s)

    def _was_disturbed(self, elapsed_s: float, run_s: float) -> bool:
        # Where others compute, this thread has nothing to do but wait.
        can_tell = self._backend.is_on_cpu and elapsed_s > _TICKS * self._tick_s
        return can_tell and run_s < LOW_SHARE * elapsed_s

    def _note(self, best_ms: dict[int, float], n_rows: int, ms: float) -> None:
        best_ms[n_rows] = min(ms, best_ms.get(n_rows, ms))
        self._costs.calibrate(n_rows, best_ms[n_rows])

    def _put_off(self, elapsed_s: float) -> None:
        self._disturbed_s += elapsed_s
        if self._disturbed_s > _DISTURBED_BUDGET_S:
            self._disturbed_s = 0.0
            self._not_before = self._clock() + self._wait_s
            self._wait_s = min(2 * self._wait_s, _MAX_WAIT_S)
