"""A tiny chat model: the built-in model's tokenizer, a chat template, random weights."""

from __future__ import annotations

from pathlib import Path

from bench.gguf_writing import TensorPlan, number, read_vocabulary, text, write_model
from inference import builtin_model_path
from tests.support.chat_templates import CHATML

_WIDTH, _HEADS, _KV_HEADS, _HEAD, _INNER, _LAYERS = 32, 2, 1, 16, 32, 2
N_CTX = 4096
IM_START, IM_END = 8184, 8185


def write_chat_model(path: Path, *, template: str | None = CHATML, seed: int = 1) -> Path:
    """Writes the model; without a template it is one in ChatML that does not say so."""
    vocabulary = read_vocabulary(builtin_model_path(), {}, {})
    metadata = {
        "general.architecture": text("qwen3"),
        "general.name": text("tiny-chat"),
        "general.file_type": number(0),
        "qwen3.block_count": number(_LAYERS),
        "qwen3.context_length": number(N_CTX),
        "qwen3.embedding_length": number(_WIDTH),
        "qwen3.feed_forward_length": number(_INNER),
        "qwen3.attention.head_count": number(_HEADS),
        "qwen3.attention.head_count_kv": number(_KV_HEADS),
        "qwen3.attention.key_length": number(_HEAD),
        "qwen3.attention.value_length": number(_HEAD),
        "qwen3.attention.layer_norm_rms_epsilon": number(1e-6),
        "qwen3.rope.freq_base": number(10_000.0),
        "qwen3.rope.dimension_count": number(_HEAD),
        **vocabulary.metadata,
    }
    if template is not None:
        metadata["tokenizer.chat_template"] = text(template)
    tensors: list[tuple[str, tuple[int, ...]]] = [
        ("token_embd.weight", (_WIDTH, vocabulary.n_tokens))
    ]
    for layer in range(_LAYERS):
        block = f"blk.{layer}."
        tensors += [
            (block + "attn_norm.weight", (_WIDTH,)),
            (block + "attn_q.weight", (_WIDTH, _HEADS * _HEAD)),
            (block + "attn_k.weight", (_WIDTH, _KV_HEADS * _HEAD)),
            (block + "attn_v.weight", (_WIDTH, _KV_HEADS * _HEAD)),
            (block + "attn_q_norm.weight", (_HEAD,)),
            (block + "attn_k_norm.weight", (_HEAD,)),
            (block + "attn_output.weight", (_HEADS * _HEAD, _WIDTH)),
            (block + "ffn_norm.weight", (_WIDTH,)),
            (block + "ffn_gate.weight", (_WIDTH, _INNER)),
            (block + "ffn_up.weight", (_WIDTH, _INNER)),
            (block + "ffn_down.weight", (_INNER, _WIDTH)),
        ]
    tensors.append(("output_norm.weight", (_WIDTH,)))
    plans = [TensorPlan(name, shape, "F32", mean=float("norm" in name)) for name, shape in tensors]
    write_model(path, metadata, plans, seed)
    return path
