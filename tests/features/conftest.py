"""A server in this process, its client already initialized."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from tests.support.client import Client, InProcess, in_process
from tests.support.scripted_engine import EngineMaker

# As `lsp.logs` does in a process: it logs whole messages.
logging.getLogger("pygls").setLevel(logging.CRITICAL)


@pytest.fixture
async def server() -> AsyncIterator[InProcess]:
    """Answers every request with `pass`."""
    async with in_process() as served:
        await served.client.initialize()
        await served.client.wait_ready()
        yield served


@pytest.fixture
async def held() -> AsyncIterator[InProcess]:
    """Its generations wait for the test to send their text."""
    async with in_process(EngineMaker(answer=None)) as served:
        await served.client.initialize()
        await served.client.wait_ready()
        yield served


@pytest.fixture
def client(server: InProcess) -> Client:
    return server.client
