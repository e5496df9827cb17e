"""From a snapshot to suggestions: gates, type-through, generation, trimming, confidence.

Knows no protocol and no session; `sotto complete` runs the same code.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import Protocol

from inference import (
    FimPrompt,
    FinishReason,
    Generation,
    GenerationRequest,
    ModelInfo,
    Priority,
    SamplingParams,
)
from lsp.confidence import Confidence
from lsp.context.gates import GateLimits, Trigger, should_suggest
from lsp.context.surroundings import to_newlines
from lsp.document import Snapshot
from lsp.ghost_text import Trimmer
from lsp.records import Source
from lsp.settings import InlineCompletionSettings
from lsp.type_through import TypeThrough

_MULTILINE = {"auto": None, "always": True, "never": False}
_CANDIDATE_TEMPERATURE = 0.8
_PROMPT_STRIDE_CHARS = 1 << 16
"""A power of two, as are the strides by which the engine moves a prompt's edges: what it reuses of
a long text is then the same as if it had been given the whole."""


class Submits(Protocol):
    """What is needed of an engine."""

    def submit(self, request: GenerationRequest) -> Generation: ...


@dataclass(slots=True)
class Work:
    """What a request did so far; readable at any moment, also after it was cancelled."""

    source: Source | None = None
    reason: str | None = None
    generations: list[Generation] = field(default_factory=list[Generation])

    def cancel(self, *, finish_prompt: bool) -> None:
        """Stop whatever still runs; see `Generation.cancel`. Idempotent."""
        for generation in self.generations:
            generation.cancel(finish_prompt=finish_prompt)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One trimmed generation."""

    text: str
    reason: str | None
    """Why `text` is empty."""


async def suggest(
    snapshot: Snapshot,
    *,
    trigger: Trigger,
    engine: Submits,
    model: ModelInfo,
    settings: InlineCompletionSettings,
    type_through: TypeThrough,
    path: str,
    work: Work,
    related: tuple[str, ...] = (),
) -> list[str]:
    """Suggestions to insert at the cursor, best first; none of them empty.

    Where there is none, `work.reason` says why. `path` is the file's path inside its project and
    `related` what other files of it hold.
    Raises InferenceError if the engine fails.
    """
    limits = GateLimits(disabled_languages=frozenset(settings.disabled_languages))
    gate = should_suggest(snapshot, trigger, limits=limits)
    if gate is not None:
        work.reason = gate
        return []
    if trigger is Trigger.AUTOMATIC:
        remembered = type_through.lookup(snapshot)
        if remembered is not None:
            work.source = "type-through" if remembered.n_typed_chars else "cache"
            return [remembered.text]
    work.source = "model"
    is_asked_for = trigger is Trigger.INVOKED
    threshold = -math.inf if is_asked_for else settings.min_line_logprob(model.min_line_logprob)
    n_candidates = settings.candidates if is_asked_for else 1
    prompt = prompt_at(snapshot, path, related)
    shown = readable(type_through.departed_from(snapshot))
    # Who asks for a suggestion by name waits for a good one.
    patience_ms = None if is_asked_for else settings.patience_ms or None
    for seed in range(n_candidates):
        request = _request(
            snapshot, prompt, settings, seed=seed, shown=shown, patience_ms=patience_ms
        )
        work.generations.append(engine.submit(request))
    candidates = await asyncio.gather(
        *(_run(generation, snapshot, settings, threshold) for generation in work.generations)
    )
    texts = list(dict.fromkeys(c.text for c in candidates if c.text))
    if not texts:
        work.reason = candidates[0].reason
        return []
    type_through.store(snapshot, texts[0])
    return texts


def prompt_at(snapshot: Snapshot, path: str, related: tuple[str, ...]) -> FimPrompt:
    """The text around the cursor, of a long document only what a prompt may need."""
    stride, text, offset = _PROMPT_STRIDE_CHARS, snapshot.text, snapshot.offset
    start = max(offset - 2 * stride, 0) // stride * stride
    end = len(text) - max(len(text) - offset - 2 * stride, 0) // stride * stride
    return FimPrompt(
        prefix=readable(text[start:offset]),
        suffix=readable(text[offset:end]),
        path=path,
        related=tuple(map(readable, related)),
    )


def _request(
    snapshot: Snapshot,
    prompt: FimPrompt,
    settings: InlineCompletionSettings,
    *,
    seed: int,
    shown: str,
    patience_ms: float | None,
) -> GenerationRequest:
    """The first candidate, seed 0, is the greedy one; the others are sampled."""
    return GenerationRequest(
        prompt=prompt,
        sampling=SamplingParams(
            max_tokens=settings.max_tokens,
            temperature=0.0 if seed == 0 else _CANDIDATE_TEMPERATURE,
            seed=seed,
        ),
        priority=Priority.INLINE,
        sequence_hint=snapshot.uri,
        patience_ms=patience_ms,
        shown_text=shown,
    )


async def _run(
    generation: Generation,
    snapshot: Snapshot,
    settings: InlineCompletionSettings,
    min_line_logprob: float,
) -> Candidate:
    """Stream one generation until nothing of what follows could be shown."""
    trimmer = Trimmer(
        snapshot, multiline=_MULTILINE[settings.multiline], max_lines=settings.max_lines
    )
    confidence = Confidence(min_line_logprob)
    is_complete = False
    async for chunk in generation:
        if not confidence.feed(chunk.text, chunk.logprobs):
            generation.cancel()
            trimmer.restart(confidence.sure)
            is_complete = True
            break
        is_complete = trimmer.feed(chunk.text)
        if is_complete:
            generation.cancel()
            break
    is_truncated = False
    if not is_complete:
        result = await generation.result()
        is_truncated = result.finish_reason is FinishReason.LENGTH
    trimmed = trimmer.result(truncated=is_truncated)
    reason = "low-confidence" if confidence.is_lost else trimmed.reason
    return Candidate(text=trimmed.text, reason=None if trimmed.text else reason)


def readable(text: str) -> str:
    """A document's text as a model is given it: models have seen few line endings but `\n`."""
    return encodable(to_newlines(text))


def encodable(text: str) -> str:
    """Text the tokenizer can take: half an astral character, as editors may send, becomes `?`."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text
