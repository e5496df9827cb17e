"""Runs another program: no shell, bounded time and output, ended with all its children."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_OUTPUT_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Output:
    text: str
    """What it printed; its errors too, if they were asked for."""
    status: int | None
    """None if it was ended."""

    @property
    def is_finished(self) -> bool:
        return self.status is not None


async def run(
    arguments: Sequence[str], *, cwd: Path, timeout_s: float, with_errors: bool = False
) -> Output | None:
    """What the program printed until it ended, its time was over, or it had printed too much. None
    if it cannot be started. A cancel ends it."""
    errors = asyncio.subprocess.STDOUT if with_errors else asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=os.name != "nt",
        )
    except (OSError, ValueError):
        return None
    assert process.stdout is not None
    read = bytearray()
    status: int | None = None
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while len(read) < MAX_OUTPUT_BYTES:
                    data = await process.stdout.read(1 << 16)
                    if not data:
                        status = await process.wait()
                        break
                    read += data
    finally:
        if status is None:
            _end(process)
            await process.wait()
    return Output(bytes(read).decode("utf-8", "replace"), status)


def trusted(name: str, folders: Iterable[Path]) -> str | None:
    """Where a program is; None if there is none, or `PATH` leads into one of the folders."""
    program = shutil.which(name)
    if program is None or not Path(program).is_absolute():
        return None
    real = Path(os.path.realpath(program))
    return None if any(real.is_relative_to(folder) for folder in folders) else program


def _end(process: asyncio.subprocess.Process) -> None:
    """Its children too, which may outlive it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "nt":
            if process.returncode is None:
                process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
