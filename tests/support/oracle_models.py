"""The smallest models that count, and the heads that know what they will say."""

from __future__ import annotations

from pathlib import Path

from bench.gguf_writing import Vocabulary, flag, integers, number, text, texts
from bench.oracle_heads import write_eagle3, write_target
from bench.shape_plans import Shape
from tests.support.gguf_files import FIM_TEXTS, byte_vocabulary

N_CYCLE = 256
"""All single bytes; control tokens are never said."""
DENSE = Shape(
    name="tiny", arch="qwen3", vocabulary="", note="",
    n_layers=3, width=64, inner=64, n_heads=2, n_kv_heads=1, head=32,
    n_ctx=1024, rope_base=10_000.0,
)  # fmt: skip
HYBRID = Shape(
    name="tiny hybrid", arch="qwen35", vocabulary="", note="",
    n_layers=2, width=64, inner=64, n_heads=2, n_kv_heads=1, head=32,
    n_ctx=1024, rope_base=10_000.0, n_mtp_layers=1, interval=2,
    state=32, n_state_groups=1, n_state_heads=2,
)  # fmt: skip


def write_dense(path: Path, *, noise: float = 0.0) -> Path:
    write_target(path, DENSE, "f32", _vocabulary(), N_CYCLE, noise=noise)
    return path


def write_hybrid(path: Path, *, noise: float = 0.0) -> Path:
    """With a head in its file, whose noise it is."""
    write_target(path, HYBRID, "f32", _vocabulary(), N_CYCLE, noise=noise)
    return path


def write_head(path: Path, *, noise: float = 0.0, n_known: int | None = None) -> Path:
    """An EAGLE-3 head for the dense one. `n_known`: see `write_eagle3`."""
    write_eagle3(path, DENSE, "f32", _vocabulary(), N_CYCLE, noise=noise, n_known=n_known)
    return path


def _vocabulary() -> Vocabulary:
    tokens = [*byte_vocabulary(), *FIM_TEXTS]
    end = N_CYCLE
    metadata = {
        "tokenizer.ggml.model": text("gpt2"),
        "tokenizer.ggml.pre": text("qwen2"),
        "tokenizer.ggml.tokens": texts([token.encode() for token in tokens]),
        "tokenizer.ggml.token_type": integers([1] * end + [3] * len(FIM_TEXTS)),
        "tokenizer.ggml.merges": texts([b"a b"]),
        "tokenizer.ggml.eos_token_id": number(end),
        "tokenizer.ggml.add_bos_token": flag(False),
        "tokenizer.ggml.fim_pre_token_id": number(end + 1),
        "tokenizer.ggml.fim_mid_token_id": number(end + 2),
        "tokenizer.ggml.fim_suf_token_id": number(end + 3),
    }
    return Vocabulary(metadata, len(tokens))
