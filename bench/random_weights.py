"""Random and given numbers in the formats of ggml, made as they lie in a file.

A quantized block is random bits behind a scale that gives them the spread wanted, so nothing has
to be quantized: a billion weights take seconds. They are spread evenly, not normally, which no
kernel's speed depends on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.models.gguf_format import TENSOR_TYPES

Bytes = NDArray[np.uint8]
STD = 0.02
"""Of the weights; norms after each layer keep what is computed with them in bounds."""
_CHUNK_BLOCKS = 2**16
_SUBSCALE = 32
"""Of the blocks of 256: a scale of six bits for each sub-block, here the same for all."""
_PACKED_SUBSCALES = bytes([160] * 8 + [0] * 4)
"""Eight scales and eight minima of 32, as Q4_K and Q5_K pack them."""
_DTYPES = {"F32": "<f4", "F16": "<f2", "I64": "<i8"}
TYPE_NUMBERS = {kind.name: number for number, kind in TENSOR_TYPES.items()}


def random_tensor(
    kind: str, n_elements: int, generator: np.random.Generator, *, mean: float = 0.0
) -> Iterator[bytes]:
    """The bytes of a tensor, in pieces. `mean` is for F32 only."""
    block_elements, block_bytes = TENSOR_TYPES[TYPE_NUMBERS[kind]][1:]
    n_blocks = n_elements // block_elements
    while n_blocks > 0:
        n = min(n_blocks, _CHUNK_BLOCKS)
        n_blocks -= n
        if kind in ("F32", "F16"):
            values = mean + generator.standard_normal(n, np.float32) * STD
            yield values.astype(np.float32 if kind == "F32" else np.float16).tobytes()
        else:
            blocks = generator.integers(0, 256, (n, block_bytes), np.uint8)
            _SCALERS[kind](blocks)
            yield blocks.tobytes()


def encoded(kind: str, values: NDArray[Any]) -> bytes:
    """The bytes of a tensor with these values; nothing but zeros for kinds that only they fit."""
    if kind in _DTYPES:
        return np.ascontiguousarray(values, _DTYPES[kind]).tobytes()
    block_elements, block_bytes = TENSOR_TYPES[TYPE_NUMBERS[kind]][1:]
    blocks = values.reshape(-1, block_elements).astype(np.float32)
    if kind == "Q8_0":
        scales = (np.abs(blocks).max(axis=1, keepdims=True) / 127).astype(np.float16)
        divisors = np.where(scales == 0, 1, scales).astype(np.float32)
        whole = np.clip(np.rint(blocks / divisors), -127, 127).astype(np.int8)
        return np.hstack([scales.view(np.uint8), whole.view(np.uint8)]).tobytes()
    if blocks.any():
        raise ValueError(f"{kind} cannot be written")
    return bytes(len(blocks) * block_bytes)


def _half(value: float) -> Bytes:
    return np.frombuffer(np.float16(value).tobytes(), np.uint8)


def _evenly_spread(n_values: int) -> float:
    """Standard deviation of the whole numbers from 0 to `n_values` - 1."""
    return math.sqrt((n_values**2 - 1) / 12)


def _plain(n_values: int) -> Callable[[Bytes], None]:
    """A scale, then numbers around zero."""

    def scale(blocks: Bytes) -> None:
        blocks[:, :2] = _half(STD / _evenly_spread(n_values))

    return scale


def _with_minimum(n_values: int) -> Callable[[Bytes], None]:
    """Two scales, those of the sub-blocks, then numbers from zero on; a minimum is taken off."""

    def scale(blocks: Bytes) -> None:
        step = STD / _evenly_spread(n_values) / _SUBSCALE
        blocks[:, 0:2] = _half(step)
        blocks[:, 2:4] = _half(step * (n_values - 1) / 2)
        blocks[:, 4:16] = np.frombuffer(_PACKED_SUBSCALES, np.uint8)

    return scale


def _scale_q5_1(blocks: Bytes) -> None:
    step = STD / _evenly_spread(32)
    blocks[:, 0:2] = _half(step)
    blocks[:, 2:4] = _half(step * -31 / 2)


def _scale_q6_k(blocks: Bytes) -> None:
    blocks[:, 192:208] = _SUBSCALE
    blocks[:, 208:210] = _half(STD / _evenly_spread(64) / _SUBSCALE)


_SCALERS: dict[str, Callable[[Bytes], None]] = {
    "Q8_0": _plain(256),
    "Q4_0": _plain(16),
    "Q5_0": _plain(32),
    "Q5_1": _scale_q5_1,
    "Q4_K": _with_minimum(16),
    "Q5_K": _with_minimum(32),
    "Q6_K": _scale_q6_k,
}
