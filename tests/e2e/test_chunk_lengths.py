"""Prompts cut by speed: a call may have more or fewer rows, and its rows are the same bits."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.shape_plans import SHAPES
from bench.shapes import QUANTIZATIONS, write
from inference import EngineConfig, inspect_model
from inference.backends.base import Span
from inference.backends.llama_cpp import LlamaCppBackend
from tests.support.tiny_shapes import tiny, tiny_vocabulary

pytestmark = pytest.mark.e2e

N_PROMPT = 256
TOKENS = [1 + i * 37 % 250 for i in range(N_PROMPT)]


def last_row(backend: LlamaCppBackend, next_size: Callable[[], int]) -> np.ndarray[Any, Any]:
    """The logits after the prompt, evaluated in calls of these sizes."""
    backend.truncate(0, 0)
    held = 0
    row: np.ndarray[Any, Any] | None = None
    while held < N_PROMPT:
        end = min(held + next_size(), N_PROMPT)
        row = backend.evaluate([Span(0, held, TOKENS[held:end], n_logits=1)]).logits[0].copy()
        held = end
    assert row is not None
    return row


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_in_every_quantization(name: str, quantization: str, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    write(path, tiny(SHAPES[name]), quantization, tiny_vocabulary())
    config = EngineConfig(model_path=path, n_ctx=512, n_gpu_layers=0)
    backend = LlamaCppBackend(inspect_model(path), config, 2)
    chance = random.Random(1)
    try:
        expected = last_row(backend, lambda: 64)
        for size in (8, 16, 32):
            assert np.array_equal(last_row(backend, lambda size=size: size), expected), size
        for _ in range(10):
            found = last_row(backend, lambda: chance.choice((8, 16, 32, 64)))
            assert np.array_equal(found, expected)
    finally:
        backend.close()
