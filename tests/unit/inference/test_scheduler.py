"""Who goes next."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from inference.scheduler import MIN_SHARE, Scheduler
from inference.types import Priority


@dataclass(eq=False)
class Work:
    name: str
    priority: Priority


def order(scheduler: Scheduler[Work]) -> str:
    return "".join(work.name for work in scheduler.jobs())


def test_higher_priorities_first_then_first_come() -> None:
    scheduler: Scheduler[Work] = Scheduler()
    for name, priority in zip("cwaIJ", (2, 3, 1, 0, 0), strict=True):
        scheduler.add(Work(name, Priority(priority)))
    assert order(scheduler) == "IJacw"


def test_removed_work_is_not_offered() -> None:
    scheduler: Scheduler[Work] = Scheduler()
    work = Work("a", Priority.CHAT)
    scheduler.add(work)
    assert len(scheduler) == 1
    scheduler.remove(work)
    assert len(scheduler) == 0
    assert scheduler.jobs() == []


@pytest.mark.parametrize(("inline_ms", "chat_ms"), [(5.0, 5.0), (2.0, 40.0), (30.0, 3.0)])
def test_a_waiting_lower_priority_gets_its_share_and_not_more(
    inline_ms: float, chat_ms: float
) -> None:
    scheduler: Scheduler[Work] = Scheduler()
    inline, chat = Work("i", Priority.INLINE), Work("c", Priority.CHAT)
    scheduler.add(inline)
    scheduler.add(chat)
    spent = {"i": 0.0, "c": 0.0}
    for _ in range(10_000):
        work = scheduler.jobs()[0]
        cost = inline_ms if work is inline else chat_ms
        scheduler.charge(work, cost)
        spent[work.name] += cost
    assert spent["c"] / spent["i"] == pytest.approx(MIN_SHARE, rel=0.1)


def test_nothing_is_earned_while_nobody_waits() -> None:
    scheduler: Scheduler[Work] = Scheduler()
    inline = Work("i", Priority.INLINE)
    scheduler.add(inline)
    for _ in range(100):
        scheduler.charge(inline, 10.0)
    scheduler.add(Work("c", Priority.CHAT))
    assert order(scheduler) == "ic"


def test_what_was_earned_is_forgotten_when_the_last_of_a_priority_leaves() -> None:
    scheduler: Scheduler[Work] = Scheduler()
    inline, chat = Work("i", Priority.INLINE), Work("c", Priority.CHAT)
    scheduler.add(inline)
    scheduler.add(chat)
    scheduler.charge(inline, 1000.0)
    assert order(scheduler) == "ci"
    scheduler.remove(chat)
    scheduler.add(chat)
    assert order(scheduler) == "ic"
