"""The message loop between the channel's threads and the event loop."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from lsp.conversation import converse
from lsp.stdio import Channel
from tests.support.scripted_engine import EngineMaker


@pytest.fixture
def fds() -> Iterator[list[int]]:
    """The server's ends of two pipes and the editor's: stdin, stdout, to stdin, from stdout."""
    stdin, to_stdin = os.pipe()
    from_stdout, stdout = os.pipe()
    ends = [stdin, stdout, to_stdin, from_stdout]
    yield ends
    for fd in ends:
        with contextlib.suppress(OSError):  # closed already
            os.close(fd)


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


async def test_an_input_that_cannot_be_read_ends_the_conversation(fds: list[int]) -> None:
    statuses: list[int] = []
    assert await serve(BrokenChannel(fds[0], fds[1]), statuses) == 1
    assert statuses[0] == 1
