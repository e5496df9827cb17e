"""What the engine's backend takes for so many rows in one call: the price of checking a draft."""

from __future__ import annotations

import random
import time

from bench.summary import median
from inference import EngineConfig
from inference.backends.base import Backend, Span
from inference.loading import load_model

N_ROWS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)


def curve(config: EngineConfig, *, n_before: int, n_rounds: int) -> dict[int, float]:
    """Median milliseconds by number of rows, all with logits, behind `n_before` tokens.

    Every round measures all numbers, upwards and downwards in turn, so that a machine that slows
    down favours none. Loads the model on this thread. Raises a ModelError.
    """
    backend = load_model(config, lambda _progress: True).backend
    try:
        tokens = _tokens(backend, n_before + max(N_ROWS))
        _fill(backend, tokens[:n_before])
        times: dict[int, list[float]] = {n: [] for n in N_ROWS}
        for index in range(n_rounds + 1):
            for n in N_ROWS if index % 2 else reversed(N_ROWS):
                ms = _call_ms(backend, n_before, tokens[n_before : n_before + n])
                if not backend.truncate(0, n_before):
                    backend.truncate(0, 0)
                    _fill(backend, tokens[:n_before])
                if index:  # The first round warms up.
                    times[n].append(ms)
    finally:
        backend.close()
    medians = {n: median(each) for n, each in times.items()}
    return {n: round(ms, 3) for n, ms in medians.items() if ms is not None}


def _call_ms(backend: Backend, position: int, tokens: list[int]) -> float:
    start = time.perf_counter()
    evaluation = backend.evaluate([Span(0, position, tokens, n_logits=len(tokens))])
    assert evaluation.completed
    return 1e3 * (time.perf_counter() - start)


def _fill(backend: Backend, tokens: list[int]) -> None:
    for first in range(0, len(tokens), backend.rows.maximum):
        backend.evaluate([Span(0, first, tokens[first : first + backend.rows.maximum])])


def _tokens(backend: Backend, n: int) -> list[int]:
    """Any tokens: what they are changes no cost of a dense model."""
    return random.Random(1).choices(range(len(backend.vocabulary) // 2), k=n)
