"""One call of the runtime: what goes into it, for one job or several, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from inference.backends.base import Backend, Logits, RowPolicy, Span
from inference.batching import Batching
from inference.chunks import PrefillChunk, next_chunk
from inference.errors import BackendError
from inference.evaluator import Evaluator
from inference.job import Job
from inference.known_rows import Known, KnownRows
from inference.prefix_cache import PrefixCache
from inference.speculation.policy import Speculation
from inference.types import FinishReason, Priority


@dataclass(frozen=True, slots=True)
class Part:
    """Of a call, for one job: its tokens `start` … `end - 1`, and drafted ones behind them."""

    job: Job
    start: int
    end: int
    drafts: Sequence[int]
    rows: RowPolicy
    """What it obeys."""

    @property
    def n_rows(self) -> int:
        return self.end - self.start + len(self.drafts)

    @property
    def n_wanted(self) -> int:
        """Rows from which tokens are chosen: after the newest token and each drafted one; none
        before a prompt's end."""
        return 1 + len(self.drafts) if self.end == len(self.job.tokens) else 0


class Decoder:
    """Evaluates prompts in chunks, then the newest token with drafted ones behind it, of several
    jobs at once where that is worth it."""

    def __init__(
        self,
        backend: Backend,
        evaluator: Evaluator,
        cache: PrefixCache,
        speculation: Speculation,
        *,
        known: KnownRows,
        batching: Batching,
    ) -> None:
        self._backend = backend
        self._evaluator = evaluator
        self._cache = cache
        self._speculation = speculation
        self._known = known
        self._batching = batching

    def next_call(self, job: Job, others: Sequence[Job] = ()) -> list[Part]:
        """What to evaluate next for a job that has a sequence, and along with it for others.

        Makes room for it too, where it goes back over tokens that are evaluated already.
        """
        is_decoding = not job.in_prefill
        first = self._next_part(job, self._rows(job, alone=not others))
        if not (others and is_decoding):
            return [first]
        parts = [first]
        for other in self._batching.companions(job, first.n_rows, others):
            multiple = self._speculation.rows(other.request).multiple
            rows = RowPolicy(maximum=first.n_rows, minimum=first.n_rows, multiple=multiple)
            parts.append(self._next_part(other, rows))
        return parts

    def make(self, call: Sequence[Part]) -> list[FinishReason | None]:
        """Returns for each part why its job is over, or None."""
        logits = self._evaluate(call)
        if logits is None:
            for part in call:
                part.job.note_interruption()
            return [None] * len(call)
        is_shared = len(call) > 1
        return [
            self._use(part, rows, is_shared=is_shared)
            for part, rows in zip(call, logits, strict=True)
        ]

    def is_plain(self, job: Job) -> bool:
        """Whether the job's next call is one row: its newest token, with nothing drafted."""
        is_next = job.n_past + 1 == len(job.tokens) and not job.in_prefill
        return is_next and job.speculator is None and self._rows(job).padded(1) == 1

    def go_on(self, job: Job) -> FinishReason | None:
        """`next_call` and `make` for a plain step. It does what these do, in few words: the weights
        push the interpreter out of the processor's caches at each token, and every other line of
        Python then takes microseconds."""
        assert job.sequence is not None
        position = job.n_past
        tokens = job.tokens[position:]
        started = time.perf_counter()
        evaluation = self._evaluator.evaluate([Span(job.sequence, position, tokens, 1)])
        if not evaluation.completed:
            job.note_interruption()
            return None
        self._speculation.costs.record(1, 1e3 * (time.perf_counter() - started))
        is_exact = self._backend.rows.minimum == 1
        self._cache.record(job.sequence, position, tokens, exact=is_exact, n_rows=1)
        job.n_past = position + 1
        job.n_interruptions = 0
        return None if job.is_cancelled else self._choose(job, evaluation.logits, ())

    def go_through(self, job: Job, known: Known) -> FinishReason | None:
        """Chooses from what an earlier request has computed for the same prompt."""
        if not job.request.sampling.max_tokens:
            # Read ahead for who goes on with the answer: that stays as it is.
            return FinishReason.LENGTH
        n_prompt = job.n_past
        reason = self._choose(job, known.rows, known.tokens, is_new=False)
        job.n_known = job.n_past - n_prompt
        if known.slot is not None:
            self._known.take_over(job.id, job.n_known)
            self.cut(job, job.n_past)
        return reason

    def cut(self, job: Job, n_tokens: int) -> None:
        """Cuts the job's sequence, or clears it where the backend cannot cut."""
        assert job.sequence is not None
        if not self._backend.truncate(job.sequence, n_tokens):
            self._backend.truncate(job.sequence, 0)
            n_tokens = 0
        job.n_past = n_tokens
        self._cache.truncate(job.sequence, n_tokens)

    def _next_part(self, job: Job, rows: RowPolicy) -> Part:
        end = next((stop for stop in job.stops if stop > job.n_past), len(job.tokens))
        can_go_back = self._backend.can_truncate
        chunk = next_chunk(job.n_past, end, rows, can_go_back=can_go_back)
        drafts: Sequence[int] = ()
        # At a prompt's end the state is saved, which must not be that after drafted tokens. Where
        # a call has to be filled up with some, it is not saved.
        n_new = len(job.tokens) - job.n_past
        is_saved = job.in_prefill and self._cache.keeps_states and rows.padded(n_new) == n_new
        if chunk.end == len(job.tokens) and not is_saved:
            drafts = self._drafts(job, rows)
            end += len(drafts)
            with_drafts = next_chunk(job.n_past, end, rows, can_go_back=can_go_back)
            if with_drafts.end == end:
                chunk = PrefillChunk(with_drafts.start, chunk.end)
            else:
                drafts = ()
        if chunk.start < job.n_past:
            self.cut(job, chunk.start)
            job.n_reused = min(job.n_reused, job.n_past)
            if job.n_past != chunk.start:
                # The backend could not; it begins anew.
                return self._next_part(job, self._rows(job))
        return Part(job, chunk.start, chunk.end, drafts, rows)

    def _rows(self, job: Job, *, alone: bool = False) -> RowPolicy:
        """What a job's next call must have; `alone`: there is no other job."""
        rows = self._speculation.rows(job.request)
        if not job.in_prefill:
            return rows
        # Decoding may go back over the prompt's end, which must find the bits it would make.
        minimum = max(rows.minimum, self._backend.rows.minimum)
        multiple = max(rows.multiple, self._backend.rows.multiple)
        is_typed = job.priority is Priority.INLINE
        longest = self._evaluator.rows(
            ahead=job.priority is Priority.WARMUP,
            alone=alone and not (is_typed or job.was_interrupted),
        )
        return replace(longest, minimum=minimum, multiple=multiple)

    def _drafts(self, job: Job, rows: RowPolicy) -> list[int]:
        """Tokens to evaluate behind the newest."""
        backend, n_new = self._backend, len(job.tokens) - job.n_past
        # So many can be dropped again, or have a place.
        n_behind = min(backend.n_rollback, backend.n_ctx - len(job.tokens))
        n_max = min(n_behind, backend.max_logits - 1, rows.maximum - n_new, job.n_wanted - 1)
        if not backend.can_truncate:
            # What is drafted and what fills the call are dropped together.
            n_rows = (n_new + n_behind) // rows.multiple * rows.multiple
            n_max = min(n_max, n_rows - n_new) if n_behind >= rows.minimum - 1 else 0
        elif len(job.tokens) < rows.minimum:
            # All there is makes a call of too few rows, which with drafts would be of another kind.
            n_max = 0
        drafts: list[int] = []
        if job.speculator is not None:
            drafts += job.speculator.propose(
                job.context, n_new=n_new, n_max=n_max, rows=rows, in_prefill=job.in_prefill
            )
        n_rows = n_new + len(drafts)
        n_missing = rows.padded(n_rows) - n_rows
        if not backend.can_truncate and len(drafts) + n_missing <= n_behind:
            # A call of too few rows goes back over earlier tokens. A sequence that cannot go back
            # takes any tokens as well: they are checked like drafted ones, and dropped.
            drafts += [job.tokens[-1]] * n_missing
        return drafts

    def _evaluate(self, call: Sequence[Part]) -> list[Sequence[Logits]] | None:
        """For each part the logits that are wanted; None if the call was interrupted."""
        spans = [self._span(part) for part in call]
        fillers = [
            Span(sequence, self._cache.n_held(sequence), spans[0].tokens)
            for sequence in self._batching.between([part.job for part in call])
        ]
        # The runtime takes sequences together only in the order of their numbers.
        ordered = sorted([*spans, *fillers], key=lambda span: span.sequence)
        started = time.perf_counter()
        evaluation = self._evaluator.evaluate(ordered)
        if not evaluation.completed:
            return None
        n_rows = sum(len(span.tokens) for span in ordered)
        # Rows of a prompt whose logits nobody wants cost less.
        if n_rows == sum(span.n_logits for span in ordered):
            self._speculation.costs.record(n_rows, 1e3 * (time.perf_counter() - started))
        for span in fillers:
            self._backend.truncate(span.sequence, span.position)
        n_wanted = {part.job.sequence: part.n_wanted for part in call}
        wanted: dict[int, Sequence[Logits]] = {}
        end = 0
        for span in ordered:
            end += span.n_logits
            wanted[span.sequence] = evaluation.logits[end - n_wanted.get(span.sequence, 0) : end]
        return [wanted[span.sequence] for span in spans]

    def _span(self, part: Part) -> Span:
        job, n_wanted = part.job, part.n_wanted
        assert job.sequence is not None
        # The last layer is computed for these rows alone, so they too must be of a number that
        # agrees with others.
        n_logits = self._speculation.rows(job.request).padded(n_wanted) if n_wanted else 0
        tokens = [*job.tokens[part.start : part.end], *part.drafts]
        return Span(job.sequence, part.start, tokens, min(n_logits, len(tokens)))

    def _use(self, part: Part, logits: Sequence[Logits], *, is_shared: bool) -> FinishReason | None:
        """Notes what was evaluated, and chooses from it. Returns why the job is over, or None."""
        job = part.job
        self._note(part, logits)
        reason: FinishReason | None = None
        if logits and not job.is_cancelled:
            job.n_shared_steps += is_shared
            reason = self._choose(job, logits, part.drafts)
            if part.drafts and job.speculator is not None:
                job.speculator.settle(job.n_past - part.end)
        if logits and part.drafts:
            self._drop_rejected(job)
        return reason

    def _note(self, part: Part, logits: Sequence[Logits]) -> None:
        job = part.job
        assert job.sequence is not None
        job.n_interruptions = 0
        # Rows in the calls of a prompt agree; tokens decoded in such calls count like a prompt's.
        is_exact = part.rows.satisfies(self._backend.rows)
        tokens = job.tokens[part.start : part.end]
        self._cache.record(job.sequence, part.start, tokens, exact=is_exact, n_rows=part.n_rows)
        job.n_past = part.end
        is_end = part.end == job.n_prompt and self._cache.keeps_states
        if (part.end in job.stops or is_end) and not part.drafts:
            self._save(job)
        # No logits: what was generated already is evaluated anew, and the prompt before it.
        is_after_prompt = part.end == job.n_prompt and logits
        if is_after_prompt and self._cache.is_exact(job.sequence, job.n_prompt):
            self._known.note_prompt(job.tokens, self._speculation.rows(job.request), logits[0])

    def _save(self, job: Job) -> None:
        assert job.sequence is not None
        state = self._backend.save(job.sequence)
        if state is not None:
            self._cache.keep(job.sequence, state, is_end=job.n_past == job.n_prompt)

    def _choose(
        self,
        job: Job,
        logits: Sequence[Logits],
        drafts: Sequence[int],
        *,
        is_new: bool = True,
    ) -> FinishReason | None:
        """Chooses tokens as long as the drafted ones are those chosen."""
        assert job.sequence is not None
        if not job.request.sampling.max_tokens:
            return FinishReason.LENGTH
        job.n_steps += 1
        n_right = 0
        reason: FinishReason | None = None
        n_end = self._n_end(job)
        for row in logits:
            if is_new and job.n_past > job.n_prompt:
                self._known.note(job.id, job.tokens[-1], row)
            reason = job.advance(row, room=n_end - job.n_past)
            is_right = n_right < len(drafts) and job.tokens[job.n_past :] == [drafts[n_right]]
            if not is_right:
                break
            n_right += 1
            job.n_past += 1
            if reason is not None:
                break
        if is_new and n_right:
            self._cache.record(job.sequence, job.n_past - n_right, drafts[:n_right])
        return reason

    def _n_end(self, job: Job) -> int:
        """Tokens that its sequence can hold: no call may have too few rows, nor go back if the
        sequence cannot."""
        n_short = self._speculation.rows(job.request).minimum - 1
        return self._backend.n_ctx - (0 if self._backend.can_truncate else n_short)

    def _drop_rejected(self, job: Job) -> None:
        assert job.sequence is not None
        if not self._backend.truncate(job.sequence, job.n_past):
            raise BackendError("The runtime cannot take back tokens that were drafted wrongly.")
