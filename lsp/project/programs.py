"""Runs another program: no shell, bounded time and output, ended with all its children."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Iterable, Mapping, Sequence
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
    arguments: Sequence[str],
    *,
    cwd: Path,
    timeout_s: float,
    with_errors: bool = False,
    text: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> Output | None:
    """What the program printed until it ended, its time was over, or it had printed too much. None
    if it cannot be started. A cancel ends it.

    It reads `text`, in UTF-8, from its standard input; `variables` is its whole environment, ours
    if that is None.
    """
    errors = asyncio.subprocess.STDOUT if with_errors else asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL if text is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=os.name != "nt",
            env=variables,
        )
    except (OSError, ValueError):
        return None
    assert process.stdout is not None
    if process.stdin is not None:
        # Buffered: it is written while the program's own text is read.
        process.stdin.write((text or "").encode(errors="replace"))
        process.stdin.close()
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
    # A link in a folder chooses the program as much as a file there does.
    path = Path(program)
    found = (path, Path(os.path.realpath(path.parent)), Path(os.path.realpath(path)))
    return None if any(f.is_relative_to(folder) for f in found for folder in folders) else program


def _end(process: asyncio.subprocess.Process) -> None:
    """Its children too, which may outlive it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "nt":
            if process.returncode is None:
                process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
