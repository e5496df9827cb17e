"""What no one foresaw: an error in a handler is an answer or a log line, and nothing else."""

from __future__ import annotations

import pytest

from lsp import answer
from tests.support.client import InProcess, ResponseError

URI = "file:///project/a.py"


class UnforeseenError(Exception):
    """Its message quotes the user's text, as messages of libraries may."""


def fail(*_args: object, **_kwargs: object) -> None:
    raise UnforeseenError("secret_name")


async def test_in_a_suggestion(server: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    client = server.client
    client.open(URI, "value = \n")
    monkeypatch.setattr(answer, "suggest", fail)
    assert await client.inline(URI, 0, 8) == []
    record = (await client.records())[-1]
    assert (record["outcome"], record["reason"]) == ("error", "UnforeseenError")
    monkeypatch.undo()
    assert await client.inline(URI, 0, 8) == ["pass"]
    assert client.received("window/showMessage") == []


async def test_in_another_request(server: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    client = server.client
    client.open(URI, "value = \n")
    with monkeypatch.context() as patch:
        patch.setattr(server.conversation.session.records, "recent", fail)
        with pytest.raises(ResponseError) as raised:
            await client.records()
    assert raised.value.code == -32603
    assert "UnforeseenError" in str(raised.value)
    assert "secret_name" not in str(client.responses)
    assert await client.inline(URI, 0, 8) == ["pass"]


@pytest.mark.parametrize("params", [{"textDocument": {"uri": URI}}, {}, None])
async def test_what_the_client_did_wrong_is_no_failure(
    server: InProcess, params: object, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ResponseError) as raised, caplog.at_level("INFO", logger="lsp"):
        await server.client.request("sotto/documentInfo", params)
    assert raised.value.code == -32602
    (record,) = [record for record in caplog.records if record.name.startswith("lsp")]
    assert (record.levelname, record.exc_info) == ("INFO", None)
    assert record.getMessage().startswith("sotto/documentInfo was refused: ")


async def test_in_a_notification(server: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    client = server.client
    with monkeypatch.context() as patch:
        patch.setattr(server.conversation.session.documents, "open", fail)
        client.open(URI, "value = \n")
        await client.request("sotto/status")
    assert client.received("window/showMessage") == []
    client.open(URI, "value = \n")
    assert await client.inline(URI, 0, 8) == ["pass"]


async def test_in_the_background(server: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    client = server.client
    with monkeypatch.context() as patch:
        patch.setattr(server.conversation.session.engine, "want", fail)
        client.notify("workspace/didChangeConfiguration", {"settings": {"sotto": {}}})
        await client.request("sotto/status")
    client.open(URI, "value = \n")
    assert await client.inline(URI, 0, 8) == ["pass"]
