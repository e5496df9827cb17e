"""One request's mutable state, from the queue to its result."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence

from inference.backends.base import Logits
from inference.backends.vocabulary import Vocabulary
from inference.cache_model import CacheModel
from inference.constrained import Constrained
from inference.detokenizer import Detokenizer
from inference.errors import InferenceError
from inference.known_rows import Known
from inference.prompts.fim import BuiltPrompt
from inference.sampling import Choice, Sampler
from inference.speculation.speculator import Speculator
from inference.stopping import StopMatcher
from inference.types import (
    Chunk,
    FinishReason,
    GenerationRequest,
    GenerationResult,
    Priority,
    Usage,
)

Event = Chunk | GenerationResult | InferenceError
"""What a job tells its caller: any number of chunks, then one of the others."""

MAX_INTERRUPTIONS = 3
"""A prefill call that was given up so often in a row is let through, or it would never end."""
_ids = itertools.count(1)


class Job:
    """Made on the caller's thread; from the submission on only the engine thread changes it, but
    for `is_cancelled` and `finishes_prompt`."""

    def __init__(self, request: GenerationRequest, tell: Callable[[Event], None]) -> None:
        self.id = next(_ids)
        self.request = request
        self.is_cancelled = False
        self.finishes_prompt = False
        """Whether its prompt is evaluated to the end although it was cancelled."""
        self.keeps: str | None = None
        """A hint whose sequence it must not take."""
        self.sequence: int | None = None
        """Where its tokens are evaluated; None until it has begun."""
        self.n_past = 0
        """How many of `tokens` are evaluated."""
        self.tokens: list[int] = []
        """The prompt's, then the generated ones."""
        self.n_prompt = 0
        self.known: Known | None = None
        """What follows its prompt, until that has been looked at."""
        self.n_known = 0
        """How many tokens were taken from there that need not be evaluated."""
        self.stops: tuple[int, ...] = ()
        """Positions in the prompt at which its sequence's state is saved."""
        self.n_interruptions = 0
        """Prefill calls in a row that were given up for a higher priority."""
        self.was_interrupted = False
        """Whether any was."""
        self.n_reused = 0
        self.n_put_off = 0
        """Tokens by which its prompt is shorter than the whole one."""
        self.prefill_ms = 0.0
        self._tell: Callable[[Event], None] | None = tell
        self._sampler = Sampler(request.sampling)
        self._submitted = time.perf_counter()
        self._begun: float | None = None
        self._first_text: float | None = None
        self._constraint = b""
        self.n_steps = 0
        self.n_shared_steps = 0
        self._n_dropped_messages = 0
        self._n_decoded = 0
        self._token_ids: list[int] = []
        self._logprobs: list[float] = []
        self._text: list[str] = []
        self.context: list[int] = []
        """The text that is continued, and what was generated of it."""
        self.speculator: Speculator | None = None
        self._constrained: Constrained | None = None

    @property
    def priority(self) -> Priority:
        return self.request.priority

    @property
    def has_begun(self) -> bool:
        return self._begun is not None

    @property
    def is_over(self) -> bool:
        return self._tell is None

    @property
    def in_prefill(self) -> bool:
        return self.n_past < self.n_prompt

    @property
    def n_wanted(self) -> int:
        """Tokens it may still generate."""
        return self.request.sampling.max_tokens - len(self._token_ids)

    @property
    def must_be_exact(self) -> bool:
        """Whether its text must not depend on what is cached. A conversation may reuse its own
        decoded answers, as evaluating them again could take many seconds."""
        return self.priority is not Priority.CHAT

    def note_interruption(self) -> None:
        """A call that it had a part in was given up."""
        self.n_interruptions += 1
        self.was_interrupted = True

    def gives_way_to(self, other: Job) -> bool:
        """Whether what is evaluated for this job is given up for a new one."""
        if not self.in_prefill or other.priority >= self.priority:
            return False
        if self.priority is not Priority.WARMUP:
            return self.n_interruptions < MAX_INTERRUPTIONS
        # What was begun for the same place is likely to be a part of the new prompt.
        hint = self.request.sequence_hint
        return not hint or hint != other.request.sequence_hint

    def begin(
        self,
        prompt: BuiltPrompt,
        vocabulary: Vocabulary,
        stops: Sequence[str],
        cache_model: CacheModel | None = None,
        constrained: Constrained | None = None,
    ) -> None:
        """Sets the job up for its first step. `constrained` is closed with the job."""
        self._begun = time.perf_counter()
        self.tokens = list(prompt.tokens)
        self.n_prompt = len(prompt.tokens)
        self._n_dropped_messages = prompt.n_dropped_messages
        self._constraint = prompt.constraint
        self._vocabulary = vocabulary
        self._cache_model = cache_model
        self._constrained = constrained
        self.context = list(prompt.above)
        self._detokenizer = Detokenizer(skip=prompt.constraint)
        self._stops = StopMatcher((*self.request.sampling.stop, *stops))
        if prompt.opening:
            self._say(Chunk(prompt.opening, (), ()))

    def advance(self, logits: Logits, room: int) -> FinishReason | None:
        """Chooses the next token and tells its text.

        Args:
            room: tokens that can still be evaluated.

        Returns why the generation is over, or None. Raises `BackendError` for broken logits.
        """
        if self._cache_model is not None:
            logits = self._cache_model.mix(self.context, logits)
        choice = self._choice(logits)
        self._n_decoded += 1
        if choice is None or choice.token in self._vocabulary.end_ids:
            return FinishReason.STOP
        if self._constrained is not None:
            self._constrained.accept(choice.token)
        self.tokens.append(choice.token)
        self.context.append(choice.token)
        piece = self._vocabulary.piece(choice.token)
        n_spelt = min(len(self._constraint), len(piece))
        self._constraint = self._constraint[n_spelt:]
        text = self._stops.feed(self._detokenizer.feed(piece))
        if len(piece) > n_spelt or not n_spelt:
            # A token that only spells what was typed is no part of the answer.
            logprobs = () if choice.logprob is None else (choice.logprob,)
            self._token_ids.append(choice.token)
            self._logprobs += logprobs
            self._say(Chunk(text, (choice.token,), logprobs))
        if self._stops.found:
            return FinishReason.STOP
        if len(self._token_ids) >= self.request.sampling.max_tokens or room <= 0:
            return FinishReason.LENGTH
        return None

    def finish(self, reason: FinishReason) -> None:
        """Tells the result. Whatever comes after the first ending is ignored."""
        if reason is not FinishReason.CANCELLED and self.has_begun:
            held = self._stops.finish()
            if held:
                self._say(Chunk(held, (), ()))
        self._end(
            GenerationResult(
                text="".join(self._text),
                token_ids=tuple(self._token_ids),
                logprobs=tuple(self._logprobs),
                finish_reason=reason,
                usage=self._usage(),
            )
        )

    def fail(self, error: InferenceError) -> None:
        """Tells an error instead of a result."""
        self._end(error)

    def _choice(self, logits: Logits) -> Choice | None:
        """None where a grammar lets nothing follow."""
        if self._constrained is not None:
            return self._constrained.choose(self._sampler, logits)
        constraint = self._constraint
        allowed = self._vocabulary.consistent_with(constraint) if constraint else None
        return self._sampler.choose(logits, allowed)

    def _say(self, chunk: Chunk) -> None:
        if chunk.text and self._first_text is None:
            self._first_text = time.perf_counter()
        self._text.append(chunk.text)
        if self._tell is not None:
            self._tell(chunk)

    def _end(self, event: GenerationResult | InferenceError) -> None:
        tell, self._tell = self._tell, None
        if self._constrained is not None:
            self._constrained.close()
        if tell is not None:
            tell(event)

    def _usage(self) -> Usage:
        now = time.perf_counter()
        first_text = self._first_text
        return Usage(
            n_prompt_tokens=self.n_prompt,
            n_reused_tokens=self.n_reused,
            n_evaluated_tokens=max(min(self.n_past, self.n_prompt) - self.n_reused, 0),
            n_decoded_tokens=self._n_decoded,
            n_known_tokens=self.n_known,
            n_put_off_tokens=self.n_put_off,
            n_steps=self.n_steps,
            n_shared_steps=self.n_shared_steps,
            drafters=dict(self.speculator.counts) if self.speculator else {},
            n_dropped_messages=self._n_dropped_messages,
            queue_ms=1e3 * ((self._begun or now) - self._submitted),
            prefill_ms=self.prefill_ms,
            first_text_ms=None if first_text is None else 1e3 * (first_text - self._submitted),
            total_ms=1e3 * (now - self._submitted),
        )
