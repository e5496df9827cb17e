"""How free the server's event loop stays while it answers, and how soon it answers at all."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from bench.answers import Answer
from bench.cold import cold_completion, documents
from bench.editor import Editor, sotto_command
from bench.loop_probe import FILE_VARIABLE
from bench.machine import PROJECT
from bench.summary import Summary, summarise
from lsp.protocol import STATUS

STATUS_EVERY_S = 0.005
IDLE_S = 2.0


class Responsiveness(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds. `late` is how much a task that slept 5 ms overslept inside the server;
    `status` is the round trip of `sotto/status` sent every 5 ms."""

    late_idle: Summary
    late_answering: Summary
    status_idle: Summary
    status_answering: Summary


async def responsiveness(model: Path | None, n: int, options: dict[str, Any]) -> Responsiveness:
    """Type into the probed server; `n` completions in each busy part. Raises EditorError."""
    arguments = ["serve"] if model is None else ["serve", "--model", str(model)]
    command = [sys.executable, "-P", "-m", "bench.loop_probe", *arguments]
    with tempfile.TemporaryDirectory(prefix="sotto-bench-") as folder:
        notes = Path(folder) / "lateness.json"
        environment = {FILE_VARIABLE: str(notes), "PYTHONPATH": str(PROJECT)}
        async with Editor(command, environment=environment, options=options) as editor:
            await editor.ready(model)
            # The loop is watched without other traffic first; the pings come on top of it.
            marks = [time.monotonic()]
            await asyncio.sleep(IDLE_S)
            marks.append(time.monotonic())
            await _work(editor, n)
            marks.append(time.monotonic())
            status_idle = await _ping(editor, asyncio.create_task(asyncio.sleep(IDLE_S)))
            status_answering = await _ping(editor, asyncio.create_task(_work(editor, n)))
        late = msgspec.json.decode(notes.read_bytes(), type=list[tuple[float, float]])
    return Responsiveness(
        late_idle=summarise(ms for at, ms in late if marks[0] <= at < marks[1]),
        late_answering=summarise(ms for at, ms in late if marks[1] <= at < marks[2]),
        status_idle=summarise(status_idle),
        status_answering=summarise(status_answering),
    )


async def _work(editor: Editor, n: int) -> None:
    for document in documents(n, salt=f"{time.time_ns():x}"):
        await cold_completion(editor, document)


async def _ping(editor: Editor, while_running: asyncio.Task[None]) -> list[float]:
    """Round trips of `sotto/status` in milliseconds, one every few milliseconds, until done."""
    answers: list[Answer] = []
    while not while_running.done():
        answers.append(editor.request(STATUS))
        await asyncio.sleep(STATUS_EVERY_S)
    await while_running
    for answer in answers:
        await asyncio.wait_for(answer.done.wait(), 10)
    return [answer.ms for answer in answers if answer.ms is not None]


async def starts(model: Path | None, n: int) -> tuple[Summary, Summary]:
    """Milliseconds to the answer to `initialize`, and to a loaded model."""
    arguments = [] if model is None else ["--model", str(model)]
    initialized: list[float] = []
    ready: list[float] = []
    for _ in range(n):
        async with Editor(sotto_command(*arguments)) as editor:
            initialized.append(editor.initialized_ms)
            await editor.ready(model)
            ready.append(1e3 * (time.perf_counter() - editor.started_at))
    return summarise(initialized), summarise(ready)
