"""Evaluates on a backend, and learns by it how to: with how many threads, how much in one call."""

from __future__ import annotations

import time
from collections.abc import Sequence

from inference.backends.base import Backend, Evaluation, RowPolicy, Span
from inference.chunk_size import ChunkSize
from inference.cores import leave_core
from inference.threads import LOW_SHARE, ThreadGovernor


class Evaluator:
    """For the thread that uses the backend; `n_threads` may be read from any."""

    def __init__(self, backend: Backend, *, adapt_threads: bool = True) -> None:
        """
        Args:
            adapt_threads: False leaves the backend's number of threads as it is.
        """
        self._backend = backend
        self._chunk_size = ChunkSize(backend.rows, can_interrupt=backend.can_interrupt)
        adapts = adapt_threads and backend.is_on_cpu
        self._governor = ThreadGovernor(backend.n_threads) if adapts else None

    @property
    def rows(self) -> RowPolicy:
        """For the next call of a prompt."""
        return self._chunk_size.rows

    @property
    def n_threads(self) -> int:
        """What decoding one token uses now."""
        return self._governor.n_threads if self._governor else self._backend.n_threads

    def evaluate(self, spans: Sequence[Span]) -> Evaluation:
        """See `Backend.evaluate`."""
        n_rows = sum(len(span.tokens) for span in spans)
        if self._governor:
            self._backend.set_threads(self._governor.choose(n_rows))
        started, ran = time.perf_counter(), time.thread_time()
        evaluation = self._backend.evaluate(spans)
        ms = 1e3 * (time.perf_counter() - started)
        run_ms = 1e3 * (time.thread_time() - ran)
        if evaluation.completed:
            self._learn(n_rows, ms, run_ms)
        return evaluation

    def _learn(self, n_rows: int, ms: float, run_ms: float) -> None:
        self._chunk_size.observe(n_rows, ms)
        if not self._governor:
            return
        if run_ms < LOW_SHARE * ms and self._backend.n_threads > 1:
            leave_core()
        self._governor.observe(n_rows, ms, run_ms)
