"""The number of threads changes speed, never a bit."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.shape_plans import SHAPES
from bench.shapes import QUANTIZATIONS, write
from inference import EngineConfig, builtin_model_path, inspect_model
from inference.backends.base import Span
from inference.backends.llama_cpp import LlamaCppBackend
from tests.support.tiny_shapes import tiny, tiny_vocabulary

pytestmark = pytest.mark.e2e

CALLS = (64, 17, 8, 7, 3, 2, 1, 1, 1)
"""Rows; what is decoded one by one, verified in a few, and read in many takes different kernels."""
COUNTS = (1, 2, 3, 4)


def rows(backend: LlamaCppBackend, counts: Iterator[int]) -> list[np.ndarray[Any, Any]]:
    """All logits of the calls, each made with the next of `counts` threads."""
    backend.truncate(0, 0)
    found: list[np.ndarray[Any, Any]] = []
    held = 0
    for n_rows in CALLS:
        backend.set_threads(next(counts))
        tokens = [1 + (held + i) * 37 % 250 for i in range(n_rows)]
        span = Span(0, held, tokens, n_logits=min(n_rows, 16))
        found += [row.copy() for row in backend.evaluate([span]).logits]
        held += n_rows
    return found


def check(path: Path) -> None:
    config = EngineConfig(model_path=path, n_ctx=512, n_gpu_layers=0)
    backend = LlamaCppBackend(inspect_model(path), config, max(COUNTS))
    try:
        expected = rows(backend, itertools.repeat(1))
        for n_threads in COUNTS[1:]:
            found = rows(backend, itertools.repeat(n_threads))
            assert np.array_equal(found, expected), f"{n_threads} threads"
        assert np.array_equal(rows(backend, itertools.cycle(COUNTS)), expected), "in turn"
    finally:
        backend.close()


def test_on_the_builtin_model() -> None:
    check(builtin_model_path())


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
@pytest.mark.parametrize("name", SHAPES)
def test_on_every_shape_in_every_quantization(name: str, quantization: str, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    write(path, tiny(SHAPES[name]), quantization, tiny_vocabulary())
    check(path)
