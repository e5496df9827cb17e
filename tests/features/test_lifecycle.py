"""`initialize` to `exit`, and every message that is not as it should be."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.client import Client, InProcess, Json, ResponseError, in_process

VALID: Json = {
    "textDocument": {"uri": "file:///a"},
    "position": {"line": 0, "character": 0},
    "context": {"triggerKind": 2},
}
INITIALIZE: Json = {"processId": None, "rootUri": None, "capabilities": {}}


async def code_of(client: Client, method: str, params: object = None) -> int:
    with pytest.raises(ResponseError) as raised:
        await client.request(method, params)
    return raised.value.code


async def error_after(client: Client, data: bytes) -> tuple[object, int]:
    """The id and code of the error the server answers to raw bytes."""
    n_before = len(client.responses.get(None, []))
    client.send_bytes(data)
    await client.request("sotto/status")
    (answer,) = client.responses[None][n_before:]
    return answer["id"], answer["error"]["code"]


def framed(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


async def test_capabilities() -> None:
    async with in_process() as served:
        result = await served.client.initialize(encoding="utf-8")
        capabilities = result["capabilities"]
        assert capabilities["positionEncoding"] == "utf-8"
        assert capabilities["inlineCompletionProvider"] == {}
        assert capabilities["completionProvider"] == {}
        assert capabilities["textDocumentSync"] == {
            "openClose": True,
            "change": 2,
            "save": {"includeText": False},
        }
        assert capabilities["executeCommandProvider"]["commands"] == [
            "sotto.accepted",
            "sotto.apply",
            "sotto.ask",
            "sotto.chat",
            "sotto.explain",
            "sotto.stop",
        ]
        assert capabilities["codeActionProvider"]["resolveProvider"] is True
        assert result["serverInfo"]["name"] == "sotto"


async def test_completion_is_triggered_by_characters_where_there_is_no_ghost_text() -> None:
    async with in_process() as served:
        result = await served.client.initialize(capabilities={"textDocument": {}})
        assert "." in result["capabilities"]["completionProvider"]["triggerCharacters"]


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["utf-8", "utf-16"], "utf-8"),
        (["utf-32"], "utf-32"),
        (["utf-7", "utf-16"], "utf-16"),
        ([], "utf-16"),
        (None, "utf-16"),
    ],
)
async def test_position_encoding(offered: list[str] | None, chosen: str) -> None:
    async with in_process() as served:
        general = {} if offered is None else {"positionEncodings": offered}
        result = await served.client.request(
            "initialize", INITIALIZE | {"capabilities": {"general": general}}
        )
        assert result["capabilities"]["positionEncoding"] == chosen


async def test_requests_before_initialize_and_after_shutdown() -> None:
    async with in_process() as served:
        client = served.client
        assert await code_of(client, "textDocument/inlineCompletion", {}) == -32002
        assert await code_of(client, "sotto/status") == -32002
        assert await code_of(client, "shutdown") == -32002
        client.open("file:///too-early.py", "x")
        await client.initialize()
        assert await code_of(client, "initialize", INITIALIZE) == -32600
        assert await code_of(client, "sotto/documentInfo", doc("file:///too-early.py")) == -32602
        assert await client.request("shutdown") is None
        assert await code_of(client, "sotto/status") == -32600
        assert await code_of(client, "shutdown") == -32600


def doc(uri: str) -> dict[str, object]:
    return {"textDocument": {"uri": uri}}


@pytest.mark.parametrize("is_orderly", [True, False])
async def test_exit_status(*, is_orderly: bool) -> None:
    async with in_process() as served:
        await served.client.initialize()
        if is_orderly:
            await served.client.request("shutdown")
        served.client.notify("exit")
        assert await served.conversation.stopped == (0 if is_orderly else 1)


async def test_a_dead_client_ends_the_conversation() -> None:
    async with in_process() as served:
        editor = await asyncio.create_subprocess_exec("sleep", "60")
        await served.client.initialize(process_id=editor.pid)
        assert not served.conversation.stopped.done()
        editor.kill()
        assert await served.conversation.stopped == 1
        await editor.wait()


async def test_a_client_that_cannot_be_seen_is_not_waited_for() -> None:
    async with in_process() as served:
        await served.client.initialize(process_id=2**22 + 12345)
        await served.client.request("sotto/status")
        assert not served.conversation.stopped.done()


async def test_unknown_methods(server: InProcess) -> None:
    assert await code_of(server.client, "textDocument/hover", {}) == -32601
    assert await code_of(server.client, "workspace/executeCommand", {"command": "x"}) == -32602
    assert await code_of(server.client, "no/such/method") == -32601
    # A notification that asks for an answer, and a request that does not.
    assert await code_of(server.client, "textDocument/didSave", {}) == -32601
    server.client.notify("sotto/status")
    server.client.notify("textDocument/inlineCompletion", VALID)
    server.client.notify("no/such/notification", {"a": 1})
    server.client.notify("$/setTrace", {"value": "off"})
    await server.client.request("sotto/status")


@pytest.mark.parametrize(
    "params",
    [
        None,
        [],
        "text",
        {},
        VALID | {"textDocument": {"uri": 3}},
        VALID | {"position": {"line": -1, "character": 0}},
        VALID | {"position": {"line": "1", "character": 0}},
        VALID | {"position": {"line": 1.5, "character": 0}},
        VALID | {"position": {"line": True, "character": 0}},
        VALID | {"context": {"triggerKind": 7}},
    ],
)
async def test_malformed_params(client: Client, params: object) -> None:
    assert await code_of(client, "textDocument/inlineCompletion", params) == -32602


@pytest.mark.parametrize("params", [None, [], "text", "\ud83d", {}, {"textDocument": {"uri": 3}}])
async def test_malformed_params_of_our_own_methods(client: Client, params: object) -> None:
    assert await code_of(client, "sotto/documentInfo", params) == -32602


async def test_the_error_for_malformed_params_names_the_place_and_not_the_value(
    client: Client,
) -> None:
    with pytest.raises(ResponseError) as raised:
        await client.request(
            "textDocument/inlineCompletion",
            VALID
            | {"textDocument": {"uri": ["secret"]}, "position": {"line": 0, "character": "secret"}}
            | {"context": {"triggerKind": "secret"}},
        )
    named = {reason.removesuffix(" is invalid") for reason in str(raised.value).split("; ")}
    assert named == {
        "message.params.textDocument.uri",
        "message.params.position.character",
        "message.params.context.triggerKind",
    }


async def test_a_nested_key_named_jsonrpc_is_harmless(client: Client) -> None:
    params = doc("file:///a.py") | {"jsonrpc": "2.0", "nested": {"jsonrpc": "2.0", "method": "x"}}
    client.open("file:///a.py", "x = 1\n")
    assert (await client.request("sotto/documentInfo", params))["n_chars"] == 6
    client.notify("workspace/didChangeConfiguration", {"settings": {"x": {"jsonrpc": "2.0"}}})
    assert (await client.request("sotto/status"))["state"] == "ready"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"\xff", -32700),
        (b"[]", -32600),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "shutdown"}]', -32600),
        (b"1", -32600),
        (b"null", -32600),
        (b"{}", -32600),
        (b'{"jsonrpc": "1.0", "method": "x"}', -32600),
        (b'{"jsonrpc": "2.0", "method": 5}', -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "shutdown"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1.5, "method": "shutdown"}', -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "shutdown"}', -32600),
        (b'{"jsonrpc": "2.0", "id": true, "method": "shutdown"}', -32600),
    ],
)
async def test_bodies_that_are_no_message(client: Client, body: bytes, code: int) -> None:
    assert await error_after(client, framed(body)) == (None, code)


async def test_responses_to_nothing_are_ignored(client: Client) -> None:
    for response in (
        {"jsonrpc": "2.0", "id": 99, "result": None},
        {"jsonrpc": "2.0", "id": "no-such", "error": {"code": 1, "message": "x"}},
        {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "x"}},
        {"jsonrpc": "2.0", "id": [1], "result": None},
    ):
        client.send(response)
    await client.request("sotto/status")
    assert None not in client.responses


@pytest.mark.parametrize("kind", ["result", "error"])
async def test_a_response_with_the_id_of_the_client_s_own_request_is_ignored(
    held: InProcess, kind: str
) -> None:
    client = held.client
    client.open("file:///a.py", "value = \n")
    request_id, future = client.start_inline("file:///a.py", 0, 8)
    await held.maker.submitted(1)
    content = {"code": 1, "message": "x"} if kind == "error" else None
    client.send({"jsonrpc": "2.0", "id": request_id, kind: content})
    await client.request("sotto/status")
    held.maker.generation.send("pass")
    held.maker.generation.finish()
    async with asyncio.timeout(20):
        assert [item["insertText"] for item in (await future)["items"]] == ["pass"]
    assert len(client.responses[request_id]) == 1


async def test_a_request_with_the_id_of_the_server_s_question() -> None:
    async with in_process() as served:
        client = served.client
        client.settings = {"inlineCompletion": {"maxTokens": 7}}
        client.holds.add("workspace/configuration")
        await client.initialize(capabilities={"workspace": {"configuration": True}})
        await client.until(lambda: bool(client.requests))
        (question,) = client.requests
        for method in ("sotto/status", "sotto/recentRequests"):
            client.send({"jsonrpc": "2.0", "id": question["id"], "method": method})
            client.notify("$/cancelRequest", {"id": question["id"]})
        await client.request("sotto/status")
        client.answer(question)
        await client.wait_ready()
        assert served.conversation.session.settings.inline_completion.max_tokens == 7


async def test_a_string_id_comes_back_as_it_was(client: Client) -> None:
    client.send({"jsonrpc": "2.0", "id": "ä-1", "method": "sotto/status"})
    await client.until(lambda: "ä-1" in client.responses)


async def test_malformed_notifications_disturb_nobody(client: Client) -> None:
    malformed: list[object] = [None, [], {}, {"textDocument": 5}, {"textDocument": {"uri": None}}]
    for params in malformed:
        for method in ("didOpen", "didChange", "didSave", "didClose"):
            client.notify(f"textDocument/{method}", params)
    client.notify("$/cancelRequest", {})
    client.notify("$/cancelRequest", {"id": "unknown"})
    await client.request("sotto/status")
    assert client.received("window/showMessage") == []
