"""Prompts that are evaluated when there is time, before anybody asks for them.

Three kinds: the prompt from the next anchor (`inference.prompts.anchors`), what is left of the
prompt of a request that was cancelled, and the whole of a prompt of which the nearest lines were
answered from (`inference.patience`). All are jobs of the lowest priority that generate nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inference.job import Job
from inference.patience import Patience
from inference.prompts.fim import BuiltPrompt
from inference.scheduler import Scheduler
from inference.types import GenerationRequest, Priority, SamplingParams, TokenPrompt


class ReadingAhead:
    """One runner's. It adds jobs to the scheduler and has them cancelled; to run them is the
    runner's business."""

    def __init__(
        self, scheduler: Scheduler[Job], patience: Patience, cancel: Callable[[Job], None]
    ) -> None:
        self._scheduler = scheduler
        self._patience = patience
        self._cancel = cancel
        self._anchors: dict[str, Job] = {}
        """By the hint they are for."""
        self._rest: Job | None = None
        self._whole: Job | None = None

    def make_way(self, job: Job) -> None:
        """`job` is about to begin: it is likely to want most of what is read of a prompt at the
        cursor, so that one's sequence becomes free."""
        if self._rest is not None and _is_at_cursor(job) and job is not self._rest:
            self._cancel(self._rest)

    def give_up(self, n_sequences: int, job: Job) -> bool:
        """Whether so many sequences became free for `job`. To read a large prompt to its end can
        take half a minute, and nobody waits for it; what was read of it stays in the cache."""
        if job.priority is Priority.WARMUP:
            return False
        reading = [
            other
            for other in self._scheduler.jobs()
            if other.priority is Priority.WARMUP
            and other.sequence is not None
            and not other.request.sampling.max_tokens
        ]
        if len(reading) < n_sequences:
            return False
        for other in reading[-n_sequences:]:
            self._cancel(other)
        return True

    def shorter(self, job: Job, whole: BuiltPrompt) -> BuiltPrompt | None:
        """What to answer from if reading `whole` takes too long; that is then read behind it."""
        if not _is_at_cursor(job) or job is self._rest:
            return None
        reading = self._whole
        is_being_read = reading is not None and reading.keeps == job.request.sequence_hint
        shorter = self._patience.shorter(job.request, whole, is_being_read=is_being_read)
        if reading is not None and (shorter is None or not _begins(whole.tokens, reading)):
            # Its sequence is free for this job, or for what goes on with it.
            self._cancel(reading)
        if shorter is not None and self._whole is None:
            self._whole = self._add(whole.tokens, keeps=job.request.sequence_hint)
        return shorter

    def read_anchor(self, tokens: Sequence[int], hint: str) -> None:
        """Reads a prompt that later requests with this hint will begin with."""
        former = self._anchors.get(hint)
        if former is not None:
            self._cancel(former)
        self._anchors[hint] = self._add(tokens, keeps=hint)

    def read_rest(self, cancelled: Job) -> None:
        """Reads what is left of a prompt, where it was begun."""
        if self._rest is not None:
            self._cancel(self._rest)
        self._rest = self._add(cancelled.tokens, hint=cancelled.request.sequence_hint)

    def forget(self, job: Job) -> None:
        """A job has ended; perhaps one of these."""
        if job.keeps is not None and self._anchors.get(job.keeps) is job:
            del self._anchors[job.keeps]
        if self._rest is job:
            self._rest = None
        if self._whole is job:
            self._whole = None

    def _add(self, tokens: Sequence[int], *, hint: str = "", keeps: str | None = None) -> Job:
        """A job that reads `tokens`, not in the sequence last used with the hint `keeps`."""
        request = GenerationRequest(
            prompt=TokenPrompt(tokens=tuple(tokens)),
            sampling=SamplingParams(max_tokens=0),
            priority=Priority.WARMUP,
            sequence_hint=hint,
        )
        job = Job(request, tell=lambda _event: None)
        job.keeps = keeps
        self._scheduler.add(job)
        return job


def _begins(tokens: Sequence[int], reading: Job) -> bool:
    """Whether what it reads are the first of `tokens`."""
    assert isinstance(reading.request.prompt, TokenPrompt)
    read = reading.request.prompt.tokens
    return tuple(tokens[: len(read)]) == read


def _is_at_cursor(job: Job) -> bool:
    """Whether it is for the place where somebody types or has moved to."""
    return job.keeps is None and job.priority in {Priority.INLINE, Priority.WARMUP}
