"""The real model is unloaded when nobody asks anything of it, and comes back when someone does."""

from __future__ import annotations

import sys

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
