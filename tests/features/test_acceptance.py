"""Which suggestions were taken: editors that say so, and the records that hold it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import Client, InProcess, Json, ResponseError, in_process
from tests.support.markers import marked

URI = "file:///project/a.py"
FUNCTION = "def area(width, height):\n    ▮\n"
CAPABILITIES: Json = {
    "textDocument": {"inlineCompletion": {}},
    "experimental": {"sotto": {"acceptance": True}},
}


async def begin(served: InProcess) -> Client:
    await served.client.initialize(capabilities=CAPABILITIES)
    await served.client.wait_ready()
    served.client.open(URI, marked(FUNCTION).text)
    return served.client


async def shown(client: Client, character: int = 4) -> Json:
    """The command of what is suggested in the second line."""
    _, future = client.start_inline(URI, 1, character)
    (item,) = (await future)["items"]
    return item["command"]


async def accept(client: Client, command: Json) -> Any:
    params = {"command": command["command"], "arguments": command["arguments"]}
    return await client.request("workspace/executeCommand", params)


async def accepted(client: Client) -> list[bool]:
    return [record["accepted"] for record in await client.records()]


async def test_what_was_taken_is_in_the_records() -> None:
    async with in_process() as served:
        client = await begin(served)
        first, second = await shown(client), await shown(client)
        assert await accepted(client) == [False, False]
        assert await accept(client, second) is None
        assert await accepted(client) == [False, True]
        await accept(client, first)
        await accept(client, first)
        assert await accepted(client) == [True, True]


async def test_what_is_left_after_typing_has_a_command_of_its_own() -> None:
    async with in_process() as served:
        client = await begin(served)
        await shown(client)
        client.change(URI, 2, {"text": FUNCTION.replace("▮", "p")})
        rest = await shown(client, 5)
        await accept(client, rest)
        assert [(r["source"], r["accepted"]) for r in await client.records()] == [
            ("model", False),
            ("type-through", True),
        ]


async def test_a_request_that_is_gone_is_no_error() -> None:
    async with in_process() as served:
        client = await begin(served)
        command = await shown(client)
        await accept(client, command | {"arguments": [12345]})
        assert await accepted(client) == [False]
        with pytest.raises(ResponseError, match="takes the id of a request"):
            await accept(client, command | {"arguments": [{}]})


async def test_an_editor_that_runs_no_such_command_gets_none(client: Client) -> None:
    client.open(URI, marked(FUNCTION).text)
    _, future = client.start_inline(URI, 1, 4)
    (item,) = (await future)["items"]
    assert "command" not in item
