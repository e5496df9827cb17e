"""The message loop between the channel's threads and the event loop."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from lsp.conversation import converse
from lsp.stdio import MAX_WAITING_BYTES, Channel
from tests.support.scripted_engine import EngineMaker


class Pipes:
    """The two pipes between a server and its editor. The channel closes `stdout`."""

    def __init__(self) -> None:
        stdin, to_stdin = os.pipe()
        from_stdout, self.stdout = os.pipe()
        self.stdin = os.fdopen(stdin, "rb", buffering=0)
        self.to_stdin = os.fdopen(to_stdin, "wb", buffering=0)
        self.from_stdout = os.fdopen(from_stdout, "rb", buffering=0)

    def channel(self, kind: type[Channel] = Channel) -> Channel:
        return kind(self.stdin.fileno(), self.stdout)


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    pipes = Pipes()
    yield pipes
    for file in (pipes.stdin, pipes.to_stdin, pipes.from_stdout):
        file.close()


async def serve(channel: Channel, statuses: list[int]) -> int:
    return await converse(
        channel,
        make_engine=EngineMaker(),
        model_path=None,
        log_level=None,
        on_end=statuses.append,
    )


class BrokenChannel(Channel):
    """Its input cannot be read, for a reason nobody foresaw."""

    def read(self) -> bytes:
        raise MemoryError


async def test_an_input_that_cannot_be_read_ends_the_conversation(pipes: Pipes) -> None:
    statuses: list[int] = []
    assert await serve(pipes.channel(BrokenChannel), statuses) == 1
    assert statuses[0] == 1


async def test_an_editor_that_does_not_read_may_still_leave(pipes: Pipes) -> None:
    """Its last answers wait in a full pipe; its leaving is seen all the same."""
    request = b'{"jsonrpc": "2.0", "id": 1, "method": "no/such"}'
    frame = b"Content-Length: %d\r\n\r\n" % len(request) + request

    def send() -> None:
        for _ in range(5000):
            pipes.to_stdin.write(frame)
        pipes.to_stdin.close()

    threading.Thread(target=send, daemon=True).start()
    statuses: list[int] = []
    assert await serve(pipes.channel(), statuses) == 1


def test_frames_are_written_whole_and_in_order(pipes: Pipes) -> None:
    channel = pipes.channel()
    frames = [bytes([n]) * 50_000 for n in range(100)]
    for frame in frames:
        channel.write(frame)
    read: list[bytes] = []

    def collect() -> None:
        while data := pipes.from_stdout.read(1 << 16):
            read.append(data)

    reader = threading.Thread(target=collect, daemon=True)
    reader.start()
    channel.close()
    reader.join()
    assert b"".join(read) == b"".join(frames)
    channel.write(b"dropped")
    channel.close()


def test_an_editor_that_leaves_too_much_unread_is_gone(pipes: Pipes) -> None:
    n_broken: list[None] = []
    channel = pipes.channel()
    channel.on_broken = lambda: n_broken.append(None)
    channel.write(b"x" * (MAX_WAITING_BYTES + 1))
    assert n_broken == []
    channel.write(b"x")
    channel.write(b"x")
    assert len(n_broken) == 1
    channel.close()


def test_an_editor_that_closed_its_end_is_gone(pipes: Pipes) -> None:
    is_broken = threading.Event()
    channel = pipes.channel()
    channel.on_broken = is_broken.set
    pipes.from_stdout.close()
    channel.write(b"x")
    assert is_broken.wait(20)
    channel.close()
