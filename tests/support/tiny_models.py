"""Random models of the smallest shapes, of architectures that differ in what they are made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from tests.support.gguf_files import Gguf, Tensor, f32, text, tiny_model, u32
from tests.support.tiny_hybrid import tiny_hybrid

_WIDTH = 32
_SEED = 1


def tiny_models() -> dict[str, Gguf]:
    """By architecture. The runtime loads and runs all of them."""
    return {
        "qwen2": tiny_model("qwen2", seed=_SEED),
        "qwen3": tiny_model("qwen3", n_layers=2, seed=_SEED),
        "llama": _like_qwen3("llama", without="_norm"),
        "arcee": _like_qwen3("arcee", without="_norm|ffn_gate"),
        "starcoder2": _starcoder2(),
        "gemma3": _gemma3(),
        "qwen3moe": _qwen3moe(),
        "qwen35": tiny_hybrid(_SEED),
        "mamba": _mamba(),
    }


def _like_qwen3(
    arch: str,
    *,
    n_layers: int = 1,
    without: str = "$^",
    added: Callable[[str], list[Tensor]] = lambda _block: [],
) -> Gguf:
    """Qwen3 under another name. `without`: what is left out of the attention and feed-forward
    tensors' names; `added`: tensors for each block, given its prefix."""
    plain = tiny_model("qwen3", n_layers=n_layers, seed=_SEED)
    metadata = tuple(
        (key.replace("qwen3.", f"{arch}."), value)
        for key, value in plain.metadata
        if isinstance(key, str)
    )
    absent = re.compile(rf"blk\.\d+\.(?:attn_[qk](?:{without})|{without})\.")
    tensors = [tensor for tensor in plain.tensors if not absent.match(tensor.name)]
    for layer in range(n_layers):
        tensors += added(f"blk.{layer}.")
    renamed = replace(plain, metadata=metadata, tensors=tuple(tensors))
    return renamed.having(general__architecture=text(arch))


def _starcoder2() -> Gguf:
    def biases(block: str) -> list[Tensor]:
        names = ("attn_norm", "attn_output", "ffn_norm", "ffn_down", "ffn_up")
        return [Tensor(f"{block}{name}.bias", (_WIDTH,)) for name in names]

    gguf = _like_qwen3("starcoder2", without="_norm|ffn_gate", added=biases)
    gguf = replace(gguf, tensors=(*gguf.tensors, Tensor("output_norm.bias", (_WIDTH,))))
    return gguf.having(starcoder2__attention__layer_norm_epsilon=f32(1e-5))


def _gemma3() -> Gguf:
    def norms(block: str) -> list[Tensor]:
        names = ("post_attention_norm", "post_ffw_norm")
        return [Tensor(f"{block}{name}.weight", (_WIDTH,)) for name in names]

    gguf = _like_qwen3("gemma3", n_layers=6, added=norms)
    return gguf.having(
        gemma3__attention__sliding_window=u32(16), gemma3__rope__freq_base_swa=f32(10_000)
    )


def _qwen3moe() -> Gguf:
    n_experts, inner = 4, 32

    def experts(block: str) -> list[Tensor]:
        return [
            Tensor(block + "ffn_gate_inp.weight", (_WIDTH, n_experts)),
            Tensor(block + "ffn_gate_exps.weight", (_WIDTH, inner, n_experts)),
            Tensor(block + "ffn_down_exps.weight", (inner, _WIDTH, n_experts)),
            Tensor(block + "ffn_up_exps.weight", (_WIDTH, inner, n_experts)),
        ]

    gguf = _like_qwen3("qwen3moe", without="ffn_gate|ffn_up|ffn_down", added=experts)
    return gguf.having(
        qwen3moe__expert_count=u32(n_experts),
        qwen3moe__expert_used_count=u32(2),
        qwen3moe__expert_feed_forward_length=u32(inner),
    )


def _mamba() -> Gguf:
    inner, state, rank, kernel = 2 * _WIDTH, 16, 2, 4
    plain = tiny_model("qwen3", seed=_SEED)
    kept = {"qwen3.block_count", "qwen3.context_length", "qwen3.embedding_length"}
    metadata = tuple(
        (key.replace("qwen3.", "mamba."), value)
        for key, value in plain.metadata
        if isinstance(key, str) and (key in kept or not key.startswith("qwen3."))
    )
    block = "blk.0."
    tensors = (
        *plain.tensors[:2],
        Tensor(block + "attn_norm.weight", (_WIDTH,)),
        Tensor(block + "ssm_in.weight", (_WIDTH, 2 * inner)),
        Tensor(block + "ssm_conv1d.weight", (kernel, inner)),
        Tensor(block + "ssm_conv1d.bias", (inner,)),
        Tensor(block + "ssm_x.weight", (inner, rank + 2 * state)),
        Tensor(block + "ssm_dt.weight", (rank, inner)),
        Tensor(block + "ssm_dt.bias", (inner,)),
        Tensor(block + "ssm_a", (state, inner)),
        Tensor(block + "ssm_d", (inner,)),
        Tensor(block + "ssm_out.weight", (inner, _WIDTH)),
    )
    return replace(plain, metadata=metadata, tensors=tensors).having(
        general__architecture=text("mamba"),
        mamba__feed_forward_length=u32(0),
        mamba__attention__head_count=u32(0),
        mamba__attention__layer_norm_rms_epsilon=f32(1e-6),
        mamba__ssm__conv_kernel=u32(kernel),
        mamba__ssm__inner_size=u32(inner),
        mamba__ssm__state_size=u32(state),
        mamba__ssm__time_step_rank=u32(rank),
    )
