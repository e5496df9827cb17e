"""Model files that cannot be used and documents nobody should have opened."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from inference import builtin_model_path
from tests.support.client import Client, insertion, sha256
from tests.support.server_process import server_process

pytestmark = pytest.mark.e2e

URI = "file:///project/a.py"
SOURCE = "def read_lines(path):\n    with open(path) as file:\n        return file.\n"
MIB = 1024 * 1024


def messages(client: Client) -> list[str]:
    return [message["message"] for message in client.received("window/showMessage")]


def write_model(path: Path, kind: str) -> None:
    """A file that a user might name, which is no model Sotto can use."""
    good = builtin_model_path().read_bytes()
    match kind:
        case "missing":
            return
        case "a folder":
            path.mkdir()
        case "empty":
            path.write_bytes(b"")
        case "not a GGUF":
            path.write_text("I am a text file.\n" * 100)
        case "truncated header":
            path.write_bytes(good[:1000])
        case "truncated data":
            path.write_bytes(good[: len(good) // 2])
        case "absurd counts":
            path.write_bytes(good[:8] + struct.pack("<QQ", 2**62, 2**62) + good[24:])
        case "wrong architecture":
            assert good.count(b"qwen3") > 0
            path.write_bytes(good.replace(b"qwen3", b"qwenX"))
        case _:
            raise ValueError(kind)


@pytest.mark.parametrize(
    "kind",
    [
        "missing",
        "a folder",
        "empty",
        "not a GGUF",
        "truncated header",
        "truncated data",
        "absurd counts",
        "wrong architecture",
    ],
)
async def test_a_model_that_cannot_be_used(tmp_path: Path, kind: str) -> None:
    """It is said in the editor, the server stays up, and the built-in model takes over."""
    path = tmp_path / "model.gguf"
    write_model(path, kind)
    async with server_process() as server:
        client = server.client
        await client.initialize(options={"model": {"path": str(path)}})
        await client.wait_ready()
        (message,) = messages(client)
        assert "model.gguf" in message
        assert message.endswith("The built-in model is used instead.")
        status = await client.request("sotto/status")
        assert status["model"]["is_builtin"]
        assert status["message"] in message
        client.open(URI, SOURCE)
        assert await client.inline(URI, 2, 20, is_invoked=True)
        await client.shut_down()
        assert await server.wait() == 0


async def test_a_bad_model_on_the_command_line_without_leave_to_fall_back(tmp_path: Path) -> None:
    async with server_process("--model", str(tmp_path / "no.gguf")) as server:
        client = server.client
        await client.initialize(options={"model": {"fallbackToBuiltin": False}})
        await client.until(lambda: bool(messages(client)))
        assert (await client.request("sotto/status"))["state"] == "failed"
        client.open(URI, SOURCE)
        assert await client.inline(URI, 2, 20) == []
        assert (await client.records())[-1]["reason"] == "model-failed"


async def test_a_model_is_replaced_while_the_server_runs(tmp_path: Path) -> None:
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(builtin_model_path().read_bytes())
    async with server_process() as server:
        client = server.client
        await client.initialize()
        await client.wait_ready()
        client.open(URI, SOURCE)
        expected = await client.inline(URI, 2, 20, is_invoked=True)
        _, running = client.start_inline(URI, 2, 20, is_invoked=True)
        client.notify(
            "workspace/didChangeConfiguration",
            {"settings": {"sotto": {"model": {"path": str(copy)}}}},
        )
        await client.until(lambda: str(copy) in str(client.received("sotto/status")))
        assert "items" in await running
        assert await client.inline(URI, 2, 20, is_invoked=True) == expected
        assert messages(client) == []
        await client.shut_down()
        assert await server.wait() == 0


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("x" * (50 * MIB), (0, 5), "too-large"),
        ("x = 1\n" * (8 * MIB), (0, 5), "too-large"),
        ("x" * MIB, (0, MIB), "line-too-long"),
        ("\x7fELF\x02\x01\x01\0\0\0\nvalue = \n", (1, 8), "binary"),
        ("value = 1\n\0\nvalue = \n", (2, 8), "binary"),
    ],
    ids=["a 50 MB line", "50 MB of lines", "a 1 MB line", "a binary file", "a NUL"],
)
async def test_documents_without_suggestions(
    text: str, place: tuple[int, int], reason: str
) -> None:
    async with server_process() as server:
        client = server.client
        await client.initialize()
        await client.wait_ready()
        before = (await client.request("sotto/status"))["rss_bytes"]
        client.open(URI, text)
        for version in range(2, 12):
            client.change(URI, version, insertion(0, 0, "x"))
            assert await client.inline(URI, *place) == []
            assert (await client.records())[-1]["reason"] == reason
        client.open("file:///project/b.py", SOURCE)
        info = await client.document_info("file:///project/b.py")
        assert info["sha256"] == sha256(SOURCE)
        after = (await client.request("sotto/status"))["rss_bytes"]
        assert after - before < 100 * MIB
