"""Random heads that draft for random models, of the smallest shapes."""

from __future__ import annotations

from dataclasses import replace

from inference.models.gguf_format import TENSOR_TYPES, ValueType
from tests.support.gguf_files import Gguf, Tensor, Value, f32, numbers, text, tiny_model, u32
from tests.support.tiny_hybrid import tiny_hybrid

N_CTX = 1024
I64 = next(number for number, kind in TENSOR_TYPES.items() if kind.name == "I64")


def tiny_mtp(seed: int = 1) -> Gguf:
    """The tiny hybrid with a layer for multi-token prediction behind its two."""
    plain = tiny_hybrid(seed)
    shapes = {tensor.name: tensor.shape for tensor in plain.tensors}
    (width,) = shapes["output_norm.weight"]
    names = [name.removeprefix("blk.1.") for name in shapes if name.startswith("blk.1.")]
    added = [Tensor(f"blk.2.{name}", shapes[f"blk.1.{name}"]) for name in names]
    added.append(Tensor("blk.2.nextn.eh_proj.weight", (2 * width, width)))
    added += [
        Tensor(f"blk.2.nextn.{name}.weight", (width,))
        for name in ("enorm", "hnorm", "shared_head_norm")
    ]
    changed = {"qwen35.block_count": u32(3), "qwen35.nextn_predict_layers": u32(1)}
    metadata = {key: value for key, value in plain.metadata if isinstance(key, str)} | changed
    return replace(plain, metadata=tuple(metadata.items()), tensors=(*plain.tensors, *added))


def tiny_target(n_layers: int = 3, seed: int = 1) -> Gguf:
    """What `tiny_eagle3` drafts for."""
    plain = tiny_model("qwen3", n_layers=n_layers, seed=seed)
    return plain.having(qwen3__context_length=u32(N_CTX))


def tiny_eagle3(
    *,
    layers: tuple[int, ...] = (0, 1, 2),
    n_draft_vocab: int | None = None,
    own_embedding: bool = False,
    seed: int = 2,
) -> Gguf:
    """`n_draft_vocab`: how many tokens it knows; None for all of its target's, and no table."""
    plain = tiny_target()
    shapes = {tensor.name: tensor.shape for tensor in plain.tensors}
    width, n_vocab = shapes["token_embd.weight"]
    n_heads, head, inner = 2, 16, 32
    metadata: list[tuple[str | bytes, Value]] = [
        ("general.architecture", text("eagle3")),
        ("general.name", text("crafted head")),
        ("general.file_type", u32(0)),
        ("eagle3.block_count", u32(1)),
        ("eagle3.context_length", u32(N_CTX)),
        ("eagle3.embedding_length", u32(width)),
        ("eagle3.feed_forward_length", u32(inner)),
        ("eagle3.attention.head_count", u32(n_heads)),
        ("eagle3.attention.head_count_kv", u32(1)),
        ("eagle3.attention.key_length", u32(head)),
        ("eagle3.attention.value_length", u32(head)),
        ("eagle3.attention.layer_norm_rms_epsilon", f32(1e-6)),
        ("eagle3.rope.freq_base", f32(10_000)),
        ("eagle3.rope.dimension_count", u32(head)),
        ("eagle3.target_layers", numbers(ValueType.INT32, layers)),
        ("eagle3.target_hidden_size", u32(width)),
        *((key, value) for key, value in plain.metadata if str(key).startswith("tokenizer.")),
    ]
    block = "blk.0."
    tensors = [
        Tensor("fc.weight", (3 * width, width)),
        Tensor("output_norm.weight", (width,)),
        Tensor("output.weight", (width, n_draft_vocab or n_vocab)),
        Tensor(block + "attn_norm.weight", (width,)),
        Tensor(block + "attn_norm_2.weight", (width,)),
        Tensor(block + "ffn_norm.weight", (width,)),
        Tensor(block + "attn_q.weight", (2 * width, n_heads * head)),
        Tensor(block + "attn_k.weight", (2 * width, head)),
        Tensor(block + "attn_v.weight", (2 * width, head)),
        Tensor(block + "attn_output.weight", (n_heads * head, width)),
        Tensor(block + "ffn_gate.weight", (width, inner)),
        Tensor(block + "ffn_up.weight", (width, inner)),
        Tensor(block + "ffn_down.weight", (inner, width)),
    ]
    if n_draft_vocab:
        tensors.append(Tensor("d2t", (n_draft_vocab,), I64))
    if own_embedding:
        tensors.append(Tensor("token_embd.weight", (width, n_vocab)))
    return Gguf(metadata=tuple(metadata), tensors=tuple(tensors), seed=seed)
