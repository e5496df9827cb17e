from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from inference.errors import InvalidModelError, ModelNotFoundError
from inference.models import gguf_format
from inference.models.gguf import GgufHeader, read_header
from inference.models.gguf_format import ValueType
from tests.support.gguf_files import (
    Gguf,
    Tensor,
    Value,
    f32,
    flag,
    numbers,
    packed_text,
    scalar,
    text,
    texts,
    tiny_model,
    u32,
)

Write = Callable[[bytes | Gguf], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: bytes | Gguf) -> Path:
        path = tmp_path / "model.gguf"
        path.write_bytes(content.to_bytes() if isinstance(content, Gguf) else content)
        return path

    return write_file


def read(write: Write, content: bytes | Gguf) -> GgufHeader:
    return read_header(write(content))


def refused(write: Write, content: bytes | Gguf) -> str:
    with pytest.raises(InvalidModelError) as caught:
        read(write, content)
    message = str(caught.value)
    assert "model.gguf" in message
    assert "expected" in message
    assert message.endswith(".")
    return message


def test_reads_every_type_of_value(write: Write) -> None:
    header = read(
        write,
        Gguf(
            metadata=(
                ("u8", scalar(ValueType.UINT8, 255)),
                ("i8", scalar(ValueType.INT8, -1)),
                ("u16", scalar(ValueType.UINT16, 65535)),
                ("i16", scalar(ValueType.INT16, -2)),
                ("u32", u32(2**32 - 1)),
                ("i32", scalar(ValueType.INT32, -3)),
                ("f32", f32(0.5)),
                ("yes", flag(True)),
                ("text", text("naïve ☃")),
                ("u64", scalar(ValueType.UINT64, 2**64 - 1)),
                ("i64", scalar(ValueType.INT64, -4)),
                ("f64", scalar(ValueType.FLOAT64, 0.25)),
                ("numbers", numbers(ValueType.INT32, [1, -2, 3])),
                ("flags", numbers(ValueType.BOOL, [1, 0])),
                ("texts", texts(["a", "", "b" * 300_000])),
            )
        ),
    )
    values = {key: header.get(key) for key in header.metadata}
    assert values == {
        "u8": 255,
        "i8": -1,
        "u16": 65535,
        "i16": -2,
        "u32": 2**32 - 1,
        "i32": -3,
        "f32": 0.5,
        "yes": True,
        "text": "naïve ☃",
        "u64": 2**64 - 1,
        "i64": -4,
        "f64": 0.25,
        "numbers": (1, -2, 3),
        "flags": (True, False),
        "texts": None,
    }
    assert header.metadata["texts"].length == 3


def test_version_2_has_the_same_layout(write: Write) -> None:
    assert read(write, replace(tiny_model(), version=2)).version == 2


def test_describes_tensors_and_where_their_data_starts(write: Write) -> None:
    gguf = Gguf(tensors=(Tensor("a", (32, 3), 8), Tensor("b", (7,))))
    header = read(write, gguf)
    first, second = header.tensors
    assert (first.name, first.shape, first.type.name, first.n_bytes) == ("a", (32, 3), "Q8_0", 102)
    assert (second.offset, second.n_elements, second.n_bytes) == (128, 7, 28)
    assert header.data_offset % 32 == 0
    assert header.file_bytes == header.data_offset + 128 + 32


def test_an_alignment_of_its_own_is_followed(write: Write) -> None:
    gguf = replace(tiny_model(), alignment=64).having(general__alignment=u32(64))
    assert read(write, gguf).data_offset % 64 == 0


def test_finds_wanted_tokens_and_keeps_no_others(write: Write) -> None:
    path = write(tiny_model())
    header = read_header(path, frozenset({"<|fim_prefix|>", "<fim_prefix>"}))
    assert header.token_ids == {"<|fim_prefix|>": 257}


def test_long_values_are_checked_and_skipped(write: Write) -> None:
    long = "x" * (gguf_format.MAX_KEPT_TEXT_BYTES + 1)
    many = numbers(ValueType.INT32, range(gguf_format.MAX_KEPT_ITEMS + 1))
    header = read(write, Gguf(metadata=(("long", text(long)), ("many", many), ("end", u32(1)))))
    assert header.get("long") is None
    assert header.get("many") is None
    assert header.metadata["many"].length == gguf_format.MAX_KEPT_ITEMS + 1
    assert header.get("end") == 1


def test_texts_that_are_no_utf8_do_not_matter(write: Write) -> None:
    header = read(write, Gguf(metadata=(("text", text(b"\xff\xfe")), (b"k\xff", u32(1)))))
    assert header.get("text") == "\\xff\\xfe"


# What is no model at all.


def test_missing_unreadable_and_special_files(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"nothing\.gguf cannot be read \(No such file"):
        read_header(tmp_path / "nothing.gguf")
    with pytest.raises(ModelNotFoundError, match="File name too long"):
        read_header(tmp_path / ("x" * 300))
    with pytest.raises(ModelNotFoundError, match="null"):
        read_header(Path("a\0b"))
    with pytest.raises(InvalidModelError, match="a folder"):
        read_header(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_without_waiting_for_its_other_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(InvalidModelError, match="special file"):
        read_header(tmp_path / "pipe.gguf")


def test_a_path_that_cannot_be_encoded_still_gives_a_message(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.gguf")
    with pytest.raises(ModelNotFoundError) as caught:
        read_header(path)
    assert str(caught.value).encode()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "an empty file"),
        (b"GG", "starts with 'GG'"),
        (b"\x7fELF" + bytes(100), "starts with"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        (b"tjgg" + bytes(100), "old GGML format"),
        (b"PK\x03\x04" + bytes(100), "PyTorch"),
        (struct.pack("<Q", 50) + b'{"__metadata__":{}}', "safetensors"),
        (b"<!DOCTYPE html><html>", "a web page"),
    ],
)
def test_other_kinds_of_files_are_recognised(write: Write, content: bytes, expected: str) -> None:
    assert expected in refused(write, content)


# What contradicts the format.


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (0, "big-endian"),
        (1, "GGUF version 1,"),
        (4, "update Sotto"),
        (struct.unpack("<I", struct.pack(">I", 3))[0], "big-endian"),
    ],
)
def test_other_versions(write: Write, version: int, expected: str) -> None:
    assert expected in refused(write, replace(tiny_model(), version=version))


@pytest.mark.parametrize("count", [2**64 - 1, 2**63, 2**31, 100_000])
def test_absurd_counts(write: Write, count: int) -> None:
    assert f"announces {count} metadata keys" in refused(write, replace(tiny_model(), n_keys=count))
    assert f"announces {count} tensors" in refused(write, replace(tiny_model(), n_tensors=count))


def test_counts_that_are_a_little_too_high(write: Write) -> None:
    gguf = tiny_model()
    refused(write, replace(gguf, n_keys=len(gguf.metadata) + 1))
    refused(write, replace(gguf, n_tensors=len(gguf.tensors) + 1))


@pytest.mark.parametrize("length", [2**64 - 1, 2**40, 10**6])
def test_lengths_beyond_the_file(write: Write, length: int) -> None:
    absurd = struct.pack("<Q", length)
    in_value = Gguf(metadata=(("k", Value(ValueType.STRING, absurd)),))
    in_array = struct.pack("<IQ", ValueType.STRING, 1) + absurd
    in_array = Gguf(metadata=(("k", Value(ValueType.ARRAY, in_array)), ("z", text("x" * 99))))
    of_array = struct.pack("<IQ", ValueType.FLOAT64, length)
    of_array = Gguf(metadata=(("k", Value(ValueType.ARRAY, of_array)),))
    of_texts = struct.pack("<IQ", ValueType.STRING, length)
    of_texts = Gguf(metadata=(("k", Value(ValueType.ARRAY, of_texts)),))
    for gguf in (in_value, in_array, of_array, of_texts):
        assert str(length) in refused(write, gguf)


@pytest.mark.parametrize("key", [b"", b"x" * 2_000, b"a\0b", b"a\nb"])
def test_keys(write: Write, key: bytes) -> None:
    refused(write, Gguf(metadata=((key, u32(1)),)))


def test_a_key_twice(write: Write) -> None:
    message = refused(write, Gguf(metadata=(("k", u32(1)), ("j", u32(2)), ("k", u32(3)))))
    assert "'k' twice" in message


@pytest.mark.parametrize("number", [13, 255, 2**32 - 1])
def test_unknown_value_types(write: Write, number: int) -> None:
    assert f"type {number}" in refused(write, Gguf(metadata=(("k", Value(number, bytes(8))),)))
    inner = struct.pack("<IQ", number, 1) + bytes(8)
    refused(write, Gguf(metadata=(("k", Value(ValueType.ARRAY, inner)),)))


def test_arrays_of_arrays(write: Write) -> None:
    inner = struct.pack("<IQ", ValueType.ARRAY, 1) + struct.pack("<IQ", ValueType.UINT8, 0)
    gguf = Gguf(metadata=(("k", Value(ValueType.ARRAY, inner)),))
    assert "array of arrays" in refused(write, gguf)


def test_truth_values_other_than_0_and_1(write: Write) -> None:
    assert "the byte 2" in refused(write, Gguf(metadata=(("k", Value(ValueType.BOOL, b"\2")),)))


@pytest.mark.parametrize("alignment", [0, 1, 4, 24, 33, 2**20, 2**31])
def test_alignments(write: Write, alignment: int) -> None:
    gguf = tiny_model().having(general__alignment=u32(alignment))
    assert f"alignment {alignment}" in refused(write, gguf)


def test_an_alignment_of_another_type(write: Write) -> None:
    refused(write, tiny_model().having(general__alignment=scalar(ValueType.UINT64, 32)))
    refused(write, tiny_model().having(general__alignment=text("32")))


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("", (1,)),
        Tensor("x" * 64, (1,)),
        Tensor("a\0b", (1,)),
        Tensor("t", ()),
        Tensor("t", (1, 1, 1, 1, 1)),
        Tensor("t", (0,)),
        Tensor("t", (32, 0)),
        Tensor("t", (33,), 8),
        Tensor("t", (128,), 12),
        Tensor("t", (2**63, 2)),
        Tensor("t", (2**32, 2**32)),
        Tensor("t", (2**64 - 1,)),
    ],
)
def test_names_and_shapes_of_tensors(write: Write, tensor: Tensor) -> None:
    refused(write, Gguf(tensors=(tensor,)).header() + bytes(256))


@pytest.mark.parametrize("number", [4, 5, 31, 33, 38, 43, 2**32 - 1])
def test_unknown_tensor_types(write: Write, number: int) -> None:
    message = refused(write, Gguf(tensors=(Tensor("t", (32,), number),)).header() + bytes(256))
    assert f"type {number} " in message


def test_a_tensor_twice(write: Write) -> None:
    gguf = Gguf(tensors=(Tensor("t", (8,)), Tensor("t", (8,))))
    assert "'t' twice" in refused(write, gguf)


@pytest.mark.parametrize("offset", [0, 1, 33, 64, 2**63, 2**64 - 32])
def test_offsets_that_overlap_or_leave_gaps(write: Write, offset: int) -> None:
    gguf = Gguf(tensors=(Tensor("a", (8,)), Tensor("b", (8,), offset=offset)))
    assert f"data offset {offset}" in refused(write, gguf)


def test_the_same_token_twice(write: Write) -> None:
    def with_tokens(*tokens: str) -> Gguf:
        return Gguf(metadata=(("tokenizer.ggml.tokens", texts(tokens)),))

    read(write, with_tokens("a", "b", "", ""))
    assert "same token twice" in refused(write, with_tokens("a", "b", "a"))
    # The runtime reads tokens up to a NUL, and calls an empty one by its id.
    assert "same token twice" in refused(write, with_tokens("a", "a\0b"))
    assert "same token twice" in refused(write, with_tokens("", "[EMPTY_0]"))


def test_more_texts_than_any_model_has(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.models.gguf.MAX_ARRAY_STRINGS", 10)
    refused(write, Gguf(metadata=(("a", texts("x" * 11)),)))
    read(write, Gguf(metadata=(("a", texts("x" * 5)), ("b", texts("x" * 5)))))
    refused(write, Gguf(metadata=(("a", texts("x" * 6)), ("b", texts("x" * 5)))))


def test_a_header_larger_than_any_model_has(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.models.gguf.MAX_HEADER_BYTES", 1_000)
    message = refused(write, Gguf(metadata=(("a", text("x" * 2_000)),)))
    assert "beyond 1000 bytes" in message


def test_every_truncation_is_noticed(write: Write) -> None:
    whole = tiny_model().to_bytes()
    read(write, whole)
    # The last tensor's padding may be missing, its data may not.
    for n_bytes in [*range(4, 600, 5), *range(600, len(whole), 2_999), len(whole) - 1]:
        assert "download it again" in refused(write, whole[:n_bytes])


def test_a_file_that_shrinks_while_it_is_read(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tiny_model())
    whole = path.stat()
    path.write_bytes(path.read_bytes()[:2_000])
    monkeypatch.setattr(os, "fstat", lambda _file: whole)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with pytest.raises(InvalidModelError, match="cut short"):
        read_header(path)


def test_hostile_text_is_escaped_in_messages(write: Write) -> None:
    key = b"\x1b]0;owned\x07"
    assert "\x1b" not in refused(write, Gguf(metadata=((key, u32(1)),)))
    assert "\u202e" not in refused(write, Gguf(metadata=(("k\u202e", Value(99, b"")),)))


def test_a_length_at_the_edge_of_the_window_is_read_right(write: Write) -> None:
    for n in range(262_100, 262_160, 3):
        header = read(write, Gguf(metadata=(("a", texts(["x" * n, "b", "c"])), ("z", u32(7)))))
        assert header.get("z") == 7


def test_written_texts_match_the_format() -> None:
    assert packed_text("é") == b"\x02\0\0\0\0\0\0\0\xc3\xa9"
