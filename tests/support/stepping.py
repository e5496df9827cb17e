"""A runner on a toy backend, stepped by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from inference.job import Event, Job
from inference.prompts.build import PromptBuilder
from inference.runner import Runner
from inference.speculation.policy import Speculation
from inference.types import (
    GenerationRequest,
    GenerationResult,
    Priority,
    Prompt,
    SamplingParams,
    TextPrompt,
)
from tests.support.fake_backend import FakeBackend, make_prompts


@dataclass
class Told:
    """A job and what it told."""

    job: Job
    events: list[Event] = field(default_factory=list[Event])

    @property
    def result(self) -> GenerationResult:
        ends = [event for event in self.events if isinstance(event, GenerationResult)]
        assert len(ends) == 1
        assert isinstance(self.events[-1], GenerationResult)
        return ends[0]

    @property
    def is_over(self) -> bool:
        return self.job.is_over


class Bench:
    """A runner, its toy backend, and an order of jobs ending."""

    def __init__(
        self,
        backend: FakeBackend | None = None,
        *,
        prompts: PromptBuilder | None = None,
        use_prefix_cache: bool = True,
        speculation: Speculation | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.backend = backend or FakeBackend()
        self.runner = Runner(
            self.backend,
            prompts or make_prompts(self.backend),
            use_prefix_cache=use_prefix_cache,
            speculation=speculation,
            clock=clock,
        )

    def submit(
        self,
        prompt: Prompt | str,
        *,
        priority: Priority = Priority.INLINE,
        max_tokens: int = 8,
        stop: tuple[str, ...] = (),
        hint: str = "",
        patience_ms: float | None = None,
    ) -> Told:
        if isinstance(prompt, str):
            prompt = TextPrompt(text=prompt)
        request = GenerationRequest(
            prompt=prompt,
            sampling=SamplingParams(max_tokens=max_tokens, stop=stop),
            priority=priority,
            sequence_hint=hint,
            patience_ms=patience_ms,
        )
        events: list[Event] = []
        job = Job(request, events.append)
        self.runner.submit(job)
        return Told(job, events)

    def run(self, limit: int = 10_000) -> int:
        """Steps until idle; returns how many steps that took."""
        for n_steps in range(limit):
            if not self.runner.step():
                return n_steps
        raise AssertionError("the runner never became idle")

    def complete(self, prompt: Prompt | str, **options: object) -> GenerationResult:
        told = self.submit(prompt, **options)  # pyright: ignore[reportArgumentType]
        self.run()
        return told.result
