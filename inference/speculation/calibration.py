"""Measures `VerifyCost` while nobody asks for anything, one short call at a time."""

from __future__ import annotations

import time
from collections import deque

from inference.backends.base import Backend, Span
from inference.evaluator import Evaluator
from inference.speculation.verify_cost import VerifyCost

_ROW_COUNTS = (1, 8, 2, 4, 16, 32, 3, 6, 12, 24)
"""Those that matter most first; one more call before them warms up."""
_N_NEEDED = 3
"""Of these counts, the first: who may speculate hangs on them."""
_N_ROUNDS = 4
"""Of which the quickest counts, as others may be disturbed."""
_BUDGET_S = 1.0
"""Of computing, after a model was loaded; a large model gets no further than the first counts."""


class Calibration:
    """See the module."""

    def __init__(self, backend: Backend, evaluator: Evaluator, costs: VerifyCost) -> None:
        self._backend = backend
        self._evaluator = evaluator
        self._costs = costs
        self._spent_s = 0.0
        self._is_cold = True
        self._best_ms: dict[int, float] = {}
        most = min(backend.max_logits, backend.rows.maximum, backend.n_ctx)
        counts = [n for n in _ROW_COUNTS if n <= most]
        self._left = deque([1, *counts * _N_ROUNDS])

    @property
    def is_over(self) -> bool:
        knows_enough = all(n in self._best_ms for n in _ROW_COUNTS[:_N_NEEDED])
        return not self._left or (self._spent_s > _BUDGET_S and knows_enough)

    def step(self, sequence: int) -> None:
        """Makes one call in a sequence that holds nothing, and empties it again."""
        n_rows = self._left[0]
        # Different tokens, as models with experts would load the same few for one token.
        tokens = [(31 * i + n_rows) % len(self._backend.vocabulary) for i in range(n_rows)]
        started = time.perf_counter()
        evaluation = self._evaluator.evaluate([Span(sequence, 0, tokens, n_rows)])
        elapsed_s = time.perf_counter() - started
        self._spent_s += elapsed_s
        self._backend.truncate(sequence, 0)
        if not evaluation.completed:
            return
        self._left.popleft()
        if self._is_cold:
            self._is_cold = False
            return
        best = min(1e3 * elapsed_s, self._best_ms.get(n_rows, float("inf")))
        self._best_ms[n_rows] = best
        self._costs.calibrate(n_rows, best)
