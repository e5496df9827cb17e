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


def tiny_hybrid(seed: int = 1, arch: str = "qwen35") -> Gguf:
    """Gated delta net and attention, as in Qwen3.5. For `qwen35moe` and `qwen3next` (Qwen3-Next)
    with two experts and one they share. Says nothing sensible, always the same."""
    plain = tiny_model("qwen3", seed=seed)
    width, n_heads, n_kv_heads, head, inner = 64, 2, 1, 32, 64
    n_groups, n_state_heads, state, kernel = 1, 2, 32, 4
    tokenizer = [
        (key, value)
        for key, value in plain.metadata
        if isinstance(key, str) and key.startswith("tokenizer.")
    ]
    metadata: list[tuple[str | bytes, Value]] = [
        ("general.architecture", text(arch)),
        ("general.name", text("crafted hybrid")),
        ("general.file_type", u32(0)),
        (f"{arch}.block_count", u32(2)),
        (f"{arch}.context_length", u32(1024)),
        (f"{arch}.embedding_length", u32(width)),
        (f"{arch}.feed_forward_length", u32(inner)),
        (f"{arch}.attention.head_count", u32(n_heads)),
        (f"{arch}.attention.head_count_kv", u32(n_kv_heads)),
        (f"{arch}.attention.key_length", u32(head)),
        (f"{arch}.attention.value_length", u32(head)),
        (f"{arch}.attention.layer_norm_rms_epsilon", f32(1e-6)),
        (f"{arch}.rope.freq_base", f32(10_000)),
        (f"{arch}.rope.dimension_count", u32(head // 2)),
        (f"{arch}.rope.dimension_sections", numbers(ValueType.INT32, [3, 3, 2, 0])),
        (f"{arch}.ssm.conv_kernel", u32(kernel)),
        (f"{arch}.ssm.state_size", u32(state)),
        (f"{arch}.ssm.group_count", u32(n_groups)),
        (f"{arch}.ssm.time_step_rank", u32(n_state_heads)),
        (f"{arch}.ssm.inner_size", u32(state * n_state_heads)),
        (f"{arch}.full_attention_interval", u32(2)),
        *tokenizer,
    ]
    has_experts = arch != "qwen35"
    if has_experts:
        metadata += [
            (f"{arch}.expert_count", u32(2)),
            (f"{arch}.expert_used_count", u32(1)),
            (f"{arch}.expert_feed_forward_length", u32(inner)),
            (f"{arch}.expert_shared_feed_forward_length", u32(inner)),
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
        Tensor("blk.0.ssm_norm.weight", (state,)),
        Tensor("blk.0.ssm_out.weight", (values, width)),
        Tensor("blk.1.attn_q.weight", (width, 2 * n_heads * head)),
        Tensor("blk.1.attn_k.weight", (width, n_kv_heads * head)),
        Tensor("blk.1.attn_v.weight", (width, n_kv_heads * head)),
        Tensor("blk.1.attn_output.weight", (n_heads * head, width)),
        Tensor("blk.1.attn_q_norm.weight", (head,)),
        Tensor("blk.1.attn_k_norm.weight", (head,)),
    ]
    if arch == "qwen3next":
        tensors.append(Tensor("blk.0.ssm_ba.weight", (width, 2 * n_state_heads)))
    else:
        tensors.append(Tensor("blk.0.ssm_beta.weight", (width, n_state_heads)))
        tensors.append(Tensor("blk.0.ssm_alpha.weight", (width, n_state_heads)))
    for block in ("blk.0.", "blk.1."):
        tensors.append(Tensor(block + "attn_norm.weight", (width,)))
        tensors.append(Tensor(block + "post_attention_norm.weight", (width,)))
        tensors += _experts(block, width, inner) if has_experts else _dense(block, width, inner)
    return Gguf(metadata=tuple(metadata), tensors=tuple(tensors), seed=seed)


def _dense(block: str, width: int, inner: int) -> list[Tensor]:
    return [
        Tensor(block + "ffn_gate.weight", (width, inner)),
        Tensor(block + "ffn_up.weight", (width, inner)),
        Tensor(block + "ffn_down.weight", (inner, width)),
    ]


def _experts(block: str, width: int, inner: int) -> list[Tensor]:
    return [
        Tensor(block + "ffn_gate_inp.weight", (width, 2)),
        Tensor(block + "ffn_gate_exps.weight", (width, inner, 2)),
        Tensor(block + "ffn_up_exps.weight", (width, inner, 2)),
        Tensor(block + "ffn_down_exps.weight", (inner, width, 2)),
        Tensor(block + "ffn_gate_inp_shexp.weight", (width,)),
        Tensor(block + "ffn_gate_shexp.weight", (width, inner)),
        Tensor(block + "ffn_up_shexp.weight", (width, inner)),
        Tensor(block + "ffn_down_shexp.weight", (inner, width)),
    ]
