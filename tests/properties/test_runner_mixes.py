"""Any mix of requests, cancels and interruptions: each answer is that of its prompt alone, each
request is told one end, and nothing is left behind."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from inference.backends.base import RowPolicy, Span
from inference.errors import InferenceError
from inference.job import Event, Job
from inference.models.catalogue import PromptOrder
from inference.prompts.build import PromptBuilder
from inference.prompts.fim import BuiltPrompt
from inference.runner import Runner
from inference.speculation.policy import Speculation
from inference.types import (
    Chunk,
    FimPrompt,
    FinishReason,
    GenerationRequest,
    GenerationResult,
    Priority,
    SamplingParams,
    SpeculationMode,
    TextPrompt,
)
from tests.support.fake_backend import FakeBackend, hashed, make_summary
from tests.support.fixed_costs import FixedCosts, straight

LINES = "for item in items:\n    total += item.price\n"
TEXT = f"def total(items):\n    {LINES}    return total\n" * 6


def one_of_two(tokens: list[int]) -> int:
    """So that wrong guesses are often right."""
    return b"ab"[hashed(tokens) % 2]


def repeating(tokens: list[int]) -> int:
    n = len(tokens)
    return hashed(tokens) if n % 11 == 0 else LINES.encode()[n % len(LINES)]


class Prompts(PromptBuilder):
    """Remembers what it has built; or gives what was built elsewhere."""

    def __init__(
        self, backend: FakeBackend, order: PromptOrder, given: BuiltPrompt | None = None
    ) -> None:
        super().__init__(backend.vocabulary, make_summary(), backend.n_ctx, order=order)
        self._given = given
        self._built: list[tuple[GenerationRequest, BuiltPrompt]] = []

    def build(self, request: GenerationRequest, *, window_tokens: int | None = None) -> BuiltPrompt:
        if self._given is not None:
            return self._given
        built = super().build(request, window_tokens=window_tokens)
        self._built.append((request, built))
        return built

    def of(self, job: Job) -> BuiltPrompt:
        tokens = job.tokens[: job.n_prompt]
        return next(b for r, b in self._built if r is job.request and b.tokens == tokens)


@dataclass
class Mix:
    """A runner of some random kind, and what was asked of it."""

    chance: random.Random
    told: list[tuple[Job, list[Event]]] = field(default_factory=list[tuple[Job, list[Event]]])
    place: int = 50
    typed: str = ""

    def __post_init__(self) -> None:
        chance = self.chance
        rows = [RowPolicy(16, 2), RowPolicy(16, 8, 4), RowPolicy(16, 4, 4), RowPolicy(32)]
        self.rows = chance.choice(rows)
        self.can_truncate = chance.random() < 0.7
        self.n_ctx = chance.choice([96, 128, 640])
        self.predict = chance.choice([hashed, one_of_two, repeating])
        self.order = chance.choice(list(PromptOrder))
        self.is_free = chance.random() < 0.8
        self.backend = self._backend(chance.randint(2, 6))
        self.prompts = Prompts(self.backend, self.order)
        mode = chance.choice(list(SpeculationMode))
        self.is_for_all = self.is_free or mode is SpeculationMode.ALWAYS
        speculation = Speculation(mode, self.rows, is_second_row_free=self.is_free)
        speculation.costs = FixedCosts(straight(chance.choice([0.01, 0.3, 1.0])))
        self.runner = Runner(self.backend, self.prompts, speculation=speculation)
        # Some are impatient then.
        self.runner._evaluator.prompt_ms_per_token = 1.0  # pyright: ignore[reportPrivateUsage]

    def _backend(self, n_sequences: int) -> FakeBackend:
        return FakeBackend(
            n_ctx=self.n_ctx,
            n_sequences=n_sequences,
            rows=self.rows,
            can_truncate=self.can_truncate,
            n_rollback=None if self.can_truncate else 7,
            predict=self.predict,
        )

    def submit(self) -> None:
        chance = self.chance
        if chance.random() < 0.15:
            self.place, self.typed = chance.randrange(50, 250), ""
        self.typed += chance.choice(["", *"abr ( t"])
        priority = chance.choice([*[Priority.INLINE] * 3, *Priority])
        fim = FimPrompt(
            prefix=TEXT[: self.place] + self.typed, suffix=TEXT[self.place : self.place + 100]
        )
        text = TextPrompt(text="x" * chance.choice([0, 1, 20, self.n_ctx - 1, self.n_ctx]))
        request = GenerationRequest(
            prompt=chance.choice([fim] * 6 + [text]),
            priority=priority,
            sequence_hint=chance.choice(["a", "a", "b", ""]),
            old_text=chance.choice(["", LINES]),
            sampling=SamplingParams(
                max_tokens=0 if priority is Priority.WARMUP else chance.choice([0, 1, 6, 20]),
                temperature=chance.choice([0.0, 0.0, 1.5]),
                seed=chance.randrange(3),
                stop=chance.choice([(), ("total",)]),
            ),
            patience_ms=chance.choice([None, 150.0]),
        )
        events: list[Event] = []
        self.told.append((Job(request, events.append), events))
        self.runner.submit(self.told[-1][0])

    def cancel(self) -> None:
        running = [job for job, _ in self.told if not (job.is_over or job.is_cancelled)]
        if running:
            job = self.chance.choice(running)
            self.runner.cancel(job, finish_prompt=self.chance.random() < 0.5)

    def disturb(self, _span: Span) -> None:
        """In the middle of a call."""
        what = self.chance.random()
        if what < 0.05:
            self.cancel()
        elif what < 0.08:
            self.runner.interrupt()
        elif what < 0.12:
            self.submit()

    def run(self) -> None:
        self.backend.during_evaluation = self.disturb
        for _ in range(self.chance.randint(30, 120)):
            if self.chance.random() < 0.25:
                self.submit()
            if self.chance.random() < 0.05:
                self.cancel()
            self.runner.step()
        self.backend.during_evaluation = lambda _: None
        n_steps = 0
        while self.runner.step():
            n_steps += 1
            assert n_steps < 20_000, "the runner never became idle"

    def alone(self, job: Job) -> GenerationResult:
        """The same prompt on a backend that holds nothing, without drafts or company."""
        backend = self._backend(2)
        mode = SpeculationMode.NEVER
        runner = Runner(
            backend,
            Prompts(backend, self.order, self.prompts.of(job)),
            use_prefix_cache=False,
            share_decodes=False,
            speculation=Speculation(mode, self.rows, is_second_row_free=self.is_for_all),
        )
        events: list[Event] = []
        runner.submit(Job(job.request, events.append))
        while runner.step():
            pass
        assert isinstance(events[-1], GenerationResult)
        return events[-1]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_answer_is_its_prompt_s_and_every_request_ends(seed: int) -> None:
    mix = Mix(random.Random(seed))
    mix.run()
    for job, events in mix.told:
        (end,) = [event for event in events if not isinstance(event, Chunk)]
        assert events[-1] is end
        if isinstance(end, InferenceError):
            assert "context" in str(end)
        elif end.finish_reason is not FinishReason.CANCELLED and job.n_prompt:
            expected = mix.alone(job)
            assert end.text == expected.text
            assert (end.token_ids, end.logprobs) == (expected.token_ids, expected.logprobs)
            assert end.finish_reason is expected.finish_reason
    cache = mix.runner._cache  # pyright: ignore[reportPrivateUsage]
    assert not mix.runner.has_work
    assert cache.n_idle == mix.backend.n_sequences
    assert [cache.n_held(n) for n in range(cache.n_slots)] == list(map(len, mix.backend.sequences))
