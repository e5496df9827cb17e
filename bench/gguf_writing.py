"""Writes GGUF files of random weights, and reads vocabularies out of those of llama.cpp."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.random_weights import TYPE_NUMBERS, encoded, random_tensor
from inference.models.gguf_format import SCALAR_FORMATS, TENSOR_TYPES, ValueType

_ALIGNMENT = 32
Number = int | float


@dataclass(frozen=True)
class Value:
    """A metadata value as it lies in a file."""

    type: ValueType
    data: bytes


def text(value: str) -> Value:
    return Value(ValueType.STRING, _packed(value.encode()))


def number(value: Number) -> Value:
    """An unsigned 32-bit number, or a 32-bit float."""
    if isinstance(value, float):
        return Value(ValueType.FLOAT32, struct.pack("<f", value))
    return Value(ValueType.UINT32, struct.pack("<I", value))


def flag(value: bool) -> Value:
    return Value(ValueType.BOOL, struct.pack("<?", value))


def texts(values: Sequence[bytes]) -> Value:
    head = struct.pack("<IQ", ValueType.STRING, len(values))
    return Value(ValueType.ARRAY, head + b"".join(map(_packed, values)))


def integers(values: Sequence[int]) -> Value:
    head = struct.pack("<IQ", ValueType.INT32, len(values))
    return Value(ValueType.ARRAY, head + struct.pack(f"<{len(values)}i", *values))


@dataclass(frozen=True)
class Vocabulary:
    """The metadata of a tokenizer."""

    metadata: Mapping[str, Value]
    n_tokens: int


@dataclass(frozen=True)
class TensorPlan:
    name: str
    shape: tuple[int, ...]
    kind: str
    """Of ggml's types."""
    mean: float = 0.0

    @property
    def n_elements(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def n_bytes(self) -> int:
        kind = TENSOR_TYPES[TYPE_NUMBERS[self.kind]]
        return self.n_elements // kind.block_elements * kind.block_bytes


def write_model(
    path: Path,
    metadata: Mapping[str, Value],
    tensors: Sequence[TensorPlan],
    seed: int,
    known: Mapping[str, NDArray[Any]] = MappingProxyType({}),
) -> None:
    """Writes a model of random weights, the same for the same seed. Whole or not at all.

    `known`: the values of tensors that are not random; F32, F16, Q8_0 and I64 can be written.
    """
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    for key, value in metadata.items():
        parts += [_packed(key.encode()), struct.pack("<I", value.type), value.data]
    offset = 0
    for tensor in tensors:
        n = len(tensor.shape)
        parts += [_packed(tensor.name.encode()), struct.pack(f"<I{n}Q", n, *tensor.shape)]
        parts.append(struct.pack("<IQ", TYPE_NUMBERS[tensor.kind], offset))
        offset += tensor.n_bytes + -tensor.n_bytes % _ALIGNMENT
    header = b"".join(parts)
    generator = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        file.write(header + bytes(-len(header) % _ALIGNMENT))
        for tensor in tensors:
            if tensor.name in known:
                pieces = iter((encoded(tensor.kind, known[tensor.name]),))
            else:
                pieces = random_tensor(tensor.kind, tensor.n_elements, generator, mean=tensor.mean)
            for piece in pieces:
                file.write(piece)
            file.write(bytes(-tensor.n_bytes % _ALIGNMENT))
    partial.replace(path)


def read_vocabulary(
    path: Path, special: Mapping[int, str], added: Mapping[str, Value]
) -> Vocabulary:
    """The tokenizer of a GGUF file that is trusted, such as one of llama.cpp's own.

    Args:
        special: texts to put in the place of those tokens, which become control tokens; the files
            of llama.cpp have placeholders there.
        added: more metadata, or other.
    """
    found, data = _metadata_of(path)
    tokens = _texts_in(data, found["tokenizer.ggml.tokens"])
    kinds = _integers_in(data, found["tokenizer.ggml.token_type"])
    for token, content in special.items():
        tokens[token], kinds[token] = content.encode(), 3
    metadata = {
        key: Value(kind, data[start:end])
        for key, (kind, start, end) in found.items()
        if key.startswith("tokenizer.") and key != "tokenizer.chat_template"
    }
    metadata |= {
        "tokenizer.ggml.tokens": texts(tokens),
        "tokenizer.ggml.token_type": integers(kinds),
        **added,
    }
    return Vocabulary(metadata, len(tokens))


_Place = tuple[ValueType, int, int]
"""A value's type, and where its bytes begin and end."""


def _metadata_of(path: Path) -> tuple[dict[str, _Place], bytes]:
    data = path.read_bytes()
    (n_keys,) = struct.unpack_from("<Q", data, 16)
    found: dict[str, _Place] = {}
    at = 24
    for _ in range(n_keys):
        end = _end_of(data, at, ValueType.STRING)
        key = data[at + 8 : end].decode()
        kind = ValueType(struct.unpack_from("<I", data, end)[0])
        at = _end_of(data, end + 4, kind)
        found[key] = (kind, end + 4, at)
    return found, data


def _end_of(data: bytes, at: int, kind: ValueType) -> int:
    """Where the value that begins at `at` ends."""
    if kind is ValueType.STRING:
        return at + 8 + struct.unpack_from("<Q", data, at)[0]
    if kind is not ValueType.ARRAY:
        return at + struct.calcsize("<" + SCALAR_FORMATS[kind])
    element, n = struct.unpack_from("<IQ", data, at)
    at += 12
    if element != ValueType.STRING:
        return at + n * struct.calcsize("<" + SCALAR_FORMATS[ValueType(element)])
    for _ in range(n):
        at += 8 + struct.unpack_from("<Q", data, at)[0]
    return at


def _texts_in(data: bytes, place: _Place) -> list[bytes]:
    _, at, end = place
    at += 12
    found: list[bytes] = []
    while at < end:
        start, at = at + 8, _end_of(data, at, ValueType.STRING)
        found.append(data[start:at])
    return found


def _integers_in(data: bytes, place: _Place) -> list[int]:
    return np.frombuffer(data[place[1] + 12 : place[2]], "<i4").tolist()


def _packed(raw: bytes) -> bytes:
    return struct.pack("<Q", len(raw)) + raw
