"""Models of random weights for benchmarks: tiny versions of each shape load and are used."""

from __future__ import annotations

import ctypes
import importlib
import struct
from pathlib import Path

import numpy as np
import pytest

from bench.gguf_writing import Value, read_vocabulary
from bench.random_weights import STD, TYPE_NUMBERS, random_tensor
from bench.shape_plans import SHAPES, plan
from bench.shapes import QUANTIZATIONS, check, write
from inference import (
    Engine,
    EngineConfig,
    FimPrompt,
    GenerationRequest,
    SamplingParams,
    inspect_model,
)
from inference.models.gguf_format import ValueType
from tests.support.gguf_files import Gguf, tiny_model
from tests.support.tiny_shapes import tiny, tiny_vocabulary

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
@pytest.mark.parametrize("name", SHAPES)
async def test_each_shape_in_each_quantization(
    name: str, quantization: str, tmp_path: Path
) -> None:
    path = tmp_path / "m.gguf"
    write(path, tiny(SHAPES[name]), quantization, tiny_vocabulary())
    summary = inspect_model(path)
    assert summary.arch == SHAPES[name].arch
    assert summary.quantization == quantization.upper()
    assert summary.n_mtp_layers == SHAPES[name].n_mtp_layers
    if quantization == "q4_0":  # Loading on trial takes a process; once for each shape will do.
        check(path)
    from inference.loading import load_checked

    request = GenerationRequest(
        prompt=FimPrompt(prefix="def add(a, b):\n    ", suffix="\n"),
        sampling=SamplingParams(max_tokens=4),
    )
    config = EngineConfig(model_path=path, n_threads=1)
    async with Engine(
        config, load=lambda config, report: load_checked(summary, config, report)
    ) as engine:
        result = await engine.submit(request).result()
    assert result.usage.n_decoded_tokens > 0


def test_the_numbers_of_parameters_are_those_of_the_models() -> None:
    def n_params(name: str, n_tokens: int) -> int:
        return sum(tensor.n_elements for tensor in plan(SHAPES[name], "q4_0", n_tokens))

    assert n_params("qwen2.5-coder-0.5b", 151_936) == 494_032_768
    assert n_params("qwen2.5-coder-1.5b", 151_936) == 1_543_714_304
    assert n_params("gemma3-1b", 262_144) == 999_885_952


def test_types_are_those_that_the_runtimes_own_quantizer_chooses() -> None:
    kinds = {t.name: t.kind for t in plan(SHAPES["qwen2.5-coder-1.5b"], "q4_k_m", 151_936)}
    assert kinds["token_embd.weight"] == "Q6_K"
    assert kinds["blk.0.ffn_down.weight"] == "Q6_K"
    assert kinds["blk.4.ffn_down.weight"] == "Q4_K"
    assert kinds["blk.0.attn_q.weight"] == "Q4_K"
    assert kinds["blk.0.attn_q.bias"] == "F32"
    kinds = {t.name: t.kind for t in plan(SHAPES["qwen2.5-coder-0.5b"], "q4_k_m", 151_936)}
    assert kinds["token_embd.weight"] == "Q8_0"  # 896 is no multiple of 256.
    assert kinds["blk.0.attn_q.weight"] == "Q5_0"
    assert kinds["blk.0.ffn_down.weight"] == "Q6_K"


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"])
def test_random_blocks_mean_small_numbers_around_zero(kind: str) -> None:
    n = 256 * 400
    data = b"".join(random_tensor(kind, n, np.random.default_rng(1)))
    folder = Path(importlib.import_module("llama_cpp").__file__ or "").parent / "lib"
    library = ctypes.CDLL(str(next(folder.glob("libggml-base.*"))))
    values = np.zeros(n, np.float32)
    into = ctypes.c_void_p(values.ctypes.data)
    # The name of a K-quant keeps its capital letter.
    suffix = kind.lower().replace("_k", "_K")
    library[f"dequantize_row_{suffix}"](data, into, ctypes.c_int64(n))
    # Formats without a minimum have one number more below zero than above.
    assert abs(values.mean()) < STD / 8
    assert abs(values.std() - STD) < STD / 20
    assert kind in TYPE_NUMBERS


def test_weights_are_the_same_each_time(tmp_path: Path) -> None:
    shape = tiny(SHAPES["qwen2.5-coder-0.5b"])
    for name in ("a", "b"):
        write(tmp_path / name, shape, "q4_0", tiny_vocabulary())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_vocabulary_is_taken_over_with_the_texts_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.gguf"
    whole = tiny_model()
    path.write_bytes(Gguf(metadata=whole.metadata).to_bytes())
    end = {"tokenizer.ggml.eos_token_id": Value(ValueType.UINT32, struct.pack("<I", 3))}
    vocabulary = read_vocabulary(path, special={7: "<seven>"}, added=end)
    assert vocabulary.n_tokens == 260
    assert set(vocabulary.metadata) == {
        str(key) for key, _ in whole.metadata if str(key).startswith("tokenizer.")
    }
    model = tmp_path / "m.gguf"
    write(model, tiny(SHAPES["qwen3moe-1.4b-a0.4b"]), "q4_0", vocabulary)
    assert inspect_model(model).n_vocab == 260
    data = model.read_bytes()
    assert data.count(b"<seven>") == 1
    unchanged = read_vocabulary(path, special={}, added={})
    originals = {str(key): value.data for key, value in whole.metadata}
    for key, value in unchanged.metadata.items():
        assert value.data == originals[key]
