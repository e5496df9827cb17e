"""Reads and checks the header of a GGUF file, in bounded time and memory, trusting nothing in it.

The runtime's own loader is C++ and has had out-of-bounds accesses for crafted files, and aborts the
process on some contradictions; so every file passes through here first. What is checked is what
the loader (`ggml/src/gguf.cpp`, llama.cpp as bundled with llama-cpp-python 0.3.36) relies on, and
a little more where a later stage of it would trust the header.

The `gguf` package is not used: it maps the file and follows the lengths in it without limits,
makes one numpy view per value, and turns a 150 000-token vocabulary into Python lists.

The file is read forward through a small window rather than mapped: reading a mapped file that
another process truncates meanwhile kills the process.
"""

from __future__ import annotations

import os
import stat
import struct
from io import FileIO
from pathlib import Path
from typing import NoReturn

import msgspec

from inference.errors import InvalidModelError, ModelNotFoundError
from inference.models.gguf_format import (
    DEFAULT_ALIGNMENT,
    MAGIC,
    MAX_ALIGNMENT,
    MAX_ARRAY_STRINGS,
    MAX_DIMENSIONS,
    MAX_KEPT_BYTES,
    MAX_KEPT_ITEMS,
    MAX_KEPT_TEXT_BYTES,
    MAX_KEY_BYTES,
    MAX_KEYS,
    MAX_METADATA_BYTES,
    MAX_TENSOR_NAME_BYTES,
    MAX_TENSORS,
    MAX_VOCABULARY,
    SCALAR_FORMATS,
    TENSOR_TYPES,
    VERSIONS,
    TensorType,
    ValueType,
)

Scalar = int | float | bool | str

_TOKENS_KEY = "tokenizer.ggml.tokens"
_WINDOW_BYTES = 256 * 2**10
_UINT64 = struct.Struct("<Q").unpack_from
_DAMAGED = "download it again or choose another model"


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


def shown(text: str | bytes) -> str:
    """Text out of a file, made safe and short for a message."""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return repr(plain if len(plain) <= 60 else plain[:57] + "...")


def invalid(path: Path, found: str, expected: str, advice: str = _DAMAGED) -> InvalidModelError:
    """The one form all refusals of a file have."""
    name = str(path).encode("utf-8", "backslashreplace").decode()
    return InvalidModelError(
        f"The model file {name} cannot be used: {found}, where {expected} was expected; {advice}."
    )


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
            return _HeaderReader(path, file, wanted_tokens).read()
    except (OSError, ValueError) as error:
        name = str(path).encode("utf-8", "backslashreplace").decode()
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ModelNotFoundError(
            f"The model file {name} cannot be read ({why}); check the path and its permissions."
        ) from error


class _HeaderReader:
    """One pass over one file. `_at` is what is being read, for messages."""

    def __init__(self, path: Path, file: FileIO, wanted_tokens: frozenset[str]) -> None:
        self._path = path
        self._file = file
        self._file_bytes = os.fstat(file.fileno()).st_size
        self._wanted_tokens = {text.encode(): text for text in wanted_tokens}
        self._token_ids: dict[str, int] = {}
        self._window = b""
        self._cursor = 0
        self._window_end = 0
        self._kept_bytes = 0
        self._n_array_strings = 0
        self._at = "the header"

    def read(self) -> GgufHeader:
        self._check_magic()
        version = self._check_version()
        n_tensors = self._count("tensors", MAX_TENSORS)
        n_keys = self._count("metadata keys", MAX_KEYS)
        metadata = self._metadata(n_keys)
        alignment = self._alignment(metadata)
        tensors = self._tensors(n_tensors)
        self._at = "the start of the tensor data"
        data_offset = self._position + -self._position % alignment
        self._check_layout(tensors, data_offset, alignment)
        return GgufHeader(
            path=self._path,
            version=version,
            file_bytes=self._file_bytes,
            data_offset=data_offset,
            metadata=metadata,
            tensors=tensors,
            token_ids=self._token_ids,
        )

    # The parts of a header, in their order in the file.

    def _check_magic(self) -> None:
        if self._file_bytes == 0:
            self._fail("an empty file", "a GGUF model")
        start = self._take(min(self._file_bytes, len(MAGIC)))
        if start == MAGIC:
            return
        known = _recognised(start + self._take(min(self._file_bytes - len(start), 60)))
        self._fail(known or f"a file that starts with {shown(start)}", "a GGUF model")

    def _check_version(self) -> int:
        version = self._u32()
        if version & 0xFFFF == 0:
            self._fail("a big-endian GGUF", "a little-endian one")
        if version not in VERSIONS:
            advice = "update Sotto" if version > VERSIONS[-1] else "convert it anew"
            self._fail(f"GGUF version {version}", "version 2 or 3", advice)
        return version

    def _count(self, what: str, limit: int) -> int:
        n = self._u64()
        if n > limit:
            self._fail(f"a header that announces {n} {what}", f"at most {limit}")
        return n

    def _metadata(self, n_keys: int) -> dict[str, MetadataValue]:
        metadata: dict[str, MetadataValue] = {}
        for key_idx in range(n_keys):
            self._at = f"metadata key {key_idx + 1} of {n_keys}"
            key = self._name(MAX_KEY_BYTES, "key")
            if key in metadata:
                self._fail(f"the metadata key {shown(key)} twice", "each key once")
            self._at = f"the metadata key {shown(key)}"
            metadata[key] = self._value(key)
            if self._position > MAX_METADATA_BYTES:
                self._fail("metadata of more than 512 MiB", "a few megabytes")
        return metadata

    def _value(self, key: str) -> MetadataValue:
        kind = self._value_type()
        if kind is not ValueType.ARRAY:
            return MetadataValue(kind, self._scalar(kind))
        element = self._value_type()
        n = self._u64()
        if element is ValueType.ARRAY:
            self._fail(f"an array of arrays for {shown(key)}", "an array of plain values")
        if element is ValueType.STRING:
            self._strings(n, key)
            return MetadataValue(element, None, n)
        return MetadataValue(element, self._numbers(element, n), n)

    def _value_type(self) -> ValueType:
        number = self._u32()
        try:
            return ValueType(number)
        except ValueError:
            self._fail(f"value type {number} in {self._at}", "one from 0 to 12")

    def _scalar(self, kind: ValueType) -> Scalar | None:
        if kind is ValueType.STRING:
            n = self._length()
            if n > MAX_KEPT_TEXT_BYTES or self._kept_bytes + n > MAX_KEPT_BYTES:
                self._skip(n)
                return None
            self._kept_bytes += n
            return self._take(n).decode("utf-8", "backslashreplace")
        layout = struct.Struct("<" + SCALAR_FORMATS[kind])
        number: int | float = layout.unpack(self._take(layout.size))[0]
        if kind is not ValueType.BOOL:
            return number
        if number not in (0, 1):
            self._fail(f"the byte {number} as a truth value in {self._at}", "0 or 1")
        return bool(number)

    def _numbers(self, element: ValueType, n: int) -> tuple[Scalar, ...] | None:
        code = SCALAR_FORMATS[element]
        size = struct.calcsize("<" + code)
        if n > self._remaining // size:
            self._fail(f"an array of {n} values in {self._at}", f"{self._remaining} bytes at most")
        if n > MAX_KEPT_ITEMS or self._kept_bytes + n * size > MAX_KEPT_BYTES:
            self._skip(n * size)
            return None
        self._kept_bytes += n * size
        numbers: tuple[int | float, ...] = struct.unpack(f"<{n}{code}", self._take(n * size))
        return tuple(bool(x) for x in numbers) if element is ValueType.BOOL else numbers

    def _strings(self, n: int, key: str) -> None:
        self._n_array_strings += n
        limit = MAX_VOCABULARY if key == _TOKENS_KEY else MAX_ARRAY_STRINGS
        if n > min(limit, self._remaining // 8) or self._n_array_strings > MAX_ARRAY_STRINGS:
            most = min(limit, self._remaining // 8)
            self._fail(f"an array of {n} texts in {self._at}", f"at most {most}")
        if key != _TOKENS_KEY:
            self._walk_strings(n, None)
            return
        # The runtime aborts the process when two tokens have the same text.
        texts: set[bytes] = set()
        self._walk_strings(n, texts)
        if len(texts) != n:
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
            self._at = f"tensor {tensor_idx + 1} of {n_tensors}"
            tensor = self._tensor()
            if tensor.name in names:
                self._fail(f"the tensor {shown(tensor.name)} twice", "each tensor once")
            names.add(tensor.name)
            tensors.append(tensor)
        return tuple(tensors)

    def _tensor(self) -> TensorInfo:
        name = self._name(MAX_TENSOR_NAME_BYTES, "tensor name")
        self._at = f"the tensor {shown(name)}"
        n_dimensions = self._u32()
        if not 1 <= n_dimensions <= MAX_DIMENSIONS:
            self._fail(f"{n_dimensions} dimensions in {self._at}", "1 to 4")
        shape = tuple(self._u64() for _ in range(n_dimensions))
        type_number = self._u32()
        kind = TENSOR_TYPES.get(type_number)
        if kind is None:
            self._fail(f"the tensor type {type_number} in {self._at}", "a type of ggml")
        tensor = TensorInfo(name, shape, kind, self._u64())
        if 0 in shape or shape[0] % kind.block_elements:
            rows = f"rows of a multiple of {kind.block_elements} values"
            self._fail(f"the shape {shape} for {kind.name} data in {self._at}", rows)
        # Python's integers do not overflow, so this also refuses what would overflow in C++.
        if tensor.n_bytes > self._file_bytes:
            self._fail(
                f"{tensor.n_bytes} bytes for {self._at} in a file of {self._file_bytes}",
                "no more than the file holds",
            )
        return tensor

    def _check_layout(
        self, tensors: tuple[TensorInfo, ...], data_offset: int, alignment: int
    ) -> None:
        """The runtime takes tensors only back to back in their order, each padded."""
        expected = 0
        for tensor in tensors:
            if tensor.offset != expected:
                found = f"the tensor {shown(tensor.name)} at data offset {tensor.offset}"
                self._fail(found, f"the aligned end of the one before, {expected},")
            end = data_offset + tensor.offset + tensor.n_bytes
            if end > self._file_bytes:
                self._fail(
                    f"{self._file_bytes} bytes and the end of the tensor {shown(tensor.name)}"
                    f" at {end}",
                    "a whole file",
                    "it was cut short: download it again",
                )
            expected += tensor.n_bytes + -tensor.n_bytes % alignment

    # Reading. Every length is held against what the file still has before anything is read.

    @property
    def _position(self) -> int:
        return self._window_end - len(self._window) + self._cursor

    @property
    def _remaining(self) -> int:
        return self._file_bytes - self._position

    def _take(self, n: int) -> bytes:
        if n > self._remaining:
            self._fail_truncated(n)
        if self._cursor + n > len(self._window):
            self._refill(n)
        data = self._window[self._cursor : self._cursor + n]
        self._cursor += n
        return data

    def _refill(self, at_least: int) -> None:
        parts = [self._window[self._cursor :]]
        have = len(parts[0])
        while have < at_least:
            part = self._file.read(max(_WINDOW_BYTES, at_least) - have)
            if not part:
                self._fail_truncated(at_least - have)
            parts.append(part)
            have += len(part)
            self._window_end += len(part)
        self._window = b"".join(parts)
        self._cursor = 0

    def _skip(self, n: int) -> None:
        if n > self._remaining:
            self._fail_truncated(n)
        if self._cursor + n <= len(self._window):
            self._cursor += n
            return
        self._window_end = self._file.seek(self._position + n)
        self._window, self._cursor = b"", 0

    def _u32(self) -> int:
        return int.from_bytes(self._take(4), "little")

    def _u64(self) -> int:
        return int.from_bytes(self._take(8), "little")

    def _length(self) -> int:
        n = self._u64()
        if n > self._remaining:
            self._fail_truncated(n)
        return n

    def _name(self, limit: int, what: str) -> str:
        n = self._u64()
        if not 1 <= n <= limit:
            self._fail(f"a {what} of {n} bytes at {self._at}", f"1 to {limit}")
        name = self._take(n)
        # The runtime compares names up to the first NUL, so two different ones could be the same.
        if min(name) < 0x20:
            self._fail(f"control characters in the {what} {shown(name)}", "plain text")
        return name.decode("utf-8", "backslashreplace")

    def _walk_strings(self, n: int, texts: set[bytes] | None) -> None:
        """Steps over `n` strings; those of a vocabulary go into `texts`."""
        left = n
        while left:
            window, cursor = self._window, self._cursor
            last = len(window) - 8
            while left and cursor <= last:
                start = cursor + 8
                end = start + _UINT64(window, cursor)[0]
                if end > len(window):
                    break
                if texts is not None:
                    self._add_token(window[start:end], n - left, texts)
                cursor = end
                left -= 1
            self._cursor = cursor
            if left:
                length = self._length()
                if texts is None:
                    self._skip(length)
                elif length > MAX_KEPT_TEXT_BYTES:
                    self._fail(f"a token of {length} bytes", f"at most {MAX_KEPT_TEXT_BYTES}")
                else:
                    self._add_token(self._take(length), n - left, texts)
                left -= 1
            if self._position > MAX_METADATA_BYTES:
                self._fail("metadata of more than 512 MiB", "a few megabytes")

    def _add_token(self, token: bytes, token_id: int, texts: set[bytes]) -> None:
        # The runtime takes a token up to its first NUL, and renames empty ones like this.
        text = token.split(b"\0", 1)[0] or b"[EMPTY_%d]" % token_id
        texts.add(text)
        if text in self._wanted_tokens:
            self._token_ids[self._wanted_tokens[text]] = token_id

    def _fail_truncated(self, n: int) -> NoReturn:
        self._fail(
            f"{self._file_bytes} bytes and {n} more announced at {self._at}",
            "a whole file",
            "it was cut short or is damaged: download it again",
        )

    def _fail(self, found: str, expected: str, advice: str = _DAMAGED) -> NoReturn:
        raise invalid(self._path, found, expected, advice)


def _recognised(start: bytes) -> str | None:
    """What a file is that people mistake for a GGUF."""
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer instead of the file itself (`git lfs pull` fetches it)"
    if start.startswith((b"tjgg", b"fmgg", b"lmgg")):
        return "a model in llama.cpp's old GGML format"
    if start.startswith((b"PK\x03\x04", b"\x80\x02")):
        return "a PyTorch checkpoint"
    if start[8:10] == b'{"':
        return "a safetensors file"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "a web page, so the download went wrong"
    return None
