"""Drives llama-server's `/completion` as well as it can be driven: its best case.

Nothing here is what an existing plugin does. The client builds the very prompts that Sotto builds
(the typed part of the line behind everything else, windows whose edges seldom move), sends them as
token ids, so that the server's prompt cache fits while one types, takes a request back as soon as
the next key comes, and shows the rest of a suggestion that is typed through without asking.

A request is streamed, since llama-server then sees after each token whether its client is still
there; otherwise it looks once a second. During a prompt's evaluation it looks once a second anyway.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from bench.buffer import Buffer
from bench.llama_server import LlamaServer, PeerError
from bench.prompt_ids import PromptIds
from bench.replay import Keystroke
from bench.trace import Event, Insert, Move, Open

SERVER_ARGUMENTS = ("--parallel", "1")


class _Timings(msgspec.Struct, frozen=True):
    prompt_n: int = 0
    cache_n: int = 0
    predicted_n: int = 0


class _Piece(msgspec.Struct, frozen=True):
    content: str = ""
    timings: _Timings = _Timings()


class IdealCost(msgspec.Struct, frozen=True, kw_only=True):
    """What all requests together cost, as far as the server could still say."""

    n_requests: int
    n_prompt_tokens: int
    n_evaluated_tokens: int
    n_decoded_tokens: int
    n_never_shown_tokens: int
    n_evaluated_each: list[int]
    n_unknown: int
    """Requests that were taken back before the server said anything of them."""


class LlamaIdeal:
    """The client, one buffer and its last suggestion."""

    def __init__(self, server: LlamaServer, ids: PromptIds, *, max_tokens: int) -> None:
        self._server = server
        self._ids = ids
        self._max_tokens = max_tokens
        self._buffer = Buffer("", "", "")
        self._task: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._rest = ""
        """What is still to be typed of the suggestion."""
        self._failure: PeerError | None = None
        self._done: list[tuple[_Timings, bool]] = []
        self._n_requests = 0

    async def open(self, file: Open) -> None:
        self._buffer = Buffer(f"file:///bench/{file.path}", file.language, file.text)
        self._rest = ""

    def press(self, event: Event) -> Keystroke | None:
        self._buffer.apply(event)
        if self._task is not None:
            self._task.cancel()
            self._task = None
        typed, rest = (event.text if isinstance(event, Insert) else ""), self._rest
        self._rest = ""
        if isinstance(event, Move):
            return None
        key = Keystroke()
        if typed and rest.startswith(typed) and len(rest) > len(typed):
            self._rest = rest[len(typed) :]
            key.show(len(self._rest), time.perf_counter())
            return key
        text, cursor = self._buffer.text, self._buffer.cursor
        tokens = self._ids.of(self._buffer.uri, text, cursor)
        self._task = asyncio.create_task(self._ask(key, tokens))
        self._ending.add(self._task)
        self._task.add_done_callback(self._ending.discard)
        return key

    async def idle(self) -> None:
        while self._ending:
            await asyncio.wait(set(self._ending))
        if self._failure is not None:
            raise self._failure

    def cost(self) -> IdealCost:
        known = [timings for timings, _ in self._done]
        return IdealCost(
            n_requests=self._n_requests,
            n_prompt_tokens=sum(t.prompt_n + t.cache_n for t in known),
            n_evaluated_tokens=sum(t.prompt_n for t in known),
            n_decoded_tokens=sum(t.predicted_n for t in known),
            n_never_shown_tokens=sum(t.predicted_n for t, shown in self._done if not shown),
            n_evaluated_each=[t.prompt_n for t in known],
            n_unknown=self._n_requests - len(known),
        )

    async def _ask(self, key: Keystroke, tokens: list[int]) -> None:
        self._n_requests += 1
        body = {
            "prompt": tokens,
            "n_predict": self._max_tokens,
            "temperature": 0.0,
            "samplers": ["top_k"],
            "top_k": 1,
            "cache_prompt": True,
            "stream": True,
            "timings_per_token": True,
            "id_slot": 0,
        }
        text, timings = "", None
        try:
            async for piece in self._pieces(body):
                text, timings = text + piece.content, piece.timings
                key.n_evaluated = timings.prompt_n
            if text:
                self._rest = text
                key.show(len(text), time.perf_counter())
            else:
                key.leave_empty("empty", time.perf_counter())
        except PeerError as error:
            self._failure = error
            key.leave_empty("error", time.perf_counter())
        except asyncio.CancelledError:
            key.leave_empty("superseded", time.perf_counter())
            key.answered_at = None
        finally:
            if timings is not None:
                self._done.append((timings, key.shown_at is not None))

    async def _pieces(self, body: dict[str, Any]) -> AsyncIterator[_Piece]:
        decode = msgspec.json.Decoder(_Piece).decode
        async for line in self._server.stream("/completion", body):
            yield decode(line)
