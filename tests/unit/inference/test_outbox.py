"""From the engine thread to the event loop: in order, and with as few wakings as can be."""

from __future__ import annotations

import asyncio

import pytest

from inference import outbox as module
from inference.outbox import Outbox


async def rounds() -> None:
    """Lets the loop do all that it was woken for."""
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that may wait wait for ever."""
    monkeypatch.setattr(module, "MAX_WAIT_S", 1e12)


async def test_calls_are_made_in_order() -> None:
    outbox, made = Outbox(asyncio.get_running_loop()), list[int]()
    for n in range(5):
        outbox.put(lambda n=n: made.append(n))
    assert made == []
    await rounds()
    assert made == [0, 1, 2, 3, 4]


@pytest.mark.usefixtures("patient")
async def test_what_may_wait_comes_with_what_may_not() -> None:
    outbox, made = Outbox(asyncio.get_running_loop()), list[str]()
    outbox.put(lambda: made.append("a"), may_wait=True)
    outbox.put(lambda: made.append("b"), may_wait=True)
    await rounds()
    outbox.flush()
    await rounds()
    assert made == []
    outbox.put(lambda: made.append("c"))
    await rounds()
    assert made == ["a", "b", "c"]


@pytest.mark.usefixtures("patient")
async def test_where_nothing_else_comes_nothing_waits() -> None:
    outbox, made = Outbox(asyncio.get_running_loop()), list[str]()
    outbox.put(lambda: made.append("a"), may_wait=True)
    outbox.flush(all_of_them=True)
    await rounds()
    assert made == ["a"]


async def test_what_has_waited_long_enough_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    outbox, made = Outbox(asyncio.get_running_loop()), list[str]()
    monkeypatch.setattr(module, "MAX_WAIT_S", 1e12)
    outbox.put(lambda: made.append("a"), may_wait=True)
    monkeypatch.setattr(module, "MAX_WAIT_S", 0.0)
    outbox.flush()
    await rounds()
    assert made == ["a"]


async def test_a_listener_that_fails_takes_no_call_from_others() -> None:
    loop, made = asyncio.get_running_loop(), list[str]()
    failures: list[object] = []
    loop.set_exception_handler(lambda _loop, context: failures.append(context["exception"]))
    outbox = Outbox(loop)

    def fail() -> None:
        raise ValueError

    outbox.put(fail)
    outbox.put(lambda: made.append("a"))
    await rounds()
    assert made == ["a"]
    assert [type(failure) for failure in failures] == [ValueError]
