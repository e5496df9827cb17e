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
from dataclasses import dataclass

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
from inference.types import (
    DraftCounts,
    FinishReason,
    GenerationRequest,
    Priority,
    SamplingParams,
    SpeculationMode,
    TokenPrompt,
)

MAX_INTERRUPTIONS = 3
"""A prefill call that was given up so often in a row is let through, or it would never end."""


@dataclass(frozen=True, slots=True)
class Call:
    """Tokens `start` … `end - 1` of a job, and drafted ones behind them."""

    start: int
    end: int
    drafts: Sequence[int]
    rows: RowPolicy
    """What it obeys."""


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
        self._ahead: dict[str, Job] = {}
        """Prompts that are evaluated before anyone asks for them, by the hint they are for."""

    def submit(self, job: Job) -> None:
        self._submitted.append(job)
        current = self._evaluating
        if self._is_measuring or (
            current is not None
            and job.priority < current.priority
            and current.in_prefill
            and (current.n_interruptions < MAX_INTERRUPTIONS or current.priority is Priority.WARMUP)
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
    def drafters(self) -> dict[str, DraftCounts]:
        """Counts of all requests that have ended. From any thread: it is replaced whole."""
        return self._speculation.totals

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
        if not self._lease(job):
            self._end(job, FinishReason.CANCELLED)
            return False
        if prompt.ahead and self._cache.is_enabled:
            self._evaluate_ahead(prompt.ahead, job.request.sequence_hint)
        return True

    def _evaluate_ahead(self, tokens: Sequence[int], hint: str) -> None:
        """Has a prompt evaluated when there is time, in another sequence than the hint's own."""
        former = self._ahead.pop(hint, None)
        if former is not None:
            self._end(former, FinishReason.CANCELLED)
        request = GenerationRequest(
            prompt=TokenPrompt(tokens=tuple(tokens)),
            sampling=SamplingParams(max_tokens=0),
            priority=Priority.WARMUP,
        )
        self._ahead[hint] = job = Job(request, tell=lambda _event: None)
        job.keeps = hint
        self._scheduler.add(job)

    def _speculator(self, job: Job, prompt: BuiltPrompt) -> Speculator | None:
        if not self._speculation.covers(job.request):
            return None
        return self._speculation.speculator(self._prompts.drafters(job.request, prompt))

    def _lease(self, job: Job) -> bool:
        """Gives the job a sequence. False: only the one it must not take is left."""
        lease = self._cache.acquire(
            job.tokens, job.request.sequence_hint, exact=job.must_be_exact, keep=job.keeps
        )
        if lease is None:
            return False
        if lease.fork_of is not None:
            self._backend.fork(lease.fork_of, lease.slot)
        job.sequence, job.n_past = lease.slot, lease.n_reused
        self._cut(job, lease.n_reused)
        job.n_reused = job.n_past
        return True

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
            call = self._next_call(job)
            logits = self._evaluate(job, call)
        finally:
            self._evaluating = None
        elapsed_ms = 1e3 * (time.perf_counter() - started)
        if is_prefill:
            job.prefill_ms += elapsed_ms
        self._scheduler.charge(job, elapsed_ms)
        reason: FinishReason | None = None
        if logits and not job.is_cancelled:
            reason = self._choose(job, logits, call.drafts)
        if call.drafts and logits:
            self._drop_rejected(job)
        if reason is not None:
            self._end(job, reason)

    def _next_call(self, job: Job) -> Call:
        """Makes room for it too, where it goes back over tokens that are evaluated already."""
        assert job.sequence is not None
        rows = self._backend.rows if job.in_prefill else self._speculation.rows(job.request)
        chunk = next_chunk(job.n_past, len(job.tokens), rows)
        drafts: Sequence[int] = ()
        if chunk.end == len(job.tokens):
            drafts = self._drafts(job, rows)
            with_drafts = next_chunk(job.n_past, chunk.end + len(drafts), rows)
            if with_drafts.end == chunk.end + len(drafts):
                chunk = PrefillChunk(with_drafts.start, chunk.end)
            else:
                drafts = ()
        if chunk.start < job.n_past:
            self._cut(job, chunk.start)
            job.n_reused = min(job.n_reused, job.n_past)
            if job.n_past != chunk.start:
                # The backend could not; it begins anew.
                return self._next_call(job)
        return Call(chunk.start, chunk.end, drafts, rows)

    def _drafts(self, job: Job, rows: RowPolicy) -> list[int]:
        """Tokens to evaluate behind the newest."""
        backend, n_new = self._backend, len(job.tokens) - job.n_past
        drafts: list[int] = []
        if job.speculator is not None:
            n_max = min(
                backend.max_logits - 1,
                backend.n_rollback,
                rows.maximum - n_new,
                backend.n_ctx - len(job.tokens),
                job.n_wanted - 1,
            )
            drafts += job.speculator.propose(job.context, n_new=n_new, n_max=n_max, rows=rows)
        n_rows = n_new + len(drafts)
        n_missing = rows.padded(n_rows) - n_rows
        if not backend.can_truncate and n_missing <= backend.n_rollback:
            # A call of too few rows goes back over earlier tokens. A sequence that cannot go back
            # takes any tokens as well: they are checked like drafted ones, and dropped.
            drafts += [job.tokens[-1]] * n_missing
        return drafts

    def _evaluate(self, job: Job, call: Call) -> Sequence[Logits] | None:
        """Logits after the newest token and each drafted one; none before a prompt's end.

        None if the call was interrupted.
        """
        assert job.sequence is not None
        # Rows in the calls of a prompt agree; tokens decoded in such calls count like a prompt's.
        is_exact = call.rows == self._backend.rows
        tokens = job.tokens[call.start : call.end]
        n_wanted = 1 + len(call.drafts) if call.end == len(job.tokens) else 0
        span_tokens = [*tokens, *call.drafts]
        # The last layer is computed for these rows alone, so they too must be of a number that
        # agrees with others.
        n_logits = self._speculation.rows(job.request).padded(n_wanted) if n_wanted else 0
        span = Span(job.sequence, call.start, span_tokens, min(n_logits, len(span_tokens)))
        started = time.perf_counter()
        evaluation = self._backend.evaluate([span])
        if not evaluation.completed:
            job.n_interruptions += 1
            return None
        self._speculation.costs.record(len(span.tokens), 1e3 * (time.perf_counter() - started))
        job.n_interruptions = 0
        self._cache.record(job.sequence, call.start, tokens, exact=is_exact)
        job.n_past = call.end
        return evaluation.logits[len(evaluation.logits) - n_wanted :]

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
            if job.speculator is not None:
                job.speculator.settle(n_right)
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
        if job.keeps is not None and self._ahead.get(job.keeps) is job:
            del self._ahead[job.keeps]
        if job.sequence is not None:
            self._cache.release(job.sequence)
        if job.speculator is not None:
            self._speculation.add(job.speculator.counts)
        job.finish(reason)
