"""The ideal client: what it asks, takes back and shows, against a server that streams when told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import msgspec

from bench.llama_ideal import LlamaIdeal
from bench.replay import replay
from bench.trace import Delete, Insert, Move, Open, Session


class FakeServer:
    """Streams one token every `delay_s`."""

    def __init__(self, pieces: list[str], *, delay_s: float = 0.0) -> None:
        self.pieces = pieces
        self.delay_s = delay_s
        self.prompts: list[list[int]] = []
        self.n_taken_back = 0

    async def stream(self, path: str, body: dict[str, Any]) -> AsyncIterator[bytes]:
        assert path == "/completion"
        self.prompts.append(body["prompt"])
        try:
            for n, piece in enumerate(self.pieces[: body["n_predict"]], 1):
                await asyncio.sleep(self.delay_s)
                timings = {"prompt_n": 3, "cache_n": 4, "predicted_n": n}
                yield msgspec.json.encode({"content": piece, "timings": timings})
        except (asyncio.CancelledError, GeneratorExit):
            self.n_taken_back += 1
            raise


class FakeIds:
    """A prompt is the text before the cursor."""

    def of(self, _uri: str, text: str, offset: int) -> list[int]:
        return list(text[:offset].encode())


def client(server: FakeServer) -> LlamaIdeal:
    return LlamaIdeal(cast(Any, server), cast(Any, FakeIds()), max_tokens=2)


async def test_what_is_typed_through_is_not_asked_for() -> None:
    server = FakeServer(["ri", "nt", "never"])
    driver = client(server)
    events = (Move(0, 0), Insert(0, "p", 0), Insert(1, "r", 0), Insert(2, "x", 0), Delete(2, 1, 0))
    keys = await replay(driver, [Session(Open("a.py", "python", "\n"), events)], speed=None)
    assert [key.n_chars for key in keys] == [4, 3, 4, 4]
    assert [key.n_evaluated for key in keys] == [3, None, 3, 3]
    assert server.prompts == [list(b"p"), list(b"prx"), list(b"pr")]
    cost = driver.cost()
    assert (cost.n_requests, cost.n_evaluated_tokens, cost.n_decoded_tokens) == (3, 9, 6)
    assert (cost.n_never_shown_tokens, cost.n_unknown) == (0, 0)


async def test_a_key_takes_the_request_before_it_back() -> None:
    server = FakeServer(["a", "b"], delay_s=0.05)
    driver = client(server)
    events = (Insert(0, "x", 0), Insert(1, "y", 20.0))
    keys = await replay(driver, [Session(Open("a.py", "python", "\n"), events)], speed=1.0)
    assert [key.reason for key in keys] == ["superseded", ""]
    assert keys[0].answered_ms is None
    assert server.n_taken_back == 1
    assert driver.cost().n_unknown == 1
