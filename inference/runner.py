"""What the engine thread runs: one step at a time, synchronous, no asyncio.

`step` makes one call of the runtime and returns: a chunk of one job's prompt, or the newest token
with the drafted ones behind it, from which the next tokens are chosen, of one job or of several
that share the call. Between steps cancels take effect and a higher priority goes first; a job that
was set aside keeps its sequence and goes on where it stopped.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from inference.backends.base import Backend
from inference.batching import Batching
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


class Runner:
    """`submit` and `cancel` may be called from any thread, all else from the engine thread, but for
    `fail_all` when that has ended."""

    def __init__(
        self,
        backend: Backend,
        prompts: PromptBuilder,
        *,
        use_prefix_cache: bool = True,
        keep_logits: bool = True,
        share_decodes: bool = True,
        speculation: Speculation | None = None,
        adapt_threads: bool = True,
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """
        Args:
            speculation: None speculates nowhere and measures nothing.
            wake: called after every submission and cancel, on the caller's thread.
            clock: seconds; what a step costs is measured with it.
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
        self._batching = Batching(backend, self._speculation, self._cache, is_enabled=share_decodes)
        self._decoder = Decoder(
            backend,
            self._evaluator,
            self._cache,
            self._speculation,
            known=self._known,
            batching=self._batching,
        )
        self._scheduler: Scheduler[Job] = Scheduler()
        patience = Patience(prompts, self._cache, self._evaluator)
        self._ahead = ReadingAhead(
            self._scheduler, patience, lambda job: self._end(job, FinishReason.CANCELLED)
        )
        self._wake = wake
        self._clock = clock
        self._submitted: deque[Job] = deque()
        self._cancelled: deque[Job] = deque()
        self._evaluating: tuple[Job, ...] = ()
        """The jobs of the call that runs; the first one decided on it."""
        self._is_turn_of_next = False
        self._calibration: Calibration | None = None
        if speculation is not None:
            self._calibration = Calibration(backend, self._evaluator, speculation.costs)
        self._is_measuring = False

    def submit(self, job: Job) -> None:
        self._submitted.append(job)
        evaluating = self._evaluating
        if self._is_measuring or (evaluating and evaluating[0].gives_way_to(job)):
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
        evaluating = self._evaluating
        # A call in which others have a part is a decode step, and soon over.
        is_unwanted = job in evaluating and all(other.is_cancelled for other in evaluating)
        if is_unwanted and not (finish_prompt and job.in_prefill):
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
        jobs = self._scheduler.jobs()
        for first in jobs:
            # One that begins may end what is read ahead, and even if it then fails.
            if first.is_over or not (first.has_begun or self._begin(first)):
                continue
            others = [job for job in jobs if not (job is first or job.is_over)]
            job = self._brought_along(first, others)
            if not (job.is_cancelled or job.is_over):
                self._run(job, others)
            return True
        return False

    def idle(self) -> bool:
        """Uses a moment without requests to measure. False: there is nothing (more) to measure."""
        calibration = self._calibration
        if calibration is None or not calibration.is_due:
            return False
        sequence = self._cache.vacate()
        if sequence is None:
            return False
        self._known.forget(sequence)
        self._backend.truncate(sequence, 0)
        self._is_measuring = True
        if not self.has_work:
            calibration.step(sequence)
        self._is_measuring = False
        if calibration.is_over:
            self._speculation.decide()
        return True

    def fail_all(self, error: InferenceError) -> None:
        """Ends every job with `error`. On any thread, when no step is made any more: the backend,
        which may have failed, is left alone."""
        while self._submitted:
            self._scheduler.add(self._submitted.popleft())
        for job in self._scheduler.jobs():
            self._scheduler.remove(job)
            if job.is_cancelled:
                job.finish(FinishReason.CANCELLED)
            else:
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
        n_missing = (1 if job.priority is Priority.INLINE else 2) - self._cache.n_idle
        if n_missing > 0 and not self._ahead.give_up(n_missing, job):
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
            wants_neighbour=self._batching.may_share(job),
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
            # A call that was given up may have gone back over the newest of the answer's tokens.
            job.known = known.first(lease.n_more)
        if not lease.n_more:
            self._known.forget(lease.slot)
            if job.priority is Priority.INLINE and self._backend.can_truncate:
                self._known.begin(job.id, lease.slot, job.tokens, rows)
        return True

    def _brought_along(self, first: Job, others: Sequence[Job]) -> Job:
        """The first job; or, in every second step in which it would gain by company, another one of
        its priority whose prompt is not evaluated yet."""
        if not others or first.in_prefill or first.known is not None:
            # What is known has to be gone through before anything else is noted.
            return first
        equals = (job for job in others if job.priority is first.priority)
        late = next((job for job in equals if not job.has_begun or job.in_prefill), None)
        if late is None or not self._batching.wants_company(first, others):
            return first
        self._is_turn_of_next = not self._is_turn_of_next
        can_run = self._is_turn_of_next and (late.has_begun or self._begin(late))
        return late if can_run else first

    def _run(self, job: Job, others: Sequence[Job]) -> None:
        started = self._clock()
        is_prefill = job.in_prefill
        done: list[tuple[Job, FinishReason | None]]
        self._evaluating = (job,)
        try:
            if job.known is not None:
                known, job.known = job.known, None
                done = [(job, self._decoder.go_through(job, known))]
            elif not others and self._decoder.is_plain(job):
                done = [(job, self._decoder.go_on(job))]
            else:
                call = self._decoder.next_call(job, others)
                self._evaluating = tuple(part.job for part in call)
                done = list(zip(self._evaluating, self._decoder.make(call), strict=True))
        finally:
            self._evaluating = ()
        elapsed_ms = 1e3 * (self._clock() - started)
        if is_prefill:
            job.prefill_ms += elapsed_ms
        for each, _ in done:
            self._scheduler.charge(each, elapsed_ms / len(done))
        for each, reason in done:
            if reason is not None:
                self._end(each, reason)

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
