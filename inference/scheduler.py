"""Who may use the model next. Policy only: no tensors, no threads, no clock.

A higher priority goes first and preempts at the next step; inside a priority the first to come is
served first. So that a busy higher priority does not starve the lower ones, each lower one that
waits earns a share of the time spent on those above it, and has a turn when it has earned the cost
of one of its steps. Warm-up has what is left over: nobody waits for it.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from inference.job import Job
from inference.types import Priority

MIN_SHARE = 0.1
"""Of the time spent on higher priorities, earned by each lower one that waits."""
MIN_TURN_MS = 2.0
MAX_INTERRUPTIONS = 3
"""A prefill call that was given up so often in a row is let through, or it would never end."""


class Schedulable(Protocol):
    @property
    def priority(self) -> Priority: ...


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
        first = [p for p in Priority if self._queues[p] and self._has_earned_a_turn(p)]
        rest = [p for p in Priority if p not in first]
        return [job for priority in (*first, *rest) for job in self._queues[priority]]

    def charge(self, job: JobT, cost_ms: float) -> None:
        """Notes what a step of `job` cost."""
        self._turn_ms[job.priority] = max(cost_ms, MIN_TURN_MS)
        self._earned_ms[job.priority] = max(self._earned_ms[job.priority] - cost_ms, 0.0)
        for priority in Priority:
            if job.priority < priority < Priority.WARMUP and self._queues[priority]:
                self._earned_ms[priority] += cost_ms * MIN_SHARE

    def _has_earned_a_turn(self, priority: Priority) -> bool:
        return self._earned_ms[priority] >= self._turn_ms[priority]


def gives_way(current: Job, job: Job) -> bool:
    """Whether what is evaluated is given up for a new job."""
    if not current.in_prefill or job.priority >= current.priority:
        return False
    if current.priority is not Priority.WARMUP:
        return current.n_interruptions < MAX_INTERRUPTIONS
    # What was begun for the same place is likely to be a part of the new prompt.
    hint = current.request.sequence_hint
    return not hint or hint != job.request.sequence_hint
