"""Real models' shapes: their numbers, the tensors these come to, and how each is quantized.

Numbers are from the models' published configurations; the mixture of experts is a small one of a
real architecture. Types follow `llama-quantize` (`src/llama-quant.cpp`, llama.cpp as bundled with
llama-cpp-python 0.3.36).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bench.gguf_writing import TensorPlan, Value, integers, number
from inference.models.gguf_format import FILE_TYPES, TENSOR_TYPES

_FALLBACKS = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
"""For rows that are no multiple of 256."""
_PLAIN = re.compile(r"_norm\.|\.bias$|ssm_a$|ssm_conv1d|ffn_gate_inp|nextn\.[eh]norm|norm\.weight$")
"""Never quantized."""
_BLOCKS_OF_256 = {kind.name for kind in TENSOR_TYPES.values() if kind.block_elements == 256}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The numbers of one model. Those that are 0 are for other architectures."""

    name: str
    arch: str
    vocabulary: str
    """Of llama.cpp's `ggml-vocab-*.gguf`."""
    note: str
    n_layers: int
    width: int
    inner: int
    n_heads: int
    n_kv_heads: int
    head: int
    n_ctx: int = 32_768
    rope_base: float = 1e6
    n_experts: int = 0
    n_experts_used: int = 0
    sliding_window: int = 0
    n_mtp_layers: int = 0
    """Beside `n_layers`."""
    interval: int = 0
    """Every so many layers has attention, the others a gated delta net."""
    state: int = 0
    n_state_groups: int = 0
    n_state_heads: int = 0
    conv_kernel: int = 4

    def metadata(self) -> dict[str, Value]:
        """What the runtime needs to know, but for the vocabulary."""
        values = {
            "block_count": number(self.n_layers + self.n_mtp_layers),
            "context_length": number(self.n_ctx),
            "embedding_length": number(self.width),
            "feed_forward_length": number(self.inner),
            "attention.head_count": number(self.n_heads),
            "attention.head_count_kv": number(self.n_kv_heads),
            "attention.key_length": number(self.head),
            "attention.value_length": number(self.head),
            "attention.layer_norm_rms_epsilon": number(1e-6),
            "rope.freq_base": number(self.rope_base),
        }
        if self.n_experts:
            values |= {
                "expert_count": number(self.n_experts),
                "expert_used_count": number(self.n_experts_used),
                "expert_feed_forward_length": number(self.inner),
            }
        if self.sliding_window:
            values |= {
                "attention.sliding_window": number(self.sliding_window),
                "rope.freq_base_swa": number(10_000.0),
            }
        if self.interval:
            rotated = self.head // 4
            third = rotated // 2 // 3
            values |= {
                "rope.dimension_count": number(rotated),
                "rope.dimension_sections": integers(
                    [rotated // 2 - 2 * third, third, third, 0],
                ),
                "ssm.conv_kernel": number(self.conv_kernel),
                "ssm.state_size": number(self.state),
                "ssm.group_count": number(self.n_state_groups),
                "ssm.time_step_rank": number(self.n_state_heads),
                "ssm.inner_size": number(self.state * self.n_state_heads),
                "full_attention_interval": number(self.interval),
            }
        if self.n_mtp_layers:
            values["nextn_predict_layers"] = number(self.n_mtp_layers)
        return {f"{self.arch}.{key}": value for key, value in values.items()}

    def tensors(self, n_tokens: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Names and shapes, the shortest dimension to be multiplied with first."""
        yield "token_embd.weight", (self.width, n_tokens)
        yield "output_norm.weight", (self.width,)
        for layer in range(self.n_layers + self.n_mtp_layers):
            for name, shape in self._layer(layer):
                yield f"blk.{layer}.{name}", shape

    def _layer(self, layer: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        width = self.width
        is_mtp = layer >= self.n_layers
        yield "attn_norm.weight", (width,)
        if self.interval and not is_mtp and (layer + 1) % self.interval:
            yield from self._delta_net()
        else:
            yield from self._attention()
        if self.arch == "qwen35":
            yield "post_attention_norm.weight", (width,)
        else:
            yield "ffn_norm.weight", (width,)
        if self.arch == "gemma3":
            yield "post_attention_norm.weight", (width,)
            yield "post_ffw_norm.weight", (width,)
        if self.n_experts:
            yield "ffn_gate_inp.weight", (width, self.n_experts)
            yield "ffn_gate_exps.weight", (width, self.inner, self.n_experts)
            yield "ffn_up_exps.weight", (width, self.inner, self.n_experts)
            yield "ffn_down_exps.weight", (self.inner, width, self.n_experts)
        else:
            yield "ffn_gate.weight", (width, self.inner)
            yield "ffn_up.weight", (width, self.inner)
            yield "ffn_down.weight", (self.inner, width)
        if is_mtp:
            yield "nextn.eh_proj.weight", (2 * width, width)
            for name in ("enorm", "hnorm", "shared_head_norm"):
                yield f"nextn.{name}.weight", (width,)

    def _attention(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        query, key = self.n_heads * self.head, self.n_kv_heads * self.head
        # Qwen3.5 computes a gate together with the queries.
        yield "attn_q.weight", (self.width, 2 * query if self.interval else query)
        yield "attn_k.weight", (self.width, key)
        yield "attn_v.weight", (self.width, key)
        yield "attn_output.weight", (query, self.width)
        if self.arch == "qwen2":
            yield "attn_q.bias", (query,)
            yield "attn_k.bias", (key,)
            yield "attn_v.bias", (key,)
        else:
            yield "attn_q_norm.weight", (self.head,)
            yield "attn_k_norm.weight", (self.head,)

    def _delta_net(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        keys, values = self.state * self.n_state_groups, self.state * self.n_state_heads
        yield "attn_qkv.weight", (self.width, 2 * keys + values)
        yield "attn_gate.weight", (self.width, values)
        yield "ssm_conv1d.weight", (self.conv_kernel, 2 * keys + values)
        yield "ssm_dt.bias", (self.n_state_heads,)
        yield "ssm_a", (self.n_state_heads,)
        yield "ssm_beta.weight", (self.width, self.n_state_heads)
        yield "ssm_alpha.weight", (self.width, self.n_state_heads)
        yield "ssm_norm.weight", (self.state,)
        yield "ssm_out.weight", (values, self.width)


def plan(shape: Shape, quantization: str, n_tokens: int) -> list[TensorPlan]:
    """All tensors of a model, with their types."""
    plans: list[TensorPlan] = []
    for name, dimensions in shape.tensors(n_tokens):
        kind = _type(name, dimensions, quantization, shape.n_layers)
        # Norms multiply; what decays has to.
        mean = -1.0 if name.endswith("ssm_a") else 1.0 if "norm" in name else 0.0
        plans.append(TensorPlan(name, dimensions, kind, mean))
    return plans


def file_type(quantization: str) -> int:
    """As `general.file_type` has it."""
    return next(n for n, name in FILE_TYPES.items() if name == quantization.upper())


def _type(name: str, shape: tuple[int, ...], quantization: str, n_layers: int) -> str:
    if len(shape) == 1 or _PLAIN.search(name):
        return "F32"
    kinds = {"f32": "F32", "f16": "F16", "q8_0": "Q8_0", "q4_0": "Q4_0", "q4_k_m": "Q4_K"}
    kind = kinds[quantization]
    if name == "token_embd.weight" and kind in ("Q4_0", "Q4_K"):
        kind = "Q6_K"  # It is the output's matrix as well.
    elif quantization == "q4_k_m":
        if "attn_qkv" in name:
            kind = "Q5_K"
        elif ("attn_v." in name or "ffn_down" in name) and _has_more_bits(name, n_layers):
            kind = "Q6_K"
    if kind in _BLOCKS_OF_256 and shape[0] % 256:
        kind = _FALLBACKS[kind]
    return kind


def _has_more_bits(name: str, n_layers: int) -> bool:
    """The first and last eighth of the layers, and every third between."""
    layer = int(name.split(".")[1])
    eighth = n_layers // 8
    return layer < eighth or layer >= 7 * n_layers // 8 or (layer - eighth) % 3 == 2


_ALL = (
    Shape(
        name="qwen2.5-coder-0.5b",
        arch="qwen2",
        vocabulary="qwen2",
        note="dense, 0.5 B parameters",
        n_layers=24, width=896, inner=4864, n_heads=14, n_kv_heads=2, head=64,
    ),
    Shape(
        name="qwen2.5-coder-1.5b",
        arch="qwen2",
        vocabulary="qwen2",
        note="dense, 1.5 B parameters",
        n_layers=28, width=1536, inner=8960, n_heads=12, n_kv_heads=2, head=128,
    ),
    Shape(
        name="qwen3.5-0.8b",
        arch="qwen35",
        vocabulary="qwen35",
        note="hybrid: gated delta net, every fourth layer attention, one layer for drafting (MTP)",
        n_layers=24, width=1024, inner=3584, n_heads=8, n_kv_heads=2, head=256,
        n_ctx=262_144, rope_base=1e7, n_mtp_layers=1, interval=4,
        state=128, n_state_groups=16, n_state_heads=16,
    ),
    Shape(
        name="gemma3-1b",
        arch="gemma3",
        vocabulary="gemma-4",
        note="five of six layers look back 512 tokens only; a vocabulary of 262144",
        n_layers=26, width=1152, inner=6912, n_heads=4, n_kv_heads=1, head=256,
        sliding_window=512,
    ),
    Shape(
        name="qwen3moe-1.4b-a0.4b",
        arch="qwen3moe",
        vocabulary="qwen2",
        note="64 experts, 8 of them at work; 1.4 B parameters",
        n_layers=16, width=1024, inner=384, n_heads=16, n_kv_heads=4, head=128,
        n_experts=64, n_experts_used=8,
    ),
)  # fmt: skip
SHAPES = {shape.name: shape for shape in _ALL}
