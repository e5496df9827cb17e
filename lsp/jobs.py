"""Latest wins: for each document at most one request for a suggestion runs by each method.

An editor may ask by two methods at one keystroke, for ghost text and for its completion list. If
those ended each other, one of both would always be empty.
"""

from __future__ import annotations

import asyncio
import logging

logger = logging.getLogger(__name__)


class Job:
    """One request for a suggestion while its handler runs."""

    def __init__(self, uri: str, method: str, task: asyncio.Task[object]) -> None:
        self.uri = uri
        self.method = method
        self.superseded_by: str | None = None
        """Why it is no longer wanted; None while it is."""
        self._task = task

    @property
    def was_typed_on(self) -> bool:
        """Whether it ended because the user typed on, or may have: an editor's cancel comes before
        the change that is its reason."""
        return self.superseded_by in {None, "document-changed", "newer-request"}

    def supersede(self, by: str) -> None:
        """Wake the handler, wherever it waits; it then answers empty."""
        if self.superseded_by is None:
            self.superseded_by = by
            self._task.cancel()


class Jobs:
    """The running jobs, by document and method."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, str], Job] = {}

    def begin(self, uri: str, method: str) -> Job:
        """Make the current task the document's job; an older one of that method is superseded."""
        self._supersede(self._jobs.get((uri, method)), by="newer-request")
        task = asyncio.current_task()
        assert task is not None
        job = Job(uri, method, task)
        self._jobs[uri, method] = job
        return job

    def supersede(self, uri: str, *, by: str, method: str | None = None) -> None:
        """End the document's jobs, if it has any; with `method` only that one."""
        for job in list(self._jobs.values()):
            if job.uri == uri and method in (None, job.method):
                self._supersede(job, by=by)

    def supersede_all(self, *, by: str, method: str | None = None) -> None:
        """The same for all documents."""
        for uri in list({job.uri for job in self._jobs.values()}):
            self.supersede(uri, by=by, method=method)

    def end(self, job: Job) -> None:
        """Forget a job that is over; a newer one in its place stays."""
        if self._jobs.get((job.uri, job.method)) is job:
            del self._jobs[job.uri, job.method]

    def _supersede(self, job: Job | None, *, by: str) -> None:
        if job is not None:
            self.end(job)
            job.supersede(by)

    def __len__(self) -> int:
        return len(self._jobs)
