"""Who may use the model next. Policy only: no tensors, no threads, no clock.

A higher priority goes first and preempts at the next step; inside a priority the first to come is
served first. So that a busy higher priority does not starve the lower ones, each lower one that
waits earns a share of the time spent on those above it, and has a turn when it has earned the cost
of one of its steps. Nobody waits for a warm-up yet, so it has what is left over; but for as long as
a chat's answer streams nothing would be left over for who types beside it. So the two share.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from inference.types import Priority

MIN_SHARE = 0.1
"""Of the time spent on higher priorities, earned by each lower one that waits."""
AHEAD_SHARE = 1.0
"""Of the time spent on chats' answers, earned by a warm-up that waits. With a third, keys at new
places found as little read as with none."""
MIN_TURN_MS = 2.0


class Schedulable(Protocol):
    @property
    def priority(self) -> Priority: ...

    @property
    def in_prefill(self) -> bool: ...


JobT = TypeVar("JobT", bound=Schedulable)


class Scheduler(Generic[JobT]):
    """Jobs that are not finished, waiting and running alike: whether a job has begun is its own
    business."""

    def __init__(self) -> None:
        self._queues: dict[Priority, list[JobT]] = {priority: [] for priority in Priority}
        self._earned_ms = dict.fromkeys(Priority, 0.0)
        self._turn_ms = dict.fromkeys(Priority, MIN_TURN_MS)

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def add(self, job: JobT) -> None:
        self._queues[job.priority].append(job)

    def remove(self, job: JobT) -> None:
        queue = self._queues[job.priority]
        queue.remove(job)
        if not queue:
            self._earned_ms[job.priority] = 0.0

    def jobs(self) -> list[JobT]:
        """All of them, in the order in which they should be offered the next step."""
        waiting = [(priority, queue) for priority, queue in self._queues.items() if queue]
        if len(waiting) > 1:
            waiting.sort(key=lambda each: self._place(each[0]))
        return [job for _, queue in waiting for job in queue]

    def charge(self, job: JobT, cost_ms: float) -> None:
        """Notes what a step of `job` cost."""
        self._turn_ms[job.priority] = max(cost_ms, MIN_TURN_MS)
        self._earned_ms[job.priority] = max(self._earned_ms[job.priority] - cost_ms, 0.0)
        for priority, queue in self._queues.items():
            if queue and job.priority < priority:
                self._earned_ms[priority] += cost_ms * _share(priority, job)

    def _place(self, priority: Priority) -> tuple[bool, float]:
        """In the order of jobs."""
        has_earned_a_turn = self._earned_ms[priority] >= self._turn_ms[priority]
        if priority is Priority.WARMUP:
            # What it has earned from chats it takes from them, and from nobody above them.
            return True, Priority.CHAT - 0.5 if has_earned_a_turn else priority
        return not has_earned_a_turn, priority


def _share(waiting: Priority, served: Schedulable) -> float:
    """Of the time spent on a job, what a priority below it earns."""
    if waiting is not Priority.WARMUP:
        return MIN_SHARE
    # Before a chat's first word somebody does wait.
    streams = served.priority is Priority.CHAT and not served.in_prefill
    return AHEAD_SHARE if streams else 0.0
