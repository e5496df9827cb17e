"""A llama-server process: start, ask, account, stop."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
import psutil

from bench.errors import BenchError
from bench.machine import clean_environment

START_TIMEOUT_S = 120.0


class PeerError(BenchError):
    """The peer could not be started or answered with an error; says what it last logged."""


class LlamaServer:
    """Use `async with`; it listens on a free port of the loopback interface."""

    def __init__(
        self, program: Path, model: Path, *, n_threads: int, arguments: Sequence[str]
    ) -> None:
        self._port = _free_port()
        self.command = [str(program), "--model", str(model), "--threads", str(n_threads)]
        self.command += ["--host", "127.0.0.1", "--port", str(self._port), "--offline"]
        self.command += arguments
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed in __aexit__)
        self._process: asyncio.subprocess.Process
        self._http = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)

    async def __aenter__(self) -> Self:
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=self._log,
                env=clean_environment(),
            )
        except OSError as error:
            self._log.close()
            raise PeerError(f"{self.command[0]} could not be started: {error}") from error
        try:
            await self._healthy()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._http.close()
        if self._process.returncode is None:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 5)
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._log.close()

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """One request over the kept connection; never two at a time. Raises PeerError."""
        status, data = await asyncio.to_thread(self._exchange, "POST", path, body)
        if status != 200:
            raise PeerError(f"llama-server answered {status}: {data[:300]!r}")
        return msgspec.json.decode(data)

    async def stream(self, path: str, body: dict[str, Any]) -> AsyncIterator[bytes]:
        """The events of one streamed request, over a connection of its own. Cancelling the task
        that reads them closes it, which takes the request back. Raises PeerError."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 22)
        try:
            data = msgspec.json.encode(body)
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
            writer.write(head.encode() + data)
            status = await reader.readline()
            if b" 200 " not in status:
                said = await reader.read(600)
                raise PeerError(f"llama-server answered {status!r}: {said[-300:]!r}")
            # Chunk sizes and blank lines stand between the events, which are a line each.
            while line := await reader.readline():
                if line.startswith(b"data: {"):
                    yield line[len(b"data: ") :]
        except (OSError, ValueError) as error:
            raise PeerError(f"llama-server: {error}") from error
        finally:
            writer.close()

    def cpu_seconds(self) -> float:
        times = psutil.Process(self._process.pid).cpu_times()
        return times.user + times.system

    def rss_bytes(self) -> int:
        return psutil.Process(self._process.pid).memory_info().rss

    async def _healthy(self) -> None:
        deadline = time.perf_counter() + START_TIMEOUT_S
        while time.perf_counter() < deadline:
            if self._process.returncode is not None:
                raise PeerError(f"llama-server ended.{self._last_words()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if (await asyncio.to_thread(self._exchange, "GET", "/health", None))[0] == 200:
                    return
            self._http.close()
            await asyncio.sleep(0.1)
        raise PeerError(f"llama-server was not ready in time.{self._last_words()}")

    def _exchange(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, bytes]:
        data = None if body is None else msgspec.json.encode(body)
        self._http.request(method, path, data, {"Content-Type": "application/json"})
        response = self._http.getresponse()
        return response.status, response.read()

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return "" if not lines else " It last logged:\n" + "\n".join(lines[-12:])


def version(program: Path) -> str:
    """What `--version` says, in one line. Raises PeerError if it is no such program."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerError(f"{program} could not be run: {error}") from error
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "version" in line]
    return lines[0].strip() if lines else "unknown"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
