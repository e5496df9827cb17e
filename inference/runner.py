"""What the engine thread runs: one step at a time, synchronous, no asyncio.

`step` makes one call of the runtime for one job and returns: a chunk of its prompt, or the newest
token with the drafted ones behind it, from which the next tokens are chosen. Between steps
cancels take effect and a higher priority goes first; a job that was set aside keeps its sequence
and goes on where it stopped.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from inference.backends.base import Backend, Logits, RowPolicy, Span
from inference.chunks import PrefillChunk, next_chunk
from inference.errors import BackendError, InferenceError
from inference.job import Job
from inference.prefix_cache import PrefixCache
from inference.prompts.build import PromptBuilder
from inference.prompts.fim import BuiltPrompt
from inference.scheduler import Scheduler
from inference.speculation.calibration import Calibration
from inference.speculation.policy import Speculation
from inference.speculation.speculator import Speculator
from inference.types import FinishReason, Priority, SpeculationMode

MAX_INTERRUPTIONS = 3
"""A prefill call that was given up so often in a row is let through, or it would never end."""


class Runner:
    """`submit` and `cancel` may be called from any thread, all else from the engine thread."""

    def __init__(
        self,
        backend: Backend,
        prompts: PromptBuilder,
        *,
        use_prefix_cache: bool = True,
        speculation: Speculation | None = None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            wake: called after every submission and cancel, on the caller's thread.
        """
        self._backend = backend
        self._prompts = prompts
        self._cache = PrefixCache(
            backend.n_sequences,
            can_truncate=backend.can_truncate,
            is_enabled=use_prefix_cache,
        )
        self._speculation = speculation or Speculation(
            SpeculationMode.NEVER, backend.rows, is_second_row_free=False
        )
        self._scheduler: Scheduler[Job] = Scheduler()
        self._wake = wake
        self._submitted: deque[Job] = deque()
        self._cancelled: deque[Job] = deque()
        self._evaluating: Job | None = None
        self._calibration = Calibration(backend, self._speculation.costs)
        self._is_measuring = False

    def submit(self, job: Job) -> None:
        self._submitted.append(job)
        current = self._evaluating
        if self._is_measuring or (
            current is not None
            and job.priority < current.priority
            and current.in_prefill
            and current.n_interruptions < MAX_INTERRUPTIONS
        ):
            self._backend.interrupt()
        self._wake()

    def interrupt(self) -> None:
        """Makes a running evaluation return early."""
        self._backend.interrupt()

    def cancel(self, job: Job) -> None:
        job.is_cancelled = True
        self._cancelled.append(job)
        if self._evaluating is job:
            self._backend.interrupt()
        self._wake()

    @property
    def has_work(self) -> bool:
        return bool(self._submitted or self._cancelled or len(self._scheduler))

    def step(self) -> bool:
        """Does one piece of work. False: there was none.

        Raises what the backend raises; the runner is then of no further use.
        """
        # In this order: an interruption that comes after `rearm` stops the evaluation below, and
        # one that came before it belongs to a job that is looked at now.
        self._backend.rearm()
        self._take_in()
        for job in self._scheduler.jobs():
            if job.has_begun or self._begin(job):
                if not job.is_cancelled:
                    self._run(job)
                return True
        return False

    def idle(self) -> bool:
        """Uses a moment without requests to measure. False: there is nothing (more) to measure."""
        sequence = self._cache.unused
        if not self._speculation.is_on or self._calibration.is_over or sequence is None:
            return False
        self._is_measuring = True
        if not self.has_work:
            self._calibration.step(sequence)
        self._is_measuring = False
        return True

    def fail_all(self, error: InferenceError) -> None:
        """Ends every job with `error`."""
        self._take_in()
        for job in self._scheduler.jobs():
            self._scheduler.remove(job)
            job.fail(error)

    def _take_in(self) -> None:
        # The cancels first: whatever they are for was submitted before, so it is among the
        # submissions now. The other way round a job could be ended before it was added.
        cancelled = [self._cancelled.popleft() for _ in range(len(self._cancelled))]
        while self._submitted:
            self._scheduler.add(self._submitted.popleft())
        for job in cancelled:
            self._end(job, FinishReason.CANCELLED)

    def _begin(self, job: Job) -> bool:
        """Builds the prompt and finds a sequence. False: it has to wait, or has just ended."""
        # One sequence stays free for whoever types next.
        n_reserved = 0 if job.priority is Priority.INLINE else 1
        if self._cache.n_idle <= n_reserved:
            return False
        try:
            prompt = self._prompts.build(job.request)
        except InferenceError as error:
            self._scheduler.remove(job)
            job.fail(error)
            return False
        job.begin(
            prompt,
            self._backend.vocabulary,
            self._prompts.stops(job.request),
            self._prompts.cache_model(job.request, prompt),
            self._speculator(job, prompt),
        )
        if not prompt.tokens:
            self._end(job, FinishReason.STOP)
            return False
        self._lease(job)
        return True

    def _speculator(self, job: Job, prompt: BuiltPrompt) -> Speculator | None:
        if not self._speculation.covers(job.request):
            return None
        return self._speculation.speculator(self._prompts.drafters(job.request, prompt))

    def _lease(self, job: Job) -> None:
        lease = self._cache.acquire(job.tokens, job.request.sequence_hint, exact=job.must_be_exact)
        assert lease is not None, "no idle sequence although one was counted"
        if lease.fork_of is not None:
            self._backend.fork(lease.fork_of, lease.slot)
        job.sequence, job.n_past = lease.slot, lease.n_reused
        self._cut(job, lease.n_reused)
        job.n_reused = job.n_past

    def _cut(self, job: Job, n_tokens: int) -> None:
        """Cuts the job's sequence, or clears it where the backend cannot cut."""
        assert job.sequence is not None
        if not self._backend.truncate(job.sequence, n_tokens):
            self._backend.truncate(job.sequence, 0)
            n_tokens = 0
        job.n_past = n_tokens
        self._cache.truncate(job.sequence, n_tokens)

    def _run(self, job: Job) -> None:
        started = time.perf_counter()
        is_prefill = job.in_prefill
        drafts: Sequence[int] = ()
        self._evaluating = job
        try:
            chunk, drafts = self._next_call(job)
            logits = self._evaluate(job, chunk, drafts)
        finally:
            self._evaluating = None
        elapsed_ms = 1e3 * (time.perf_counter() - started)
        if is_prefill:
            job.prefill_ms += elapsed_ms
        self._scheduler.charge(job, elapsed_ms)
        reason = self._choose(job, logits, drafts) if logits and not job.is_cancelled else None
        if drafts:
            self._drop_rejected(job)
        if reason is not None:
            self._end(job, reason)

    def _next_call(self, job: Job) -> tuple[PrefillChunk, Sequence[int]]:
        """The tokens to evaluate, and the drafted ones to evaluate behind them."""
        rows = self._rows(job)
        n_tokens = len(job.tokens)
        chunk = next_chunk(job.n_past, n_tokens, rows)
        if job.speculator is None or chunk.end < n_tokens:
            return chunk, ()
        n_new = n_tokens - job.n_past
        n_max = min(
            self._backend.max_logits - 1,
            rows.maximum - n_new,
            self._backend.n_ctx - n_tokens,
            job.n_wanted - 1,
        )
        drafts = job.speculator.propose(job.context, n_new=n_new, n_max=n_max, rows=rows)
        with_drafts = next_chunk(job.n_past, n_tokens + len(drafts), rows)
        if not drafts or with_drafts.end < n_tokens + len(drafts):
            return chunk, ()
        return PrefillChunk(with_drafts.start, n_tokens), drafts

    def _rows(self, job: Job) -> RowPolicy:
        return self._backend.rows if job.in_prefill else self._speculation.rows(job.request)

    def _evaluate(
        self, job: Job, chunk: PrefillChunk, drafts: Sequence[int]
    ) -> Sequence[Logits] | None:
        """Logits after the newest token and each drafted one; none before a prompt's end.

        None if the call was interrupted.
        """
        assert job.sequence is not None
        if chunk.start < job.n_past:
            self._cut(job, chunk.start)
            job.n_reused = min(job.n_reused, job.n_past)
            if job.n_past != chunk.start:
                chunk, drafts = next_chunk(job.n_past, job.n_prompt, self._backend.rows), ()
        # Rows in the calls of a prompt agree; tokens decoded in such calls count like a prompt's.
        is_exact = job.in_prefill or self._rows(job) == self._backend.rows
        tokens = job.tokens[chunk.start : chunk.end]
        is_last = chunk.end == len(job.tokens)
        n_logits = 1 + len(drafts) if is_last else 0
        span = Span(job.sequence, chunk.start, [*tokens, *drafts], n_logits)
        started = time.perf_counter()
        evaluation = self._backend.evaluate([span])
        if not evaluation.completed:
            job.n_interruptions += 1
            return None
        self._speculation.costs.record(len(span.tokens), 1e3 * (time.perf_counter() - started))
        job.n_interruptions = 0
        self._cache.record(job.sequence, chunk.start, tokens, exact=is_exact)
        job.n_past = chunk.end
        return evaluation.logits

    def _choose(
        self, job: Job, logits: Sequence[Logits], drafts: Sequence[int]
    ) -> FinishReason | None:
        """Chooses tokens as long as the drafted ones are those chosen."""
        assert job.sequence is not None
        if not job.request.sampling.max_tokens:
            return FinishReason.LENGTH
        job.n_steps += 1
        n_right = 0
        reason: FinishReason | None = None
        for row in logits:
            reason = job.advance(row, room=self._backend.n_ctx - job.n_past)
            is_right = n_right < len(drafts) and job.tokens[job.n_past :] == [drafts[n_right]]
            if not is_right:
                break
            n_right += 1
            job.n_past += 1
            if reason is not None:
                break
        if drafts:
            assert job.speculator is not None
            job.speculator.settle(len(drafts), n_right)
            self._cache.record(job.sequence, job.n_past - n_right, drafts[:n_right])
        return reason

    def _drop_rejected(self, job: Job) -> None:
        assert job.sequence is not None
        if not self._backend.truncate(job.sequence, job.n_past):
            raise BackendError("The runtime cannot take back tokens that were drafted wrongly.")

    def _end(self, job: Job, reason: FinishReason) -> None:
        """Ends a job once; a cancel may come after the end."""
        if job.is_over:
            return
        self._scheduler.remove(job)
        if job.sequence is not None:
            self._cache.release(job.sequence)
        if job.speculator is not None:
            self._speculation.add(job.speculator.counts)
        job.finish(reason)
