"""Opening, changing, closing: in step with the editor, and honest where that is in doubt."""

from __future__ import annotations

import pytest

from lsp.document_store import MAX_CHARS
from tests.support.client import (
    Client,
    InProcess,
    Json,
    ResponseError,
    insertion,
    replacement,
    sha256,
)

URI = "file:///project/a.py"


async def text_is(client: Client, text: str) -> bool:
    info = await client.document_info(URI)
    return info["sha256"] == sha256(text) and info["n_chars"] == len(text)


async def suspicion(client: Client) -> str | None:
    return (await client.document_info(URI))["suspicion"]


async def test_several_changes_in_one_notification_build_on_each_other(client: Client) -> None:
    client.open(URI, "one\ntwo\n")
    client.change(
        URI,
        2,
        insertion(0, 3, "\nand a half"),
        insertion(1, 0, "- "),
        replacement((2, 0), (3, 0), ""),
    )
    assert await text_is(client, "one\n- and a half\n")
    assert await suspicion(client) is None


@pytest.mark.parametrize(
    ("text", "change", "result"),
    [
        ("a\r\nb", replacement((0, 1), (1, 0), ""), "ab"),
        ("a\rb", insertion(1, 0, "\n"), "a\r\nb"),
        ("a\nb", insertion(0, 1, "\r"), "a\r\nb"),
        ("a\r\nb", insertion(1, 0, "\n"), "a\r\n\nb"),
        ("a\x0cb\u2028c\x85d\ne", insertion(1, 0, "x"), "a\x0cb\u2028c\x85d\nxe"),
        ("😀é\n", insertion(0, 2, "x"), "😀xé\n"),
        ("", insertion(0, 0, "x"), "x"),
        ("no newline", insertion(0, 10, "\n"), "no newline\n"),
        ("a\n", replacement((0, 0), (5, 0), "b"), "b"),
    ],
)
async def test_changes(client: Client, text: str, change: Json, result: str) -> None:
    client.open(URI, text)
    client.change(URI, 2, change)
    assert await text_is(client, result)
    assert await suspicion(client) is None


async def test_a_change_of_an_unopened_document_is_ignored_and_said_once(client: Client) -> None:
    client.change(URI, 1, insertion(0, 0, "x"))
    client.change(URI, 2, insertion(0, 0, "x"))
    with pytest.raises(ResponseError):
        await client.document_info(URI)
    (message,) = client.received("window/logMessage")
    assert URI in message["message"]
    client.open(URI, "fresh")
    assert await text_is(client, "fresh")


async def test_a_version_that_goes_backwards_makes_the_document_suspect(server: InProcess) -> None:
    client = server.client
    client.open(URI, "value = \n", version=7)
    client.change(URI, 3, insertion(0, 8, "1"))
    assert await text_is(client, "value = 1\n")
    assert "from 7 back to 3" in str(await suspicion(client))
    assert await client.inline(URI, 0, 9) == []
    assert (await client.records())[-1]["reason"] == "out-of-step"
    client.change(URI, 2, insertion(0, 9, "0"))
    (message,) = client.received("window/logMessage")  # Said once, not at every change.
    assert URI in message["message"]
    assert client.received("window/showMessage") == []


@pytest.mark.parametrize(
    "resync",
    [{"text": "value = \n"}, replacement((0, 0), (2**31 - 1, 0), "value = \n"), None],
    ids=["whole text", "range of everything", "opened again"],
)
async def test_a_whole_text_ends_the_suspicion(client: Client, resync: Json | None) -> None:
    client.open(URI, "x = 1\n", version=7)
    client.change(URI, 3, insertion(0, 0, "y"))
    assert await suspicion(client) is not None
    if resync is None:
        client.open(URI, "value = \n", version=9)
    else:
        client.change(URI, 9, resync)
    assert await suspicion(client) is None
    assert await text_is(client, "value = \n")
    assert await client.inline(URI, 0, 8) == ["pass"]


@pytest.mark.parametrize(
    ("change", "result"),
    [
        (insertion(0, 99, "x"), "onex\ntwo"),
        (insertion(7, 0, "x"), "one\ntwox"),
        (replacement((0, 1), (0, 99), ""), "o\ntwo"),
        (replacement((1, 0), (0, 0), ""), "two"),
    ],
    ids=["character beyond the line", "line beyond the text", "end beyond the line", "reversed"],
)
async def test_a_range_outside_the_text_is_clamped_and_makes_suspect(
    client: Client, change: Json, result: str
) -> None:
    client.open(URI, "one\ntwo")
    client.change(URI, 2, change)
    assert await text_is(client, result)
    assert await suspicion(client) is not None


async def test_a_change_below_an_empty_text_makes_suspect(client: Client) -> None:
    """The editor has lines there; clamped, the range is all of the copy and yet no whole text."""
    client.open(URI, "")
    client.change(URI, 2, insertion(3, 0, "value = "))
    assert await suspicion(client) is not None
    assert await client.inline(URI, 0, 8) == []


async def test_a_range_may_end_beyond_the_last_line(client: Client) -> None:
    """Editors that think in lines delete the last one up to the start of the next."""
    client.open(URI, "one\ntwo")
    client.change(URI, 2, replacement((1, 0), (2, 0), "2"))
    assert await text_is(client, "one\n2")
    assert await suspicion(client) is None


async def test_half_a_character_is_not_cut(client: Client) -> None:
    client.open(URI, "a😀b")
    client.change(URI, 2, replacement((0, 2), (0, 4), ""))
    assert await text_is(client, "a")
    assert await suspicion(client) is not None


async def test_a_malformed_change_makes_suspect(client: Client) -> None:
    client.open(URI, "value = \n")
    params = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"range": 5}]}
    client.notify("textDocument/didChange", params)
    assert "malformed" in str(await suspicion(client))


async def test_closing_forgets_the_document(client: Client) -> None:
    client.open(URI, "value = \n")
    client.notify("textDocument/didSave", {"textDocument": {"uri": URI}})
    client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    with pytest.raises(ResponseError) as raised:
        await client.document_info(URI)
    assert raised.value.code == -32602
    assert await client.inline(URI, 0, 8) == []


async def test_an_oversize_document_is_known_by_name_only(server: InProcess) -> None:
    client = server.client
    client.open(URI, "x" * (MAX_CHARS - 1) + "\n")
    assert (await client.document_info(URI))["n_chars"] == MAX_CHARS
    client.change(URI, 2, insertion(0, 0, "yy"))
    info = await client.document_info(URI)
    assert (info["version"], info["n_chars"], info["sha256"]) == (2, None, None)
    document = server.conversation.session.documents.get(URI)
    assert document is not None
    assert document.text == ""
    client.change(URI, 3, insertion(0, 5, "z"))
    assert await client.inline(URI, 0, 1) == []
    assert (await client.records())[-1]["reason"] == "too-large"
    assert await suspicion(client) is None
    client.change(URI, 4, {"text": "value = \n"})
    assert await client.inline(URI, 0, 8) == ["pass"]
