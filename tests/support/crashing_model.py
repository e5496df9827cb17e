"""A model file that passes every check in Python and yet ends the process that loads it."""

from __future__ import annotations

from dataclasses import replace

from tests.support.gguf_files import Gguf, text, tiny_model, u32

_ABSENT = ("attn_q_norm", "attn_k_norm", "ffn_gate")


def crashing_model() -> Gguf:
    """Rotates half of each head, which the runtime asserts against while it builds this
    architecture's graph.

    If the checks come to know that, take another architecture: a test says so.
    """
    plain = tiny_model("qwen3", seed=1)
    metadata = tuple(
        (key.replace("qwen3.", "arcee."), value)
        for key, value in plain.metadata
        if isinstance(key, str)
    )
    tensors = tuple(t for t in plain.tensors if not any(part in t.name for part in _ABSENT))
    renamed = replace(plain, metadata=metadata, tensors=tensors)
    return renamed.having(general__architecture=text("arcee"), arcee__rope__dimension_count=u32(8))
