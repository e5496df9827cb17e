"""Frames on the pseudo-editor's side, and its positions."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from bench.buffer import Buffer
from bench.trace import Delete, Insert
from bench.wire import Connection, WireError


def connection(data: bytes) -> Connection:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return Connection(reader, cast(Any, None))


async def test_frames_are_read_until_the_end() -> None:
    wire = connection(
        b'Content-Type: x\r\ncontent-length: 7\r\n\r\n{"a":1}'
        b'Content-Length: 11\r\n\r\n{"b":"\xe2\x82\xac"}'
    )
    assert await wire.receive() == {"a": 1}
    assert await wire.receive() == {"b": "€"}
    assert await wire.receive() is None


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n{}",
        b"Content-Length: x\r\n\r\n{}",
        b"Content-Length: 9\r\n\r\n{}",
        b"Content-Len",
        b"Content-Length: 2\r\n\r\n[]",
    ],
)
async def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        await connection(data).receive()


def test_positions_count_utf16_units() -> None:
    buffer = Buffer("file:///a", "python", "a\r\nb𝄞c\n")
    assert buffer.position(5) == {"line": 1, "character": 3}
    assert buffer.position(0) == {"line": 0, "character": 0}
    assert buffer.position(7) == {"line": 2, "character": 0}


def test_the_buffer_follows_the_keys() -> None:
    buffer = Buffer("file:///a", "python", "abc")
    buffer.apply(Insert(3, "def", 1))
    buffer.apply(Delete(0, 2, 1))
    assert (buffer.text, buffer.cursor) == ("cdef", 0)
