"""Evaluates on a backend, and learns by it how to: with how many threads, how much in one call."""

from __future__ import annotations

import time
from collections.abc import Sequence

from inference.backends.base import Backend, Evaluation, RowPolicy, Span
from inference.chunk_size import ChunkSize
from inference.cores import leave_core
from inference.threads import LOW_SHARE, ThreadGovernor

MIN_PROMPT_ROWS = 32
"""Of a call that says how quickly prompts are read."""
LAYERS_SHARE = 0.5
"""Of a row's cost with logits, about, in models with large vocabularies."""


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
        self.prompt_ms_per_token: float | None = None
        """At the best; None before a call was long enough to tell."""

    def rows(self, *, ahead: bool = False, alone: bool = False) -> RowPolicy:
        """For the next call of a prompt.

        Args:
            ahead: nobody has asked for it yet.
            alone: it is likely that nobody else comes while it runs.
        """
        if ahead:
            return self._chunk_size.rows_ahead
        return self._chunk_size.rows_alone if alone else self._chunk_size.rows

    @property
    def n_threads(self) -> int:
        """What decoding one token uses now."""
        return self._governor.n_threads if self._governor else self._backend.n_threads

    def evaluate(self, spans: Sequence[Span]) -> Evaluation:
        """See `Backend.evaluate`."""
        n_rows = sum([len(span.tokens) for span in spans])
        if self._governor:
            self._backend.set_threads(self._governor.choose(n_rows))
        started, ran = time.perf_counter(), time.thread_time()
        evaluation = self._backend.evaluate(spans)
        ms = 1e3 * (time.perf_counter() - started)
        run_ms = 1e3 * (time.thread_time() - ran)
        if evaluation.completed:
            self._learn(n_rows, ms, run_ms)
            if n_rows >= MIN_PROMPT_ROWS:
                self._learn_prompt(ms / n_rows, with_logits=spans[-1].n_logits == n_rows)
        return evaluation

    def _learn_prompt(self, ms: float, *, with_logits: bool) -> None:
        # Logits of every row cost about as much again, and a prompt wants none.
        ms *= LAYERS_SHARE if with_logits else 1.0
        self.prompt_ms_per_token = min(ms, self.prompt_ms_per_token or ms)

    def _learn(self, n_rows: int, ms: float, run_ms: float) -> None:
        self._chunk_size.observe(n_rows, ms)
        if not self._governor:
            return
        if run_ms < LOW_SHARE * ms and self._backend.n_threads > 1:
            leave_core()
        self._governor.observe(n_rows, ms, run_ms)
