"""The real server as a process, with a client at its other end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.client import Client

COMMAND = (sys.executable, "-I", "-m", "lsp", "serve")
START_TIMEOUT_S = 60.0


class ServerProcess:
    """A running server. Its stderr is kept as text."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.stdin = process.stdin
        self.client = Client(self._write)
        self.log = ""
        self._readers = (
            asyncio.create_task(self._read_frames(process.stdout)),
            asyncio.create_task(self._read_log(process.stderr)),
        )

    def _write(self, data: bytes) -> None:
        self.stdin.write(data)

    async def _read_frames(self, stdout: asyncio.StreamReader) -> None:
        while data := await stdout.read(1 << 16):
            self.client.feed(data)

    async def _read_log(self, stderr: asyncio.StreamReader) -> None:
        while data := await stderr.read(1 << 16):
            self.log += data.decode(errors="replace")

    async def wait(self, timeout_s: float = START_TIMEOUT_S) -> int:
        """Wait for the end of the process and of its output; returns the exit status."""
        async with asyncio.timeout(timeout_s):
            status = await self.process.wait()
            await asyncio.gather(*self._readers)
        return status

    async def end(self) -> None:
        """Kill it if it still runs, and take what is left of its output."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        with contextlib.suppress(OSError):
            self.stdin.close()
        await self.wait()


@asynccontextmanager
async def server_process(
    *arguments: str,
    command: Sequence[str] = COMMAND,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> AsyncGenerator[ServerProcess]:
    """Start the server; at the end nothing of it is left."""
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=None if env is None else {**os.environ, **env},
        cwd=cwd,
    )
    server = ServerProcess(process)
    try:
        yield server
    finally:
        await server.end()
    # Not reached where the test has failed already.
    server.client.judge.check()
