"""The server as a process: stdio, start-up, leaving, and whatever goes wrong around it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.client import Client, Json, ResponseError, sha256
from tests.support.server_process import COMMAND, START_TIMEOUT_S, ServerProcess, server_process

pytestmark = pytest.mark.e2e

URI = "file:///project/a.py"
ROOT = Path(__file__).resolve().parents[2]
SOURCE = "def read_lines(path):\n    with open(path) as file:\n        return file.\n"
N_LINES = 60
LONG_SOURCE = "".join(f"def line_{n}(a, b):\n    return a + {n} * b\n" for n in range(N_LINES // 2))
# What a library might do at the worst moment, from Python, from the C library and by the number.
NOISY = """
import sys
from lsp import stdio
channel = stdio.take_stdout()
import ctypes, os, subprocess, threading, time
libc = ctypes.CDLL(None)
def make_noise():
    while True:
        print("noise from print", flush=True)
        os.write(1, b"Content-Length: 5\\r\\n\\r\\nnoise from os.write\\n")
        libc.puts(b"noise from puts"); libc.fflush(None)
        subprocess.run([sys.executable, "-c", "print('noise from a child')"])
        time.sleep(0.01)
threading.Thread(target=make_noise, daemon=True).start()
from lsp.server import serve
sys.exit(serve(channel))
"""


async def ready(server: ServerProcess) -> None:
    await server.client.initialize()
    await server.client.wait_ready()


async def works(server: ServerProcess) -> None:
    """The server keeps its copy of a document and answers for it."""
    server.client.open(URI, SOURCE)
    info = await server.client.document_info(URI)
    assert info["sha256"] == sha256(SOURCE)
    await server.client.inline(URI, 2, 20)


@pytest.mark.parametrize("command", [COMMAND, COMMAND[:-1]], ids=["serve", "no command"])
async def test_the_first_suggestion_and_an_orderly_end(command: tuple[str, ...]) -> None:
    async with server_process(command=command) as server:
        client = server.client
        await ready(server)
        client.open(URI, SOURCE)
        texts = await client.inline(URI, 2, 20, is_invoked=True)
        assert texts
        assert all(texts)
        record = (await client.records())[-1]
        assert (record["outcome"], record["source"]) == ("shown", "model")
        assert record["n_prompt_tokens"] == record["n_reused_tokens"] + record["n_evaluated_tokens"]
        assert record["n_decoded_tokens"] > 0
        assert 0 < record["first_text_ms"] <= record["total_ms"]
        status = await client.request("sotto/status")
        assert status["model"]["is_builtin"]
        assert status["rss_bytes"] > 10_000_000
        await client.shut_down()
        assert await server.wait() == 0
        assert client.noise == []
        assert all(len(answers) == 1 for answers in client.responses.values())


async def test_noise_on_stdout_never_reaches_the_frames() -> None:
    async with server_process(command=(sys.executable, "-c", NOISY)) as server:
        await ready(server)
        for _ in range(20):
            await works(server)
        await server.client.shut_down()
        assert await server.wait() == 0
        assert server.client.noise == []
        for source in ("print", "os.write", "puts", "a child"):
            assert f"noise from {source}" in server.log


@pytest.mark.parametrize("how", ["beside", "on PYTHONPATH"])
async def test_a_foreign_package_named_inference_is_refused(tmp_path: Path, how: str) -> None:
    touched = tmp_path / "touched"
    (tmp_path / "inference.py").write_text(f"open({str(touched)!r}, 'w')\n")
    command = (sys.executable, "-m", "lsp", "serve")
    env = {"PYTHONPATH": str(tmp_path)} if how == "on PYTHONPATH" else None
    async with server_process(command=command, cwd=tmp_path, env=env) as server:
        assert await server.wait() == 1
        (sentence,) = server.log.strip().splitlines()
        assert sentence.startswith("Sotto cannot start:")
        assert str(tmp_path) in sentence
        assert not touched.exists()
    async with server_process(cwd=tmp_path, env=env) as server:  # -I is not fooled.
        await ready(server)


GARBAGE = [
    b"garbage\r\n\r\n",
    b"\x00\xff\r\n" * 1000,
    b"Content-Length: nonsense\r\n\r\n{}",
    b"Content-Length: 99999999999999\r\n\r\n",
    b"x" * 200_000,
    b"\r\n\r\n\r\n",
]


async def test_garbage_and_wrong_lengths() -> None:
    async with server_process() as server:
        client = server.client
        client.send_bytes(b"garbage before anything\r\n\r\n")
        await ready(server)
        for garbage in GARBAGE:
            client.send_bytes(garbage)
            await works(server)
        body = json.dumps({"jsonrpc": "2.0", "id": "x", "method": "sotto/status"}).encode()
        for n_bytes in (len(body) - 5, len(body) + 5, len(body) + 30, 0):
            client.send_bytes(b"Content-Length: %d\r\n\r\n" % n_bytes + body)
            client.notify("$/ignored")
            await works(server)
        assert {answer["error"]["code"] for answer in client.responses[None]} == {-32700}
        assert len(client.responses[None]) == 4
        assert client.received("window/showMessage") == []


async def test_a_request_before_initialize() -> None:
    async with server_process() as server:
        with pytest.raises(ResponseError) as raised:
            await server.client.request("textDocument/inlineCompletion", {})
        assert raised.value.code == -32002
        await ready(server)


async def test_an_editor_that_says_everything_at_once_and_leaves() -> None:
    async with server_process() as server:
        params: Json = {"processId": None, "rootUri": None, "capabilities": {}}
        _, initialized = server.client.start_request("initialize", params)
        server.client.notify("initialized", {})
        server.client.open(URI, SOURCE)
        _, shut_down = server.client.start_request("shutdown")
        server.client.notify("exit")
        server.stdin.close()
        assert await server.wait() == 0
        assert (await initialized)["serverInfo"]["name"] == "sotto"
        assert await shut_down is None


@pytest.mark.parametrize("state", ["new", "loading", "idle", "decoding"])
async def test_the_end_of_stdin_ends_the_server(state: str) -> None:
    async with server_process() as server:
        if state != "new":
            await server.client.initialize()
        if state in ("idle", "decoding"):
            await server.client.wait_ready()
        if state == "decoding":
            server.client.open(URI, SOURCE)
            server.client.start_inline(URI, 2, 20, is_invoked=True)
        server.stdin.close()
        assert await server.wait() == 1


@pytest.mark.parametrize("end", ["stdin", "process"])
async def test_an_editor_that_does_not_read_may_leave(end: str) -> None:
    """The pipe that nobody reads is full long before the last of these requests is answered."""
    sleep = (sys.executable, "-c", "import time; time.sleep(60)")
    from_stdout, stdout = os.pipe()
    async with server_process(command=sleep) as editor:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=stdout,
            stderr=asyncio.subprocess.DEVNULL,
        )
        os.close(stdout)
        assert process.stdin is not None
        client = Client(process.stdin.write)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                pid = editor.process.pid
                params: Json = {"processId": pid, "rootUri": None, "capabilities": {}}
                client.start_request("initialize", params)
                for _ in range(2000):
                    client.start_request("sotto/status")
                    await process.stdin.drain()
                if end == "stdin":
                    process.stdin.close()
                else:
                    editor.process.kill()
                assert await process.wait() == 1
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.stdin.close()
            await process.wait()
            os.close(from_stdout)


async def test_the_end_of_the_editor_ends_the_server_though_stdin_stays_open() -> None:
    sleep = (sys.executable, "-c", "import time; time.sleep(60)")
    async with server_process(command=sleep) as editor, server_process() as server:
        await server.client.initialize(process_id=editor.process.pid)
        await server.client.wait_ready()
        editor.process.kill()
        assert await server.wait() == 1


async def test_a_closed_stdout_ends_the_server() -> None:
    async with server_process() as server:
        await ready(server)
        transport: Any = vars(server.process)["_transport"]  # There is no public way.
        transport.get_pipe_transport(1).close()
        waiting = asyncio.create_task(server.wait())
        while not waiting.done():
            # The server finds out when it writes, so it is asked until it does.
            server.client.start_request("sotto/status")
            await asyncio.sleep(0.05)
        assert await waiting == 1


async def test_nothing_is_left_behind() -> None:
    async with server_process() as server:
        await ready(server)
        process = psutil.Process(server.process.pid)
        assert process.children(recursive=True) == []
        listening = [c for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
        assert listening == []


async def test_logs_hold_no_text_of_the_user(tmp_path: Path) -> None:
    log_file = tmp_path / "sotto.log"
    secret = "hunter2_is_the_password"
    arguments = ("--log-file", str(log_file), "--log-json", "--log-level", "debug")
    async with server_process(*arguments) as server:
        client = server.client
        await ready(server)
        client.open(URI, f"def {secret}():\n    return \n")
        await client.inline(URI, 1, 11, is_invoked=True)
        client.change(URI, 2, {"range": secret, "text": secret})
        client.notify("textDocument/didOpen", {"textDocument": secret})
        with pytest.raises(ResponseError):
            await client.request("textDocument/inlineCompletion", {"position": secret})
        await client.shut_down()
        assert await server.wait() == 0
        assert server.log == ""
    entries = [json.loads(line) for line in log_file.read_text().splitlines()]
    assert {"time", "level", "logger", "message"} <= entries[0].keys()
    assert any(entry["level"] == "debug" for entry in entries)
    assert secret not in log_file.read_text()


async def test_a_log_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    async with server_process("--log-file", str(tmp_path)) as server:
        assert await server.wait() == 1
        assert "cannot write its log" in server.log


async def test_where_the_cursor_has_rested_the_first_suggestion_reads_next_to_nothing() -> None:
    async with server_process() as server:
        await ready(server)
        client = server.client
        client.open(URI, LONG_SOURCE)
        place = {"line": N_LINES // 2, "character": 4}
        client.notify("sotto/didMoveCursor", {"textDocument": {"uri": URI}, "position": place})
        await asyncio.sleep(3)
        await client.inline(URI, N_LINES // 2, 4, is_invoked=True)
        record = (await client.records())[-1]
        assert record["n_prompt_tokens"] > 300
        n_per_candidate = record["n_evaluated_tokens"] / 3
        assert n_per_candidate < 16
