"""What the engine thread runs: one step at a time, synchronous, no asyncio.

`step` makes one call of the runtime for one job and returns: a chunk of its prompt, or the newest
token with the drafted ones behind it, from which the next tokens are chosen. Between steps
cancels take effect and a higher priority goes first; a job that was set aside keeps its sequence
and goes on where it stopped.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from inference.backends.base import Backend
from inference.constrained import Constrained
from inference.decoding import Decoder
from inference.errors import GrammarError, InferenceError
from inference.evaluator import Evaluator
from inference.job import Job
from inference.known_rows import KnownRows
from inference.patience import Patience
from inference.prefix_cache import PrefixCache
from inference.prompts.build import PromptBuilder
from inference.prompts.fim import BuiltPrompt
from inference.reading_ahead import ReadingAhead
from inference.scheduler import Scheduler
from inference.speculation.calibration import Calibration
from inference.speculation.model_drafts import ModelDrafts
from inference.speculation.policy import Speculation
from inference.speculation.speculator import Speculator
from inference.types import (
    DraftCounts,
    FimPrompt,
    FinishReason,
    GenerationRequest,
    Priority,
    SpeculationMode,
)

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
        keep_logits: bool = True,
        speculation: Speculation | None = None,
        adapt_threads: bool = True,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            speculation: None speculates nowhere and measures nothing.
            wake: called after every submission and cancel, on the caller's thread.
        """
        self._backend = backend
        self._prompts = prompts
        self._evaluator = Evaluator(backend, adapt_threads=adapt_threads)
        self._cache = PrefixCache(
            backend.n_sequences,
            rows=backend.rows,
            can_truncate=backend.can_truncate,
            max_state_bytes=backend.max_state_bytes,
            is_enabled=use_prefix_cache,
        )
        self._speculation = speculation or Speculation(
            SpeculationMode.NEVER, backend.rows, is_second_row_free=False
        )
        self._known = KnownRows(
            len(backend.vocabulary), is_enabled=use_prefix_cache and keep_logits
        )
        self._decoder = Decoder(
            backend, self._evaluator, self._cache, self._speculation, self._known
        )
        self._scheduler: Scheduler[Job] = Scheduler()
        patience = Patience(prompts, self._cache, self._evaluator)
        self._ahead = ReadingAhead(
            self._scheduler, patience, lambda job: self._end(job, FinishReason.CANCELLED)
        )
        self._wake = wake
        self._submitted: deque[Job] = deque()
        self._cancelled: deque[Job] = deque()
        self._evaluating: Job | None = None
        self._calibration: Calibration | None = None
        if speculation is not None:
            self._calibration = Calibration(backend, self._evaluator, speculation.costs)
        self._is_measuring = False

    def submit(self, job: Job) -> None:
        self._submitted.append(job)
        current = self._evaluating
        if self._is_measuring or (current is not None and _gives_way(current, job)):
            self._backend.interrupt()
        self._wake()

    def interrupt(self) -> None:
        """Makes a running evaluation return early."""
        self._backend.interrupt()

    def cancel(self, job: Job, *, finish_prompt: bool = False) -> None:
        """See `Generation.cancel`."""
        job.finishes_prompt = finish_prompt
        job.is_cancelled = True
        self._cancelled.append(job)
        if self._evaluating is job and not (finish_prompt and job.in_prefill):
            self._backend.interrupt()
        self._wake()

    @property
    def drafters(self) -> dict[str, DraftCounts]:
        """Counts of all requests that have ended. From any thread: it is replaced whole."""
        return self._speculation.totals

    @property
    def n_threads(self) -> int:
        """Threads that decode one token now."""
        return self._evaluator.n_threads

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
        sequence, calibration = self._cache.unused, self._calibration
        if calibration is None or calibration.is_over or sequence is None:
            return False
        self._is_measuring = True
        if not self.has_work:
            calibration.step(sequence)
        self._is_measuring = False
        if calibration.is_over:
            self._speculation.decide()
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
        self._ahead.make_way(job)
        # One sequence stays free for whoever types next.
        n_reserved = 0 if job.priority is Priority.INLINE else 1
        if self._cache.n_idle <= n_reserved:
            return False
        try:
            whole = self._prompts.build(job.request)
            prompt = self._ahead.shorter(job, whole) or whole
            constrained = self._constrained(job.request, prompt)
        except InferenceError as error:
            self._scheduler.remove(job)
            job.fail(error)
            return False
        job.n_put_off = len(whole.tokens) - len(prompt.tokens)
        job.begin(
            prompt,
            self._backend.vocabulary,
            self._prompts.stops(job.request),
            self._prompts.cache_model(job.request, prompt),
            constrained,
        )
        if not prompt.tokens:
            self._end(job, FinishReason.STOP)
            return False
        if not self._lease(job):
            self._end(job, FinishReason.CANCELLED)
            return False
        job.speculator = self._speculator(job, prompt)
        if whole.ahead and self._cache.is_enabled:
            self._ahead.read_anchor(whole.ahead, job.request.sequence_hint)
        return True

    def _constrained(self, request: GenerationRequest, prompt: BuiltPrompt) -> Constrained | None:
        """Raises `GrammarError`."""
        grammar = request.grammar or prompt.grammar
        if grammar is None or prompt.opening:
            return None
        if isinstance(request.prompt, FimPrompt):
            # The model may spell anew what stands before the cursor: that is not in the answer.
            raise GrammarError("What fills in the middle of a text can be held to no grammar.")
        state = self._backend.grammar(grammar.rules)
        return Constrained(state, self._backend.vocabulary, grammar.after)

    def _speculator(self, job: Job, prompt: BuiltPrompt) -> Speculator | None:
        if not self._speculation.covers(job.request):
            return None
        drafters = self._prompts.drafters(job.request, prompt)
        model = self._backend.draft_model
        if model is None:
            return self._speculation.speculator(drafters)
        assert job.sequence is not None
        cost = self._speculation.drafting_cost
        drafts = ModelDrafts(model, job.sequence, job.tokens, cost)
        return self._speculation.speculator(drafters, drafts)

    def _lease(self, job: Job) -> bool:
        """Gives the job a sequence. False: only the one it must not take is left."""
        rows = self._speculation.rows(job.request)
        known = self._known.find(job.tokens, rows)
        lease = self._cache.acquire(
            job.tokens,
            job.request.sequence_hint,
            exact=job.must_be_exact,
            keep=job.keeps,
            is_end_known=known is not None,
            begun=known and known.begun,
        )
        if lease is None:
            return False
        self._backend.draft_for(lease.slot, wanted=self._speculation.covers(job.request))
        if lease.fork_of is not None:
            self._backend.fork(lease.fork_of, lease.slot)
        if lease.state is not None:
            self._backend.restore(lease.slot, lease.state)
        job.sequence, job.stops = lease.slot, lease.stops
        self._decoder.cut(job, lease.n_reused + lease.n_more)
        job.n_reused = job.n_past = min(job.n_past, lease.n_reused)
        if known is not None and job.n_past == len(job.tokens):
            job.known = known if lease.n_more else known.without_answer()
        if not lease.n_more:
            self._known.forget(lease.slot)
            if job.priority is Priority.INLINE and self._backend.can_truncate:
                self._known.begin(job.id, lease.slot, job.tokens, rows)
        return True

    def _run(self, job: Job) -> None:
        started = time.perf_counter()
        is_prefill = job.in_prefill
        self._evaluating = job
        try:
            reason = self._decoder.step(job)
        finally:
            self._evaluating = None
        elapsed_ms = 1e3 * (time.perf_counter() - started)
        if is_prefill:
            job.prefill_ms += elapsed_ms
        self._scheduler.charge(job, elapsed_ms)
        if reason is not None:
            self._end(job, reason)

    def _end(self, job: Job, reason: FinishReason) -> None:
        """Ends a job once; a cancel may come after the end."""
        if job.is_over:
            return
        self._scheduler.remove(job)
        self._ahead.forget(job)
        if job.sequence is not None:
            self._backend.draft_for(job.sequence, wanted=False)
            self._cache.release(job.sequence)
        if job.speculator is not None:
            self._speculation.add(job.speculator.counts)
        job.finish(reason)
        is_wanted = job.is_cancelled and job.finishes_prompt and job.has_begun and job.in_prefill
        if is_wanted and self._cache.is_enabled:
            self._ahead.read_rest(job)


def _gives_way(current: Job, job: Job) -> bool:
    """Whether what is evaluated is given up for a new job."""
    if not current.in_prefill or job.priority >= current.priority:
        return False
    if current.priority is not Priority.WARMUP:
        return current.n_interruptions < MAX_INTERRUPTIONS
    # What was begun for the same place is likely to be a part of the new prompt.
    hint = current.request.sequence_hint
    return not hint or hint != job.request.sequence_hint
