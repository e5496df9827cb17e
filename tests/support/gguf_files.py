"""Writes small GGUF files, valid and broken, byte by byte with `struct`."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from inference.models.gguf_format import SCALAR_FORMATS, TENSOR_TYPES, ValueType


@dataclass(frozen=True)
class Value:
    """A metadata value: its type number and its bytes."""

    type: int
    data: bytes


def packed_text(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(raw)) + raw


def text(value: str | bytes) -> Value:
    return Value(ValueType.STRING, packed_text(value))


def scalar(kind: ValueType, value: float) -> Value:
    return Value(kind, struct.pack("<" + SCALAR_FORMATS[kind], value))


def u32(value: int) -> Value:
    return scalar(ValueType.UINT32, value)


def f32(value: float) -> Value:
    return scalar(ValueType.FLOAT32, value)


def flag(value: bool) -> Value:
    return scalar(ValueType.BOOL, value)


def texts(values: Iterable[str | bytes]) -> Value:
    items = [packed_text(value) for value in values]
    head = struct.pack("<IQ", ValueType.STRING, len(items))
    return Value(ValueType.ARRAY, head + b"".join(items))


def numbers(kind: ValueType, values: Sequence[float]) -> Value:
    head = struct.pack("<IQ", kind, len(values))
    body = struct.pack(f"<{len(values)}{SCALAR_FORMATS[kind]}", *values)
    return Value(ValueType.ARRAY, head + body)


@dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    type_number: int = 0
    offset: int | None = None
    """None places it right after the one before."""

    @property
    def n_bytes(self) -> int:
        kind = TENSOR_TYPES[self.type_number]
        return math.prod(self.shape) // kind.block_elements * kind.block_bytes


@dataclass(frozen=True)
class Gguf:
    """A file to be written. Whatever is not overridden comes out consistent."""

    metadata: tuple[tuple[str | bytes, Value], ...] = ()
    tensors: tuple[Tensor, ...] = ()
    magic: bytes = b"GGUF"
    version: int = 3
    n_keys: int | None = None
    n_tensors: int | None = None
    alignment: int = 32
    seed: int | None = None
    """Fills F32 tensors with small random numbers; None leaves zeros."""
    contents: tuple[tuple[str, bytes], ...] = ()
    """Tensors' bytes, by name, where they are given."""

    def having(self, **values: Value | None) -> Gguf:
        """With these keys added, replaced or (None) removed; `__` in a name stands for a dot."""
        changed = {name.replace("__", "."): value for name, value in values.items()}
        kept = [(key, value) for key, value in self.metadata if key not in changed]
        added = [(key, value) for key, value in changed.items() if value is not None]
        return replace(self, metadata=(*kept, *added))

    def header(self) -> bytes:
        parts = [
            self.magic,
            struct.pack(
                "<IQQ",
                self.version,
                len(self.tensors) if self.n_tensors is None else self.n_tensors,
                len(self.metadata) if self.n_keys is None else self.n_keys,
            ),
        ]
        for key, value in self.metadata:
            parts += [packed_text(key), struct.pack("<I", value.type), value.data]
        offset = 0
        for tensor in self.tensors:
            place = offset if tensor.offset is None else tensor.offset
            n_dimensions = len(tensor.shape)
            parts += [
                packed_text(tensor.name),
                struct.pack(f"<I{n_dimensions}Q", n_dimensions, *tensor.shape),
                struct.pack("<IQ", tensor.type_number, place),
            ]
            if tensor.type_number in TENSOR_TYPES:
                offset += tensor.n_bytes + -tensor.n_bytes % self.alignment
        return b"".join(parts)

    def data(self) -> bytes:
        generator = random.Random(self.seed)
        parts: list[bytes] = []
        given = dict(self.contents)
        for tensor in self.tensors:
            if tensor.name in given:
                parts.append(given[tensor.name])
            elif self.seed is not None and tensor.type_number == 0:
                n = math.prod(tensor.shape)
                parts.append(struct.pack(f"<{n}f", *(generator.gauss(0, 0.1) for _ in range(n))))
            else:
                parts.append(bytes(tensor.n_bytes))
            parts.append(bytes(-tensor.n_bytes % self.alignment))
        return b"".join(parts)

    def to_bytes(self) -> bytes:
        header = self.header()
        return header + bytes(-len(header) % self.alignment) + self.data()


def byte_vocabulary() -> list[str]:
    """The 256 texts byte-level BPE has for single bytes (as GPT-2's `bytes_to_unicode`)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    character = {byte: chr(byte) for byte in plain}
    character |= {byte: chr(0x100 + i) for i, byte in enumerate(others)}
    return [character[byte] for byte in range(256)]


FIM_TEXTS = ("<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")


def tiny_model(arch: str = "qwen3", *, n_layers: int = 1, seed: int | None = None) -> Gguf:
    """The smallest model of Qwen's shape that the runtime loads and runs (arch qwen3 or qwen2)."""
    width, n_heads, n_kv_heads, head, inner = 32, 2, 1, 16, 32
    tokens = [*byte_vocabulary(), *FIM_TEXTS]
    n_vocab, end = len(tokens), 256
    metadata: list[tuple[str | bytes, Value]] = [
        ("general.architecture", text(arch)),
        ("general.name", text("crafted")),
        ("general.file_type", u32(0)),
        (f"{arch}.block_count", u32(n_layers)),
        (f"{arch}.context_length", u32(256)),
        (f"{arch}.embedding_length", u32(width)),
        (f"{arch}.feed_forward_length", u32(inner)),
        (f"{arch}.attention.head_count", u32(n_heads)),
        (f"{arch}.attention.head_count_kv", u32(n_kv_heads)),
        (f"{arch}.attention.key_length", u32(head)),
        (f"{arch}.attention.value_length", u32(head)),
        (f"{arch}.attention.layer_norm_rms_epsilon", f32(1e-6)),
        (f"{arch}.rope.freq_base", f32(10_000)),
        (f"{arch}.rope.dimension_count", u32(head)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("qwen2")),
        ("tokenizer.ggml.tokens", texts(tokens)),
        ("tokenizer.ggml.token_type", numbers(ValueType.INT32, [1] * end + [3] * len(FIM_TEXTS))),
        ("tokenizer.ggml.merges", texts(["a b"])),
        ("tokenizer.ggml.eos_token_id", u32(end)),
        ("tokenizer.ggml.bos_token_id", u32(end)),
        ("tokenizer.ggml.add_bos_token", flag(False)),
        ("tokenizer.ggml.fim_pre_token_id", u32(end + 1)),
        ("tokenizer.ggml.fim_mid_token_id", u32(end + 2)),
        ("tokenizer.ggml.fim_suf_token_id", u32(end + 3)),
    ]
    tensors = [
        Tensor("token_embd.weight", (width, n_vocab)),
        Tensor("output_norm.weight", (width,)),
    ]
    for layer in range(n_layers):
        block = f"blk.{layer}."
        tensors += [
            Tensor(block + "attn_norm.weight", (width,)),
            Tensor(block + "attn_q.weight", (width, n_heads * head)),
            Tensor(block + "attn_k.weight", (width, n_kv_heads * head)),
            Tensor(block + "attn_v.weight", (width, n_kv_heads * head)),
            Tensor(block + "attn_output.weight", (n_heads * head, width)),
            Tensor(block + "ffn_norm.weight", (width,)),
            Tensor(block + "ffn_gate.weight", (width, inner)),
            Tensor(block + "ffn_up.weight", (width, inner)),
            Tensor(block + "ffn_down.weight", (inner, width)),
        ]
        if arch == "qwen3":
            tensors += [
                Tensor(block + "attn_q_norm.weight", (head,)),
                Tensor(block + "attn_k_norm.weight", (head,)),
            ]
        else:
            tensors += [
                Tensor(block + "attn_q.bias", (n_heads * head,)),
                Tensor(block + "attn_k.bias", (n_kv_heads * head,)),
                Tensor(block + "attn_v.bias", (n_kv_heads * head,)),
            ]
    return Gguf(metadata=tuple(metadata), tensors=tuple(tensors), seed=seed)
