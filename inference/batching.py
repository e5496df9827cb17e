"""Which jobs' decode steps go into one call of the runtime.

A call reads the model's weights once, for however many rows it has: two jobs that decode together
take little longer than one, where weights and not rows are what it costs. The scheduler's first job
decides, and the steps of others go along. What must not change is a bit of anybody's logits:

- Only requests share that decode in rows which agree with those of any other call: `RowPolicy`, of
  two rows and more for each sequence, as attention is computed for each alone.
- llama.cpp evaluates together what is of one length, in sequences whose numbers follow on each
  other; what is left over it evaluates in a call of its own, of another kind. So all spans of a
  call have the first job's number of rows, and a sequence that lies between gets rows too, which
  are dropped again.
- Not with recurrent layers, which can drop tokens only of a sequence that was alone in its call,
  nor where a model drafts: its hidden states are kept for the calls of one sequence.
"""

from __future__ import annotations

from collections.abc import Sequence

from inference.backends.base import Backend
from inference.job import Job
from inference.prefix_cache import PrefixCache
from inference.speculation.policy import Speculation

MAX_SLOWDOWN = 1.5
"""Of the first job's step, for company of its own priority or a higher one."""
MAX_SLOWDOWN_BY_LOWER = 1.25
"""For company of a lower priority, which has its share of the time anyway."""
_MIN_GAIN = 1.1
"""Of a joint call over calls of their own. Costs are measured and wander; and in company a job
drafts no more than the first one does."""


class Batching:
    """See the module."""

    def __init__(
        self,
        backend: Backend,
        speculation: Speculation,
        cache: PrefixCache,
        *,
        is_enabled: bool = True,
    ) -> None:
        self._speculation = speculation
        self._cache = cache
        self._n_ctx = backend.n_ctx
        self._is_possible = is_enabled and backend.can_truncate and backend.draft_model is None
        self._max_rows = min(backend.rows.maximum, backend.max_logits)
        """Of a call whose rows may all have logits."""

    def companions(self, first: Job, n_rows: int, others: Sequence[Job]) -> list[Job]:
        """Of `others` those whose steps go along with the first job's next one.

        Args:
            others: those before have precedence.
            n_rows: of the first job's part of the call; each of the others gets as many.
        """
        if not self._can_have(first, n_rows):
            return []
        found: list[Job] = []
        for job in others:
            if not (_is_decoding(job) and self._can_have(job, n_rows)):
                continue
            before, after = _range([first, *found]), _range([first, *found, job])
            if self._is_worth_it(first, job, n_rows, len(before), len(after)) and all(
                self._cache.n_held(slot) + n_rows <= self._n_ctx for slot in after
            ):
                found.append(job)
        return found

    def between(self, jobs: Sequence[Job]) -> list[int]:
        """The sequences that are in the way of a call for these jobs."""
        used = {job.sequence for job in jobs}
        return [sequence for sequence in _range(jobs) if sequence not in used]

    def wants_company(self, job: Job, others: Sequence[Job]) -> bool:
        """Whether one more of its kind would go along with its steps, if it had read its prompt."""
        if not self.may_share(job):
            return False
        n_jobs = 1 + sum(map(_is_decoding, others))
        return self._is_worth_it(job, job, self._least_rows(job), n_jobs, n_jobs + 1)

    def may_share(self, job: Job) -> bool:
        """Whether this job's rows have the same bits in company."""
        request = job.request
        # A prompt of fewer rows than must be is evaluated in calls that agree with no others.
        return (
            self._is_possible
            and self._speculation.agrees_in_company(request)
            and job.n_prompt >= self._least_rows(job)
        )

    def _can_have(self, job: Job, n_rows: int) -> bool:
        """Whether its next step can be one of so many rows, in company."""
        n_new = len(job.tokens) - job.n_past
        return (
            self.may_share(job)
            and self._speculation.rows(job.request).padded(n_rows) == n_rows
            and n_new <= n_rows <= len(job.tokens)
        )

    def _is_worth_it(self, first: Job, job: Job, n_rows: int, n_before: int, n_after: int) -> bool:
        """Whether `job` should have a part in the first one's call.

        Args:
            n_rows: of each sequence in it.
            n_before: sequences in it without this job.
            n_after: and with it.
        """
        if n_after * n_rows > self._max_rows:
            return False
        ms = self._speculation.costs.ms
        joint = ms(n_after * n_rows)
        separate = ms(n_before * n_rows) + ms(self._least_rows(job))
        is_lower = job.priority > first.priority
        bound = MAX_SLOWDOWN_BY_LOWER if is_lower else MAX_SLOWDOWN
        return joint <= bound * ms(n_rows) and _MIN_GAIN * joint <= separate

    def _least_rows(self, job: Job) -> int:
        """That a call of its own may have."""
        return self._speculation.rows(job.request).padded(1)


def _is_decoding(job: Job) -> bool:
    is_past_prompt = job.sequence is not None and not job.in_prefill and job.known is None
    return is_past_prompt and not (job.is_cancelled or job.is_over)


def _range(jobs: Sequence[Job]) -> range:
    """From the first of their sequences to the last."""
    sequences = [job.sequence for job in jobs if job.sequence is not None]
    return range(min(sequences), max(sequences) + 1)
