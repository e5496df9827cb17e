"""The real model is unloaded when nobody asks anything of it, and comes back when someone does. As
long as it stays, nothing in the server polls."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.support.server_process import server_process

pytestmark = pytest.mark.e2e
SHORT_MINUTES = """
import sys
from lsp import stdio
channel = stdio.take_stdout()
from lsp import engine_host
engine_host._MINUTE_S = 0.5
from lsp.server import serve
sys.exit(serve(channel))
"""
MAX_WAITS = 10
"""Of a server at rest in a second. Watching the editor's process takes two."""
PATIENCE_S = 30
URI = "file:///project/a.py"


async def test_the_model_goes_and_comes_back() -> None:
    async with server_process(command=(sys.executable, "-c", SHORT_MINUTES)) as server:
        client = server.client

        def states() -> list[str]:
            return [status["state"] for status in client.received("sotto/status")]

        await client.initialize(options={"model": {"unloadAfterMinutes": 1}})
        client.open(URI, "def read_lines(path):\n    return \n")
        for n_rounds in (1, 2):
            await client.until(lambda n=n_rounds: states().count("stopped") == n)
            assert (await client.request("sotto/status"))["model"] is None
            assert await client.inline(URI, 1, 11, is_invoked=True)
        await client.shut_down()
        assert await server.wait() == 0


def n_waits(pid: int) -> int:
    """How often the threads of a process have begun to wait; Linux alone counts it."""
    lines = [
        line
        for status in Path(f"/proc/{pid}/task").glob("*/status")
        for line in status.read_text("ascii", "replace").splitlines()
    ]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt"))


async def test_no_thread_polls_while_nobody_asks() -> None:
    async with server_process() as server:
        client = server.client
        await client.initialize()
        client.open(URI, "def read_lines(path):\n    return \n")
        await client.until(lambda: "ready" in str(client.received("sotto/status")))
        assert await client.inline(URI, 1, 11, is_invoked=True)
        # What a call costs is measured first, for longer where other work disturbs it. What polls
        # does so in every second.
        seen: list[int] = []
        while not seen or (seen[-1] > MAX_WAITS and len(seen) < PATIENCE_S):
            before = n_waits(server.process.pid)
            await asyncio.sleep(1.0)
            seen.append(n_waits(server.process.pid) - before)
        assert seen[-1] <= MAX_WAITS, seen
        await client.shut_down()
        assert await server.wait() == 0
