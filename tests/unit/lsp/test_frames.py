"""The frame parser: every split of the stream, and what it does with bytes that are no frames."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp.frames import MAX_BODY_BYTES, FrameParser, Malformed, Message


def frame(content: object, *, n_bytes: int | None = None) -> bytes:
    body = json.dumps(content, ensure_ascii=False).encode()
    return f"Content-Length: {len(body) if n_bytes is None else n_bytes}\r\n\r\n".encode() + body


def parse(*pieces: bytes) -> list[Message | Malformed]:
    parser = FrameParser()
    return [item for piece in pieces for item in parser.feed(piece)]


def contents(items: list[Message | Malformed]) -> list[object]:
    return [item.content for item in items if isinstance(item, Message)]


@given(st.lists(st.text(), max_size=5), st.integers(1, 40))
def test_any_split_of_the_stream(texts: list[str], step: int) -> None:
    messages = [{"method": text} for text in texts]
    stream = b"".join(frame(message) for message in messages)
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
    assert parse(*pieces) == [Message(message) for message in messages]


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: %d\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n",
        b"Content-Type: x\r\nContent-Length:%d\r\n\r\n",
        b"content-length: %d\r\n\r\n",
        b"CONTENT-LENGTH:  %d \r\n\r\n",
    ],
)
def test_header_forms(header: bytes) -> None:
    assert parse(header % 2 + b"{}") == [Message({})]


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\n",
        b"\x00\xff" * 100,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"Content-Length: many\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"x" * 100_000,
        b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
        b"Content-Length: 999999999999999999999999\r\n\r\n",
    ],
)
def test_the_next_frame_after_garbage_is_found(garbage: bytes) -> None:
    for pieces in ((garbage + frame({"id": 1}),), (garbage, frame({"id": 1}))):
        assert contents(parse(*pieces)) == [{"id": 1}]


def test_garbage_does_not_fill_memory() -> None:
    parser = FrameParser()
    for _ in range(200):
        list(parser.feed(b"garbage " * 1000))
    assert parser.n_buffered < 20_000
    assert contents(list(parser.feed(frame({"id": 1})))) == [{"id": 1}]


@pytest.mark.parametrize("error", [-7, -1, 1, 5, 20, 60])
def test_wrong_content_length(error: int) -> None:
    """The frame is refused; at the latest the second one after it is read again."""
    content = {"jsonrpc": "2.0", "id": 1, "method": "x"}
    n_bytes = len(json.dumps(content)) + error
    items = parse(frame(content, n_bytes=n_bytes) + frame({"id": 2}) + frame({"id": 3}))
    assert isinstance(items[0], Malformed)
    assert items[0].is_frame
    assert contents(items) == [{"id": 2}, {"id": 3}]


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff\xfe{}", b"[" * 100_000, b"", b"{} {}", b"nul", b'{"id": ' + b"9" * 5000 + b"}"],
)
def test_bodies_that_are_not_json(body: bytes) -> None:
    items = parse(b"Content-Length: %d\r\n\r\n" % len(body) + body + frame({"id": 2}))
    assert isinstance(items[0], Malformed)
    assert items[0].is_frame
    assert contents(items) == [{"id": 2}]


def test_a_header_inside_a_string_is_text() -> None:
    content = {"text": "Content-Length: 5\r\n\r\n{}"}
    assert parse(frame(content), frame({})) == [Message(content), Message({})]


def test_half_a_character_is_kept() -> None:
    assert parse(b'Content-Length: 8\r\n\r\n"\\ud83d"') == [Message("\ud83d")]


@given(st.binary(max_size=300))
def test_no_input_breaks_the_parser(noise: bytes) -> None:
    items = parse(noise, b"\r\n\r\n", frame({"id": 1}), frame({"id": 2}))
    # Noise may look like a header that takes the next frame with it; it ends at the one after.
    assert all(isinstance(item, (Message, Malformed)) for item in items)
