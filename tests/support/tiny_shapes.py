"""The benchmarks' shapes of real models, few and narrow layers of each."""

from __future__ import annotations

from dataclasses import replace

from bench.gguf_writing import Value, Vocabulary
from bench.shape_plans import Shape
from inference.models.gguf_format import ValueType
from tests.support.gguf_files import tiny_model


def tiny(shape: Shape) -> Shape:
    """Of the same kinds of layers, but few and narrow."""
    return replace(
        shape,
        n_layers=max(2, shape.interval, 6 if shape.sliding_window else 0),
        width=256,
        inner=256,
        n_heads=4,
        n_kv_heads=2,
        head=64,
        n_ctx=1024,
        n_experts=min(shape.n_experts, 4),
        n_experts_used=min(shape.n_experts_used, 2),
        state=min(shape.state, 64),
        n_state_groups=min(shape.n_state_groups, 2),
        n_state_heads=min(shape.n_state_heads, 2),
    )


def tiny_vocabulary() -> Vocabulary:
    metadata = {
        str(key): Value(ValueType(value.type), value.data)
        for key, value in tiny_model().metadata
        if str(key).startswith("tokenizer.")
    }
    return Vocabulary(metadata, n_tokens=260)
