"""What the engine thread runs: one step at a time, synchronous, no asyncio.

`step` evaluates one chunk of one job's prompt or decodes one token, and returns. Between steps
cancels take effect and a higher priority goes first; a job that was set aside keeps its sequence
and goes on where it stopped.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from inference.backends.base import Backend, Logits, Span
from inference.chunks import next_chunk
from inference.errors import InferenceError
from inference.job import Job
from inference.prefix_cache import PrefixCache
from inference.prompts.build import PromptBuilder
from inference.scheduler import Scheduler
from inference.types import FinishReason, Priority

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
            rows=backend.rows,
            can_truncate=backend.can_truncate,
            max_state_bytes=backend.max_state_bytes,
            is_enabled=use_prefix_cache,
        )
        self._scheduler: Scheduler[Job] = Scheduler()
        self._wake = wake
        self._submitted: deque[Job] = deque()
        self._cancelled: deque[Job] = deque()
        self._evaluating: Job | None = None

    def submit(self, job: Job) -> None:
        self._submitted.append(job)
        current = self._evaluating
        if (
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
        )
        if not prompt.tokens:
            self._end(job, FinishReason.STOP)
            return False
        self._lease(job)
        return True

    def _lease(self, job: Job) -> None:
        lease = self._cache.acquire(job.tokens, job.request.sequence_hint, exact=job.must_be_exact)
        assert lease is not None, "no idle sequence although one was counted"
        if lease.fork_of is not None:
            self._backend.fork(lease.fork_of, lease.slot)
        if lease.state is not None:
            self._backend.restore(lease.slot, lease.state)
        job.sequence, job.n_past, job.stops = lease.slot, lease.n_reused, lease.stops
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
        self._evaluating = job
        try:
            logits = self._prefill(job) if is_prefill else self._decode(job)
        finally:
            self._evaluating = None
        elapsed_ms = 1e3 * (time.perf_counter() - started)
        if is_prefill:
            job.prefill_ms += elapsed_ms
        self._scheduler.charge(job, elapsed_ms)
        if logits is None or job.is_cancelled:
            return
        if not job.request.sampling.max_tokens:
            self._end(job, FinishReason.LENGTH)
            return
        reason = job.advance(logits, room=self._backend.n_ctx - job.n_past)
        if reason is not None:
            self._end(job, reason)

    def _prefill(self, job: Job) -> Logits | None:
        """Evaluates one chunk of the prompt. Logits after the last one, None before."""
        end = next((stop for stop in job.stops if stop > job.n_past), job.n_prompt)
        can_go_back = self._backend.can_truncate
        chunk = next_chunk(job.n_past, end, self._backend.rows, can_go_back=can_go_back)
        if chunk.start < job.n_past:
            self._cut(job, chunk.start)
            job.n_reused = min(job.n_reused, job.n_past)
            if job.n_past != chunk.start:
                chunk = next_chunk(job.n_past, job.n_prompt, self._backend.rows)
        return self._evaluate(job, chunk.end, is_prompt=True)

    def _decode(self, job: Job) -> Logits | None:
        return self._evaluate(job, len(job.tokens), is_prompt=False)

    def _evaluate(self, job: Job, end: int, *, is_prompt: bool) -> Logits | None:
        assert job.sequence is not None
        tokens = job.tokens[job.n_past : end]
        is_last = end == len(job.tokens)
        span = Span(job.sequence, job.n_past, tokens, n_logits=int(is_last))
        evaluation = self._backend.evaluate([span])
        if not evaluation.completed:
            job.n_interruptions += 1
            return None
        job.n_interruptions = 0
        self._cache.record(job.sequence, job.n_past, tokens, exact=is_prompt)
        job.n_past = end
        if end in job.stops and (state := self._backend.save(job.sequence)) is not None:
            self._cache.keep(job.sequence, state)
        return evaluation.logits[0] if is_last else None

    def _end(self, job: Job, reason: FinishReason) -> None:
        """Ends a job once; a cancel may come after the end."""
        if job.is_over:
            return
        self._scheduler.remove(job)
        if job.sequence is not None:
            self._cache.release(job.sequence)
        job.finish(reason)
