"""Latest wins: what ends a request for a suggestion, and what leaves it alone."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.client import Client, InProcess, Json, ResponseError, in_process
from tests.support.markers import marked
from tests.support.scripted_engine import EngineMaker

URI = "file:///project/a.py"
FUNCTION = "def area(width, height):\n    ▮\n"


async def last_record(client: Client) -> Json:
    return (await client.records())[-1]


async def begin(served: InProcess, source: str = FUNCTION) -> tuple[int, asyncio.Future[Json]]:
    """Open a document, ask at its mark and wait until the engine has the request."""
    place = marked(source)
    served.client.open(URI, place.text)
    request = served.client.start_inline(URI, place.line, place.character)
    await served.maker.submitted(1)
    return request


async def test_a_newer_request_supersedes_the_older(held: InProcess) -> None:
    _, older = await begin(held)
    first = held.maker.generation
    _, newer = held.client.start_inline(URI, 1, 4)
    assert (await older)["items"] == []
    assert first.is_cancelled
    assert first.finishes_prompt
    await held.maker.submitted(2)
    held.maker.generation.send("pass")
    held.maker.generation.finish()
    assert len((await newer)["items"]) == 1
    records = await held.client.records()
    assert [(r["outcome"], r["reason"]) for r in records] == [
        ("superseded", "newer-request"),
        ("shown", None),
    ]


@pytest.mark.parametrize(
    ("method", "params", "reason", "goes_on"),
    [
        (
            "textDocument/didChange",
            {"textDocument": {"uri": URI, "version": 2}, "contentChanges": []},
            "document-changed",
            True,
        ),
        ("textDocument/didClose", {"textDocument": {"uri": URI}}, "document-closed", False),
    ],
)
async def test_a_change_or_close_supersedes(
    held: InProcess, method: str, params: Json, reason: str, *, goes_on: bool
) -> None:
    _, future = await begin(held)
    held.client.notify(method, params)
    assert (await future)["items"] == []
    assert held.maker.generation.is_cancelled
    assert held.maker.generation.finishes_prompt is goes_on, "whoever types on wants it"
    record = await last_record(held.client)
    assert (record["outcome"], record["reason"]) == ("superseded", reason)


async def test_other_documents_are_left_alone(held: InProcess) -> None:
    _, first = await begin(held)
    held.client.open("file:///project/b.py", "value = \n")
    _, second = held.client.start_inline("file:///project/b.py", 0, 8)
    await held.maker.submitted(2)
    for generation in held.maker.engine.generations:
        generation.send("1")
        generation.finish()
    assert (await first)["items"]
    assert (await second)["items"]


async def test_a_cancel_is_answered_once_with_its_code(held: InProcess) -> None:
    request_id, future = await begin(held)
    held.client.cancel(request_id)
    with pytest.raises(ResponseError) as raised:
        await future
    assert raised.value.code == -32800
    assert held.maker.generation.is_cancelled
    held.client.cancel(request_id)
    record = await last_record(held.client)
    assert (record["outcome"], record["reason"]) == ("cancelled", "client")
    assert len(held.client.responses[request_id]) == 1


async def test_a_cancel_right_behind_its_request(held: InProcess) -> None:
    held.client.open(URI, marked(FUNCTION).text)
    request_id, future = held.client.start_inline(URI, 1, 4)
    held.client.cancel(request_id)
    with pytest.raises(ResponseError):
        await future
    await held.client.request("sotto/status")
    assert len(held.client.responses[request_id]) == 1
    assert all(generation.is_cancelled for generation in held.maker.engine.generations)


async def test_ghost_text_and_the_completion_list_leave_each_other_alone() -> None:
    async with in_process(EngineMaker(answer=None)) as served:
        client, maker = served.client, served.maker
        await client.initialize(options={"completion": {"enabled": "always"}})
        await client.wait_ready()
        _, ghost_text = await begin(served)
        params = {"textDocument": {"uri": URI}, "position": {"line": 1, "character": 4}}
        _, completion = client.start_request("textDocument/completion", params)
        await maker.submitted(2)
        for generation in maker.engine.generations:
            generation.send("pass")
            generation.finish()
        assert len((await ghost_text)["items"]) == 1
        assert len((await completion)["items"]) == 1
        assert [record["outcome"] for record in await client.records()] == ["shown", "shown"]


async def test_a_change_ends_the_requests_of_both_methods() -> None:
    async with in_process(EngineMaker(answer=None)) as served:
        client = served.client
        await client.initialize(options={"completion": {"enabled": "always"}})
        await client.wait_ready()
        _, ghost_text = await begin(served)
        params = {"textDocument": {"uri": URI}, "position": {"line": 1, "character": 4}}
        _, completion = client.start_request("textDocument/completion", params)
        await served.maker.submitted(2)
        client.change(URI, 2)
        assert (await ghost_text)["items"] == (await completion)["items"] == []
        assert {record["reason"] for record in await client.records()} == {"document-changed"}
