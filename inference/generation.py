"""What a caller holds while its request is worked on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

from inference.errors import InferenceError
from inference.job import Event
from inference.types import Chunk, GenerationResult


class Cancels(Protocol):
    """Tells the engine."""

    def __call__(self, *, finish_prompt: bool) -> None: ...


class Generation(AsyncIterator[Chunk]):
    """One request's stream of chunks and its result. Made by `Engine.submit`.

    It belongs to the event loop that submitted it. Iterating is optional: chunks wait without
    limit, and never hold up the engine.
    """

    def __init__(self, request_id: int, cancel: Cancels) -> None:
        self.id = request_id
        self._cancel = cancel
        self._is_cancelled = False
        self._chunks: deque[Chunk] = deque()
        self._end: GenerationResult | InferenceError | None = None
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()

    def __aiter__(self) -> Generation:
        return self

    async def __anext__(self) -> Chunk:
        """Raises the `InferenceError` that ended the generation, once all chunks are taken.
        After `cancel` it stops at once."""
        while not self._is_cancelled:
            if self._chunks:
                return self._chunks.popleft()
            if isinstance(self._end, InferenceError):
                raise self._end
            if self._end is not None:
                break
            self._changed.clear()
            await self._changed.wait()
        raise StopAsyncIteration

    def cancel(self, *, finish_prompt: bool = False) -> None:
        """Stops it; idempotent, and without effect on one that has ended. The engine does at most
        one more step for it.

        Args:
            finish_prompt: whether what is left of the prompt is to be evaluated all the same, when
                nothing else is to be done: the next request will want most of it. That ends when
                it begins, or with any other request for a suggestion.
        """
        if self._is_cancelled or self._end is not None:
            return
        self._is_cancelled = True
        self._changed.set()
        self._cancel(finish_prompt=finish_prompt)

    async def result(self) -> GenerationResult:
        """Waits for the end. Raises the `InferenceError` that ended the generation.

        Cancelling the awaiting task does not cancel the generation.
        """
        await self._ended.wait()
        assert self._end is not None
        if isinstance(self._end, InferenceError):
            raise self._end
        return self._end

    def receive(self, event: Event) -> None:
        """Takes what the engine tells; for the engine, on the event loop."""
        if self._end is not None:
            return
        if isinstance(event, Chunk):
            self._chunks.append(event)
        else:
            self._end = event
            self._ended.set()
        self._changed.set()
