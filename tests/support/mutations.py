"""Tiny models with something changed in them: bytes, values, types and shapes of tensors."""

from __future__ import annotations

import random
from dataclasses import replace

from inference.models.gguf_format import ValueType
from tests.support.gguf_files import Gguf, Value, flag, numbers, text, texts, u32

_NUMBERS = (
    *range(6), 8, 16, 31, 32, 33, 64, 256, 257, 512, 513, 1024, 2**20, 2**31, 2**32 - 1
)  # fmt: skip
_TEXTS = ("", "llama", "gpt2", "rwkv", "plamo2", "gemma4", "yarn", "qwen3")
_KEYS = (
    "attention.key_length", "attention.key_length_mla", "attention.sliding_window",
    "attention.sliding_window_pattern", "attention.value_length", "expert_count",
    "expert_group_count", "expert_shared_count", "expert_used_count", "full_attention_interval",
    "leading_dense_block_count", "nextn_predict_layers", "rope.dimension_count",
    "rope.dimension_sections", "rope.scaling.factor", "rope.scaling.type", "ssm.group_count",
    "ssm.state_size", "vocab_size",
)  # fmt: skip
"""That a model may have, below its architecture."""
_TENSOR_TYPES = (0, 1, 2, 8, 9, 24, 26, 28, 30)
_BLOCK_TYPES = (2, 8, 9)


def mutated(gguf: Gguf, arch: str, generator: random.Random) -> bytes:
    """The file of a model of that architecture with one to a few changes."""
    if generator.random() < 0.4:
        return _with_other_bytes(gguf, generator)
    keys = [str(key) for key, _ in gguf.metadata] + [f"{arch}.{key}" for key in _KEYS]
    for _ in range(generator.choice([1, 1, 2])):
        gguf = gguf.having(**{generator.choice(keys): _any_value(generator)})
    if generator.random() < 0.3:
        gguf = _with_another_tensor(gguf, generator)
    return gguf.to_bytes()


def _with_other_bytes(gguf: Gguf, generator: random.Random) -> bytes:
    content = bytearray(gguf.to_bytes())
    n_header = len(gguf.header())
    for _ in range(generator.choice([1, 1, 2, 4])):
        # Most of a header is the vocabulary, and most of what matters is not.
        is_early = generator.random() < 0.3
        position = generator.randrange(min(n_header, 1000) if is_early else n_header)
        content[position] = generator.choice([0, 1, 255, generator.randrange(256)])
    if generator.random() < 0.1:
        del content[generator.randrange(len(content)) :]
    return bytes(content)


def _any_value(generator: random.Random) -> Value | None:
    values = (
        u32(generator.choice(_NUMBERS)),
        u32(generator.choice(_NUMBERS)),
        text(generator.choice(_TEXTS)),
        numbers(ValueType.INT32, [generator.choice([0, 1, 2, 200])] * generator.choice([1, 260])),
        texts([f"t{i}" for i in range(generator.choice([0, 1, 260]))]),
        flag(generator.random() < 0.5),
        None,
    )
    return generator.choice(values)


def _with_another_tensor(gguf: Gguf, generator: random.Random) -> Gguf:
    """With another type or shape in the place of one, or without it."""
    tensors = list(gguf.tensors)
    i = generator.randrange(len(tensors))
    tensor = tensors[i]
    choice = generator.random()
    if choice < 0.6:
        changed = replace(tensor, type_number=generator.choice(_TENSOR_TYPES))
        if tensor.shape[0] % 32 == 0 or changed.type_number not in _BLOCK_TYPES:
            tensors[i] = changed
    elif choice < 0.8:
        factor = generator.choice([2, 4])
        shape = list(tensor.shape)
        shape[generator.randrange(len(shape))] *= factor
        tensors[i] = replace(tensor, shape=tuple(shape))
    elif choice < 0.9:
        tensors[i] = replace(tensor, shape=tensor.shape[::-1])
    else:
        del tensors[i]
    return replace(gguf, tensors=tuple(tensors))
