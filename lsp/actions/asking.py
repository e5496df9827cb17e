"""Asks the engine for one action: streams, and ends when nothing more is of use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from inference import FinishReason, Generation, GenerationRequest, ModelInfo


class Submits(Protocol):
    """What is needed of an engine."""

    def submit(self, request: GenerationRequest) -> Generation: ...


@dataclass(frozen=True, slots=True)
class Answered:
    text: str
    is_cut: bool
    """The model was stopped by the token limit."""


def _ignore(_text: str) -> None:
    """Nobody looks at the progress."""


@dataclass(slots=True)
class Asker:
    """The way to the model, for one action."""

    engine: Submits
    model: ModelInfo
    max_tokens: int
    uri: str
    """The document's."""
    path: str = ""
    """The document's inside its project."""
    related: tuple[str, ...] = ()
    """Texts of the project's other files."""
    on_text: Callable[[str], None] = _ignore
    """Called with all text so far of the answer that is being written."""
    generations: list[Generation] = field(default_factory=list[Generation])

    @property
    def sequence_hint(self) -> str:
        """Of what is asked about the document; apart from what is typed in it, whose prompt seldom
        begins alike and is wanted again by the next key."""
        return f"action:{self.uri}"

    async def ask(
        self, request: GenerationRequest, until: Callable[[str], bool] = lambda _chunk: False
    ) -> Answered:
        """The answer's text, up to the chunk that made `until` true.

        Raises InferenceError if the engine fails.
        """
        generation = self.engine.submit(request)
        self.generations.append(generation)
        text = ""
        async for chunk in generation:
            text += chunk.text
            self.on_text(text)
            if until(chunk.text):
                generation.cancel()
                return Answered(text, is_cut=False)
        result = await generation.result()
        return Answered(text, is_cut=result.finish_reason is FinishReason.LENGTH)

    def cancel(self) -> None:
        """Stop whatever still runs. Idempotent."""
        for generation in self.generations:
            generation.cancel()
