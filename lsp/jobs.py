"""Latest wins: at most one request for a suggestion runs for each document."""

from __future__ import annotations

import asyncio
import logging

logger = logging.getLogger(__name__)


class Job:
    """One request for a suggestion while its handler runs."""

    def __init__(self, uri: str, task: asyncio.Task[object]) -> None:
        self.uri = uri
        self.superseded_by: str | None = None
        """Why it is no longer wanted; None while it is."""
        self._task = task

    def supersede(self, by: str) -> None:
        """Wake the handler, wherever it waits; it then answers empty."""
        if self.superseded_by is None:
            self.superseded_by = by
            self._task.cancel()


class Jobs:
    """The running jobs, by document."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}

    def begin(self, uri: str) -> Job:
        """Make the current task the document's job; an older one is superseded."""
        self.supersede(uri, by="newer-request")
        task = asyncio.current_task()
        assert task is not None
        job = Job(uri, task)
        self._jobs[uri] = job
        return job

    def supersede(self, uri: str, *, by: str) -> None:
        """End the document's job, if it has one."""
        job = self._jobs.pop(uri, None)
        if job is not None:
            job.supersede(by)

    def supersede_all(self, *, by: str) -> None:
        for uri in list(self._jobs):
            self.supersede(uri, by=by)

    def end(self, job: Job) -> None:
        """Forget a job that is over; a newer one of its document stays."""
        if self._jobs.get(job.uri) is job:
            del self._jobs[job.uri]

    def __len__(self) -> int:
        return len(self._jobs)
