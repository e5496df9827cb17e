"""The peer's policy, against a server that answers when told to."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from bench.llama_vim import RETRY_S, LlamaVim
from bench.replay import replay
from bench.trace import Delete, Event, Insert, Move, Open, Session


class FakeServer:
    """Answers with what `continuation` holds; keeps the requests."""

    def __init__(self, continuation: str, *, delay_s: float = 0.0) -> None:
        self.continuation = continuation
        self.delay_s = delay_s
        self.bodies: list[dict[str, Any]] = []
        self.n_running = 0

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert path == "/infill"
        assert self.n_running == 0
        self.n_running += 1
        self.bodies.append(body)
        await asyncio.sleep(self.delay_s)
        self.n_running -= 1
        return {"content": self.continuation, "timings/prompt_n": 5, "timings/predicted_n": 2}


def plugin(server: FakeServer) -> LlamaVim:
    return LlamaVim(cast(Any, server))


def typed(at: int, text: str) -> tuple[Event, ...]:
    return tuple(Insert(at + i, c, 0.0) for i, c in enumerate(text))


async def test_an_answer_is_shown_and_typing_into_it_needs_no_request() -> None:
    server = FakeServer("rint(x)")
    driver = plugin(server)
    session = Session(Open("a.py", "python", "x = 1\n\n"), (Move(6, 0), *typed(6, "pri")))
    keys = await replay(driver, [session], speed=None)
    assert [key.n_chars for key in keys] == [7, 6, 5]
    # The move asked on a blank line; then the first key, and what would follow its suggestion.
    assert [(b["prompt"], b["t_max_predict_ms"]) for b in server.bodies][:3] == [
        ("", 250),
        ("rint(x)", 1000),
        ("p", 250),
    ]
    assert server.bodies[0]["input_prefix"] == "x = 1\n"
    assert server.bodies[0]["input_suffix"] == "\n\n"
    total = driver.cost()
    assert total.n_evaluated_tokens == 5 * len(server.bodies)
    assert total.n_never_shown_tokens < total.n_decoded_tokens


async def test_one_request_at_a_time_and_a_retry_after_it() -> None:
    server = FakeServer("", delay_s=0.02)
    driver = plugin(server)
    await driver.open(Open("a.py", "python", ""))
    for event in typed(0, "abc"):
        driver.press(event)
    await asyncio.sleep(RETRY_S / 2)
    assert [body["prompt"] for body in server.bodies] == ["a"]
    await driver.idle()
    assert [body["prompt"] for body in server.bodies] == ["a", "abc"]


async def test_no_request_with_much_text_to_the_right() -> None:
    server = FakeServer("x")
    session = Session(Open("a.py", "python", "0123456789"), (Insert(0, "a", 0), Delete(0, 1, 0)))
    keys = await replay(plugin(server), [session], speed=None)
    assert server.bodies == []
    assert [key.reason for key in keys] == ["text-to-the-right"] * 2


async def test_a_repeated_next_line_is_not_shown() -> None:
    server = FakeServer("urn 1")
    session = Session(Open("a.py", "python", "\n    return 1\n"), typed(0, "    ret"))
    keys = await replay(plugin(server), [session], speed=None)
    assert keys[-1].shown_at is None
    assert keys[-1].reason == "blank-or-repeats"
