"""Many requests at once, cancelled and superseded: each is answered once, and the engine rests."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from tests.support.client import Client, ResponseError, insertion, sha256
from tests.support.server_process import server_process

pytestmark = pytest.mark.e2e

URI = "file:///project/a.py"
SOURCE = 'def read_lines(path):\n    """Read."""\n    with open(path) as file:\n        \n'


async def settle(futures: list[asyncio.Future[Any]]) -> Counter[str]:
    """Wait for all answers; counts what they were."""
    kinds: Counter[str] = Counter()
    for answer in await asyncio.gather(*futures, return_exceptions=True):
        if isinstance(answer, ResponseError):
            kinds[str(answer.code)] += 1
        elif isinstance(answer, BaseException):
            raise answer
        else:
            kinds["shown" if answer["items"] else "empty"] += 1
    return kinds


def assert_answered_once(client: Client, n_requests: int) -> None:
    counts = Counter(len(answers) for answers in client.responses.values())
    assert set(counts) == {1}
    assert counts[1] >= n_requests


async def assert_at_rest(client: Client) -> None:
    """No generation runs on: all costs are known and the next request is served at once."""
    before = await client.records()
    await asyncio.sleep(0.2)
    assert await client.records() == before


async def test_500_requests_each_cancelled_at_a_random_moment() -> None:
    rng = random.Random(500)
    async with server_process() as server:
        client = server.client
        await client.initialize()
        await client.wait_ready()
        client.open(URI, SOURCE)
        expected = await client.inline(URI, 3, 8, is_invoked=True)
        futures: list[asyncio.Future[Any]] = []

        async def ask_and_cancel(number: int) -> None:
            # Two documents' worth of neighbours keeps several in the engine at a time.
            uri = f"file:///project/{number % 3}.py"
            client.open(uri, SOURCE + "#" * number, version=number)
            request_id, future = client.start_inline(uri, 3, 8, is_invoked=number % 4 == 0)
            futures.append(future)
            await asyncio.sleep(rng.choice([0, 0, rng.uniform(0, 0.01), rng.uniform(0, 0.1)]))
            client.cancel(request_id)

        for number in range(500):
            await ask_and_cancel(number)
        kinds = await settle(futures)
        assert sum(kinds.values()) == 500
        assert kinds["-32800"]
        await client.request("sotto/status")
        assert_answered_once(client, 500)
        await assert_at_rest(client)
        assert client.received("window/showMessage") == [], server.log
        outcomes = Counter(record["outcome"] for record in await client.records())
        assert set(outcomes) <= {"cancelled", "superseded", "shown", "empty"}
        # Alone again, as the first was: other open documents have a say in what is suggested.
        for uri in (URI, *(f"file:///project/{number}.py" for number in range(3))):
            client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        client.open("file:///project/fresh.py", SOURCE)
        texts = await client.inline("file:///project/fresh.py", 3, 8, is_invoked=True)
        assert texts == expected, str((await client.records())[-1])
        await client.shut_down()
        assert await server.wait() == 0


async def test_a_storm_of_keystrokes() -> None:
    """An editor that cancels nothing: change and request at every key, faster than the model."""
    rng = random.Random(200)
    typed = (
        "lines = [line.rstrip() for line in file.readlines() if line]\n        return lines\n" * 2
    )
    async with server_process() as server:
        client = server.client
        await client.initialize()
        await client.wait_ready()
        client.open(URI, SOURCE)
        futures: list[asyncio.Future[Any]] = []
        text, line, character = SOURCE, 3, 8
        for version, key in enumerate(typed, start=2):
            client.change(URI, version, insertion(line, character, key))
            at = sum(len(part) + 1 for part in text.split("\n")[:line]) + character
            text = text[:at] + key + text[at:]
            line, character = (line + 1, 0) if key == "\n" else (line, character + 1)
            futures.append(client.start_inline(URI, line, character)[1])
            await asyncio.sleep(rng.choice([0, 0, 0.005, 0.03]))
        kinds = await settle(futures)
        assert set(kinds) <= {"shown", "empty"}
        assert (await client.document_info(URI))["sha256"] == sha256(text)
        assert_answered_once(client, len(futures))
        await assert_at_rest(client)
        records = await client.records()
        assert Counter(record["outcome"] for record in records)["superseded"] > 20
        assert records[-1]["outcome"] in ("shown", "empty")
        assert client.received("window/showMessage") == []


async def test_requests_that_come_all_at_once() -> None:
    async with server_process() as server:
        client = server.client
        await client.initialize()
        await client.wait_ready()
        client.open(URI, SOURCE)
        futures = [client.start_inline(URI, 3, 8)[1] for _ in range(100)]
        await settle(futures)
        outcomes = Counter(record["outcome"] for record in await client.records())
        assert outcomes["superseded"] == 99
        assert_answered_once(client, 100)
