"""Starts and asks `bench.direct`."""

from __future__ import annotations

import asyncio
import sys
from typing import Literal

import msgspec

from bench.direct_job import Job, Timing
from bench.editor import EditorError
from bench.machine import PROJECT, clean_environment


class DirectProcess:
    """`bench.direct` as a child, with one of its two settings. Use `async with`."""

    def __init__(
        self, model: str, n_threads: int, n_ctx: int, settings: Literal["defaults", "engine"]
    ) -> None:
        self._command = [sys.executable, "-m", "bench.direct", model, str(n_threads)]
        self._command += [str(n_ctx), settings]
        self._process: asyncio.subprocess.Process

    async def __aenter__(self) -> DirectProcess:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=PROJECT,
            env=clean_environment(),
            limit=1 << 24,
        )
        await self._line()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                await asyncio.wait_for(self._process.wait(), 5)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def run(self, job: Job) -> Timing:
        """One cold completion. Raises EditorError if the child is gone."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(job) + b"\n")
        return msgspec.json.decode(await self._line(), type=Timing)

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise EditorError("llama.cpp could not be run directly; its message is above.")
        return line
