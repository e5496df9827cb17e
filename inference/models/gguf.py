"""Reads and checks the header of a GGUF file, in bounded time and memory, trusting nothing in it.

The runtime's own loader is C++ and has had out-of-bounds accesses for crafted files, and aborts the
process on some contradictions; so every file passes through here first. What is checked is what
the loader (`ggml/src/gguf.cpp`, llama.cpp as bundled with llama-cpp-python 0.3.36) relies on, and
a little more where a later stage of it would trust the header.

The `gguf` package is not used: it maps the file and follows the lengths in it without limits,
makes one numpy view per value, and turns a 150 000-token vocabulary into Python lists.
"""

from __future__ import annotations

import stat
import struct
from io import FileIO
from pathlib import Path
from typing import NoReturn

import msgspec

from inference.models.file_window import FileWindow
from inference.models.gguf_format import (
    DEFAULT_ALIGNMENT,
    MAGIC,
    MAX_ALIGNMENT,
    MAX_ARRAY_STRINGS,
    MAX_DIMENSIONS,
    MAX_HEADER_BYTES,
    MAX_KEPT_BYTES,
    MAX_KEPT_ITEMS,
    MAX_KEPT_TEXT_BYTES,
    MAX_KEY_BYTES,
    MAX_KEYS,
    MAX_TENSOR_NAME_BYTES,
    MAX_TENSORS,
    MAX_TOKEN_BYTES,
    MAX_VOCABULARY,
    SCALAR_FORMATS,
    TENSOR_TYPES,
    VERSIONS,
    TensorType,
    ValueType,
)
from inference.models.refusals import invalid, recognised, shown, unreadable

Scalar = int | float | bool | str

_TOKENS_KEY = "tokenizer.ggml.tokens"


class MetadataValue(msgspec.Struct, frozen=True):
    """One value of the header. An array has a `length`; then `type` is that of its elements."""

    type: ValueType
    value: Scalar | tuple[Scalar, ...] | None
    """None where it is too long to be kept (a vocabulary, a long text) or an array of strings."""
    length: int | None = None


class TensorInfo(msgspec.Struct, frozen=True):
    name: str
    shape: tuple[int, ...]
    type: TensorType
    offset: int
    """Bytes from the start of the data section."""

    @property
    def n_elements(self) -> int:
        n = 1
        for dimension in self.shape:
            n *= dimension
        return n

    @property
    def n_bytes(self) -> int:
        return self.n_elements // self.type.block_elements * self.type.block_bytes


class GgufHeader(msgspec.Struct, frozen=True):
    """A header that was checked against its file."""

    path: Path
    version: int
    file_bytes: int
    data_offset: int
    metadata: dict[str, MetadataValue]
    tensors: tuple[TensorInfo, ...]
    token_ids: dict[str, int]
    """Ids of those texts in the vocabulary that the caller asked for."""

    def get(self, key: str) -> Scalar | tuple[Scalar, ...] | None:
        entry = self.metadata.get(key)
        return None if entry is None else entry.value


def read_header(path: Path, wanted_tokens: frozenset[str] = frozenset()) -> GgufHeader:
    """Reads and checks all of the file's header, and its size against the tensors it declares.

    Never reads tensor data. Takes well under a second for the largest headers there are.

    Raises `ModelNotFoundError` or `InvalidModelError`.
    """
    try:
        # A pipe would block in open(), so the kind of file is looked at before.
        if not stat.S_ISREG(path.stat().st_mode):
            raise invalid(path, "a folder or a special file", "a regular file", "choose a .gguf")
        with FileIO(path) as file:
            return _HeaderReader(FileWindow(path, file, MAX_HEADER_BYTES), wanted_tokens).read()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


class _HeaderReader:
    """One pass over one file."""

    def __init__(self, window: FileWindow, wanted_tokens: frozenset[str]) -> None:
        self._window = window
        self._wanted_tokens = {text.encode(): text for text in wanted_tokens}
        self._token_ids: dict[str, int] = {}
        self._kept_bytes = 0
        self._n_array_strings = 0

    def read(self) -> GgufHeader:
        self._check_magic()
        version = self._check_version()
        n_tensors = self._count("tensors", MAX_TENSORS)
        n_keys = self._count("metadata keys", MAX_KEYS)
        metadata = self._metadata(n_keys)
        alignment = self._alignment(metadata)
        tensors = self._tensors(n_tensors)
        self._window.at = "the start of the tensor data"
        data_offset = self._window.position + -self._window.position % alignment
        self._check_layout(tensors, data_offset, alignment)
        return GgufHeader(
            path=self._window.path,
            version=version,
            file_bytes=self._window.file_bytes,
            data_offset=data_offset,
            metadata=metadata,
            tensors=tensors,
            token_ids=self._token_ids,
        )

    # The parts of a header, in their order in the file.

    def _check_magic(self) -> None:
        if self._window.file_bytes == 0:
            self._fail("an empty file", "a GGUF model")
        start = self._window.take(min(self._window.file_bytes, len(MAGIC)))
        if start == MAGIC:
            return
        known = recognised(start + self._window.take(min(self._window.file_bytes - len(start), 60)))
        self._fail(known or f"a file that starts with {shown(start)}", "a GGUF model")

    def _check_version(self) -> int:
        version = self._window.u32()
        if version & 0xFFFF == 0:
            self._fail("a big-endian GGUF", "a little-endian one")
        if version not in VERSIONS:
            advice = "update Sotto" if version > VERSIONS[-1] else "convert it anew"
            self._fail(f"GGUF version {version}", "version 2 or 3", advice)
        return version

    def _count(self, what: str, limit: int) -> int:
        n = self._window.u64()
        if n > limit:
            self._fail(f"a header that announces {n} {what}", f"at most {limit}")
        return n

    def _metadata(self, n_keys: int) -> dict[str, MetadataValue]:
        metadata: dict[str, MetadataValue] = {}
        for key_idx in range(n_keys):
            self._window.at = f"metadata key {key_idx + 1} of {n_keys}"
            key = self._name(MAX_KEY_BYTES, "key")
            if key in metadata:
                self._fail(f"the metadata key {shown(key)} twice", "each key once")
            self._window.at = f"the metadata key {shown(key)}"
            metadata[key] = self._value(key)
        return metadata

    def _value(self, key: str) -> MetadataValue:
        kind = self._value_type()
        if kind is not ValueType.ARRAY:
            return MetadataValue(kind, self._scalar(kind))
        element = self._value_type()
        n = self._window.u64()
        if element is ValueType.ARRAY:
            self._fail(f"an array of arrays for {shown(key)}", "an array of plain values")
        if element is ValueType.STRING:
            self._strings(n, key)
            return MetadataValue(element, None, n)
        return MetadataValue(element, self._numbers(element, n), n)

    def _value_type(self) -> ValueType:
        number = self._window.u32()
        try:
            return ValueType(number)
        except ValueError:
            self._fail(f"value type {number} in {self._window.at}", "one from 0 to 12")

    def _scalar(self, kind: ValueType) -> Scalar | None:
        if kind is ValueType.STRING:
            n = self._window.length()
            if n > MAX_KEPT_TEXT_BYTES or self._kept_bytes + n > MAX_KEPT_BYTES:
                self._window.skip(n)
                return None
            self._kept_bytes += n
            return self._window.take(n).decode("utf-8", "backslashreplace")
        layout = struct.Struct("<" + SCALAR_FORMATS[kind])
        number: int | float = layout.unpack(self._window.take(layout.size))[0]
        if kind is not ValueType.BOOL:
            return number
        if number not in (0, 1):
            self._fail(f"the byte {number} as a truth value in {self._window.at}", "0 or 1")
        return bool(number)

    def _numbers(self, element: ValueType, n: int) -> tuple[Scalar, ...] | None:
        code = SCALAR_FORMATS[element]
        size = struct.calcsize("<" + code)
        if n > self._window.remaining // size:
            self._fail(
                f"an array of {n} values in {self._window.at}",
                f"{self._window.remaining} bytes at most",
            )
        if n > MAX_KEPT_ITEMS or self._kept_bytes + n * size > MAX_KEPT_BYTES:
            self._window.skip(n * size)
            return None
        self._kept_bytes += n * size
        numbers: tuple[int | float, ...] = struct.unpack(f"<{n}{code}", self._window.take(n * size))
        return tuple(bool(x) for x in numbers) if element is ValueType.BOOL else numbers

    def _strings(self, n: int, key: str) -> None:
        self._n_array_strings += n
        limit = MAX_VOCABULARY if key == _TOKENS_KEY else MAX_ARRAY_STRINGS
        most = min(limit, self._window.remaining // 8)
        if n > most or self._n_array_strings > MAX_ARRAY_STRINGS:
            self._fail(f"an array of {n} texts in {self._window.at}", f"at most {most}")
        if key != _TOKENS_KEY:
            self._window.walk_strings(n)
            return
        # The runtime aborts the process when two tokens have the same text. Hashes of 64 bits,
        # salted by this process, take less memory than the texts and are as good.
        hashes: set[int] = set()

        def see(token_id: int, token: bytes) -> None:
            # The runtime takes a token up to its first NUL, and renames empty ones like this.
            text = token.split(b"\0", 1)[0] or b"[EMPTY_%d]" % token_id
            hashes.add(hash(text))
            if text in self._wanted_tokens:
                self._token_ids[self._wanted_tokens[text]] = token_id

        self._window.walk_strings(n, MAX_TOKEN_BYTES, see)
        if len(hashes) != n:
            self._fail("a vocabulary with the same token twice", "each token once")

    def _alignment(self, metadata: dict[str, MetadataValue]) -> int:
        entry = metadata.get("general.alignment")
        if entry is None:
            return DEFAULT_ALIGNMENT
        value = entry.value
        if (
            entry.type is not ValueType.UINT32
            or not isinstance(value, int)
            or not 8 <= value <= MAX_ALIGNMENT
            or value & (value - 1)
        ):
            self._fail(f"the alignment {value}", "a power of two from 8 to 65536")
        return value

    def _tensors(self, n_tensors: int) -> tuple[TensorInfo, ...]:
        tensors: list[TensorInfo] = []
        names: set[str] = set()
        for tensor_idx in range(n_tensors):
            self._window.at = f"tensor {tensor_idx + 1} of {n_tensors}"
            tensor = self._tensor()
            if tensor.name in names:
                self._fail(f"the tensor {shown(tensor.name)} twice", "each tensor once")
            names.add(tensor.name)
            tensors.append(tensor)
        return tuple(tensors)

    def _tensor(self) -> TensorInfo:
        name = self._name(MAX_TENSOR_NAME_BYTES, "tensor name")
        self._window.at = f"the tensor {shown(name)}"
        n_dimensions = self._window.u32()
        if not 1 <= n_dimensions <= MAX_DIMENSIONS:
            self._fail(f"{n_dimensions} dimensions in {self._window.at}", "1 to 4")
        shape = tuple(self._window.u64() for _ in range(n_dimensions))
        type_number = self._window.u32()
        kind = TENSOR_TYPES.get(type_number)
        if kind is None:
            self._fail(f"the tensor type {type_number} in {self._window.at}", "a type of ggml")
        tensor = TensorInfo(name, shape, kind, self._window.u64())
        if 0 in shape or shape[0] % kind.block_elements:
            rows = f"rows of a multiple of {kind.block_elements} values"
            self._fail(f"the shape {shape} for {kind.name} data in {self._window.at}", rows)
        # Python's integers do not overflow, so this also refuses what would overflow in C++.
        if tensor.n_bytes > self._window.file_bytes:
            self._fail(
                f"{tensor.n_bytes} bytes for {self._window.at}",
                f"no more than the file's {self._window.file_bytes}",
            )
        return tensor

    def _check_layout(
        self, tensors: tuple[TensorInfo, ...], data_offset: int, alignment: int
    ) -> None:
        """The runtime takes tensors only back to back in their order, each padded."""
        expected = 0
        file_bytes = self._window.file_bytes
        for tensor in tensors:
            if tensor.offset != expected:
                found = f"the tensor {shown(tensor.name)} at data offset {tensor.offset}"
                self._fail(found, f"the aligned end of the one before, {expected},")
            end = data_offset + tensor.offset + tensor.n_bytes
            if end > file_bytes:
                self._fail(
                    f"{file_bytes} bytes and the end of the tensor {shown(tensor.name)} at {end}",
                    "a whole file",
                    "it was cut short: download it again",
                )
            expected += tensor.n_bytes + -tensor.n_bytes % alignment

    def _name(self, limit: int, what: str) -> str:
        n = self._window.u64()
        if not 1 <= n <= limit:
            self._fail(f"a {what} of {n} bytes at {self._window.at}", f"1 to {limit}")
        name = self._window.take(n)
        # The runtime compares names up to the first NUL, so two different ones could be the same.
        if min(name) < 0x20:
            self._fail(f"control characters in the {what} {shown(name)}", "plain text")
        return name.decode("utf-8", "backslashreplace")

    def _fail(self, found: str, expected: str, advice: str | None = None) -> NoReturn:
        path = self._window.path
        raise invalid(path, found, expected, advice) if advice else invalid(path, found, expected)
