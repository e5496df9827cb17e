"""Types into an engine in this process: what a server would ask of it, without the server."""

from __future__ import annotations

import asyncio
import time

from bench.buffer import Buffer
from bench.replay import Keystroke
from bench.trace import Event, Move, Open
from inference import Engine, FimPrompt, Generation, GenerationRequest, SamplingParams


class EngineDriver:
    """One inline request for every key; the one before is cancelled. No gate, no typing through."""

    def __init__(self, engine: Engine, *, max_tokens: int) -> None:
        self._engine = engine
        self._sampling = SamplingParams(max_tokens=max_tokens)
        self._buffer = Buffer("", "", "")
        self._last: Generation | None = None
        self._settling: set[asyncio.Task[None]] = set()

    async def open(self, file: Open) -> None:
        self._buffer = Buffer(file.path, file.language, file.text)

    def press(self, event: Event) -> Keystroke | None:
        self._buffer.apply(event)
        if self._last is not None:
            self._last.cancel()
        if isinstance(event, Move):
            return None
        text, cursor = self._buffer.text, self._buffer.cursor
        key = Keystroke()
        request = GenerationRequest(
            prompt=FimPrompt(prefix=text[:cursor], suffix=text[cursor:], path=self._buffer.uri),
            sampling=self._sampling,
            sequence_hint=self._buffer.uri,
        )
        self._last = generation = self._engine.submit(request)
        task = asyncio.create_task(self._settle(key, generation))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        return key

    async def idle(self) -> None:
        while self._settling:
            await asyncio.wait(set(self._settling))

    async def _settle(self, key: Keystroke, generation: Generation) -> None:
        result = await generation.result()
        key.n_evaluated = result.usage.n_evaluated_tokens
        if generation is not self._last:
            key.leave_empty("superseded", time.perf_counter())
            key.answered_at = None
        elif result.text:
            key.show(len(result.text), time.perf_counter())
        else:
            key.leave_empty("empty", time.perf_counter())
