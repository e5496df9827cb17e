"""Who goes next."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from inference.scheduler import AHEAD_SHARE, MIN_SHARE, Scheduler
from inference.types import Priority


@dataclass(eq=False)
class Work:
    name: str
    priority: Priority
    in_prefill: bool = False


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


@pytest.mark.parametrize(
    ("upper", "lower", "share"),
    [
        (Priority.INLINE, Priority.CHAT, MIN_SHARE),
        (Priority.CHAT, Priority.WARMUP, AHEAD_SHARE),
    ],
)
@pytest.mark.parametrize(("upper_ms", "lower_ms"), [(5.0, 5.0), (2.0, 40.0), (30.0, 3.0)])
def test_a_waiting_lower_priority_gets_its_share_and_not_more(
    upper: Priority, lower: Priority, share: float, upper_ms: float, lower_ms: float
) -> None:
    scheduler: Scheduler[Work] = Scheduler()
    first, second = Work("f", upper), Work("s", lower)
    scheduler.add(first)
    scheduler.add(second)
    spent = {"f": 0.0, "s": 0.0}
    for _ in range(10_000):
        work = scheduler.jobs()[0]
        cost = upper_ms if work is first else lower_ms
        scheduler.charge(work, cost)
        spent[work.name] += cost
    assert spent["s"] / spent["f"] == pytest.approx(share, rel=0.1)


@pytest.mark.parametrize("priority", [Priority.INLINE, Priority.ACTION])
def test_reading_ahead_goes_before_nothing_else(priority: Priority) -> None:
    scheduler: Scheduler[Work] = Scheduler()
    other, chat, ahead = Work("o", priority), Work("c", Priority.CHAT), Work("w", Priority.WARMUP)
    for work in (chat, ahead):
        scheduler.add(work)
    scheduler.charge(chat, 1000.0)
    assert order(scheduler) == "wc"
    scheduler.add(other)
    assert order(scheduler) == "owc"
    scheduler.charge(other, 20_000.0)  # The chat has earned a turn from that, and takes it first.
    assert order(scheduler) == "cow"


def test_reading_ahead_waits_for_a_chats_first_word() -> None:
    scheduler: Scheduler[Work] = Scheduler()
    chat, ahead = Work("c", Priority.CHAT, in_prefill=True), Work("w", Priority.WARMUP)
    scheduler.add(chat)
    scheduler.add(ahead)
    scheduler.charge(chat, 1000.0)
    assert order(scheduler) == "cw"


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
