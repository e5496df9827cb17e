"""Which calls agree, by what a model's matrices are."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.shape_plans import SHAPES
from bench.shapes import write
from inference import EngineConfig
from inference.loading import load_model
from tests.support.tiny_shapes import tiny, tiny_vocabulary

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("quantization", "exact", "rows"),
    [
        ("f16", False, (2, 1)),
        ("q8_0", False, (2, 1)),
        # Its output alone is a K-quant.
        ("q4_0", False, (2, 1)),
        ("q4_0", True, (8, 4)),
        ("q4_k_m", False, (1, 1)),
        ("q4_k_m", True, (8, 4)),
    ],
)
def test_rows_that_agree(
    quantization: str, exact: bool, rows: tuple[int, int], tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    write(path, tiny(SHAPES["qwen2.5-coder-1.5b"]), quantization, tiny_vocabulary())
    config = EngineConfig(model_path=path, exact_reuse=exact, n_threads=1, n_gpu_layers=0)
    loaded = load_model(config, lambda _share: True)
    try:
        policy = loaded.backend.rows
        assert (policy.minimum, policy.multiple) == rows
    finally:
        loaded.backend.close()
