"""A random model of the smallest hybrid shape: one recurrent layer, one of attention."""

from __future__ import annotations

from inference.models.gguf_format import ValueType
from tests.support.gguf_files import (
    Gguf,
    Tensor,
    Value,
    f32,
    numbers,
    text,
    tiny_model,
    u32,
)

ARCH = "qwen35"


def tiny_hybrid(seed: int = 1) -> Gguf:
    """Gated delta net and attention, as in Qwen3.5. Says nothing sensible, always the same."""
    plain = tiny_model("qwen3", seed=seed)
    width, n_heads, n_kv_heads, head, inner = 64, 2, 1, 32, 64
    n_groups, n_state_heads, state, kernel = 1, 2, 32, 4
    tokenizer = [
        (key, value)
        for key, value in plain.metadata
        if isinstance(key, str) and key.startswith("tokenizer.")
    ]
    metadata: list[tuple[str | bytes, Value]] = [
        ("general.architecture", text(ARCH)),
        ("general.name", text("crafted hybrid")),
        ("general.file_type", u32(0)),
        (f"{ARCH}.block_count", u32(2)),
        (f"{ARCH}.context_length", u32(1024)),
        (f"{ARCH}.embedding_length", u32(width)),
        (f"{ARCH}.feed_forward_length", u32(inner)),
        (f"{ARCH}.attention.head_count", u32(n_heads)),
        (f"{ARCH}.attention.head_count_kv", u32(n_kv_heads)),
        (f"{ARCH}.attention.key_length", u32(head)),
        (f"{ARCH}.attention.value_length", u32(head)),
        (f"{ARCH}.attention.layer_norm_rms_epsilon", f32(1e-6)),
        (f"{ARCH}.rope.freq_base", f32(10_000)),
        (f"{ARCH}.rope.dimension_count", u32(head // 2)),
        (f"{ARCH}.rope.dimension_sections", numbers(ValueType.INT32, [3, 3, 2, 0])),
        (f"{ARCH}.ssm.conv_kernel", u32(kernel)),
        (f"{ARCH}.ssm.state_size", u32(state)),
        (f"{ARCH}.ssm.group_count", u32(n_groups)),
        (f"{ARCH}.ssm.time_step_rank", u32(n_state_heads)),
        (f"{ARCH}.ssm.inner_size", u32(state * n_state_heads)),
        (f"{ARCH}.full_attention_interval", u32(2)),
        *tokenizer,
    ]
    n_vocab = plain.tensors[0].shape[1]
    keys, values = state * n_groups, state * n_state_heads
    tensors = [
        Tensor("token_embd.weight", (width, n_vocab)),
        Tensor("output_norm.weight", (width,)),
        Tensor("blk.0.attn_qkv.weight", (width, 2 * keys + values)),
        Tensor("blk.0.attn_gate.weight", (width, values)),
        Tensor("blk.0.ssm_conv1d.weight", (kernel, 2 * keys + values)),
        Tensor("blk.0.ssm_dt.bias", (n_state_heads,)),
        Tensor("blk.0.ssm_a", (n_state_heads,)),
        Tensor("blk.0.ssm_beta.weight", (width, n_state_heads)),
        Tensor("blk.0.ssm_alpha.weight", (width, n_state_heads)),
        Tensor("blk.0.ssm_norm.weight", (state,)),
        Tensor("blk.0.ssm_out.weight", (values, width)),
        Tensor("blk.1.attn_q.weight", (width, 2 * n_heads * head)),
        Tensor("blk.1.attn_k.weight", (width, n_kv_heads * head)),
        Tensor("blk.1.attn_v.weight", (width, n_kv_heads * head)),
        Tensor("blk.1.attn_output.weight", (n_heads * head, width)),
        Tensor("blk.1.attn_q_norm.weight", (head,)),
        Tensor("blk.1.attn_k_norm.weight", (head,)),
    ]
    for block in ("blk.0.", "blk.1."):
        tensors += [
            Tensor(block + "attn_norm.weight", (width,)),
            Tensor(block + "post_attention_norm.weight", (width,)),
            Tensor(block + "ffn_gate.weight", (width, inner)),
            Tensor(block + "ffn_up.weight", (width, inner)),
            Tensor(block + "ffn_down.weight", (inner, width)),
        ]
    return Gguf(metadata=tuple(metadata), tensors=tuple(tensors), seed=seed)
