"""The simplest loop that checks drafts, and what it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inference import EngineConfig, inspect_model
from inference.backends.base import Backend, Span
from inference.backends.draft_model import DraftModel
from inference.backends.llama_cpp import LlamaCppBackend
from inference.models.draft import find_draft


def load(model: Path, draft: Path | None = None) -> LlamaCppBackend:
    """With what drafts for it."""
    config = EngineConfig(model_path=model, draft_model_path=draft)
    summary = inspect_model(model)
    found = find_draft(summary, config)
    return LlamaCppBackend(summary, config, 1, draft=found)


def drafting(backend: Backend) -> DraftModel:
    assert backend.draft_model is not None
    return backend.draft_model


def evaluate(backend: Backend, sequence: int, position: int, tokens: Sequence[int]) -> None:
    """In calls of two tokens and more, of which rows do not depend."""
    tokens = list(tokens)
    while tokens:
        n = len(tokens) if len(tokens) <= 32 else min(30, len(tokens) - 2)
        assert backend.evaluate([Span(sequence, position, tokens[:n])]).completed
        position, tokens = position + n, tokens[n:]


def greedy(backend: Backend, sequence: int, prompt: Sequence[int], n_tokens: int) -> list[int]:
    """The next tokens, without drafts."""
    tokens = list(prompt)
    backend.draft_for(sequence, wanted=False)
    backend.truncate(sequence, 0)
    evaluate(backend, sequence, 0, tokens[:-1])
    for _ in range(n_tokens):
        span = Span(sequence, len(tokens) - 1, tokens[-1:], n_logits=1)
        tokens.append(int(np.argmax(backend.evaluate([span]).logits[0])))
    return tokens[len(prompt) :]


class Speculating:
    """One sequence that goes on by drafts that are checked. `tokens` holds the newest one too,
    which is not evaluated yet."""

    def __init__(self, backend: Backend, sequence: int, prompt: Sequence[int]) -> None:
        self.backend = backend
        self.sequence = sequence
        self.tokens = list(prompt)
        self.n_drafted = self.n_accepted = self.n_steps = 0
        backend.truncate(sequence, 0)
        backend.draft_for(sequence, wanted=True)
        evaluate(backend, sequence, 0, self.tokens[:-1])

    def draft(self, n: int) -> list[int]:
        return drafted(self.backend, self.sequence, self.tokens, n)

    def check(self, guess: Sequence[int]) -> int:
        """Evaluates a guess and keeps the right part of it. Returns its length."""
        start = len(self.tokens) - 1
        span = Span(self.sequence, start, [self.tokens[-1], *guess], n_logits=1 + len(guess))
        right = [int(np.argmax(row)) for row in self.backend.evaluate([span]).logits]
        n = next((i for i, token in enumerate(guess) if token != right[i]), len(guess))
        self.tokens += [*guess[:n], right[n]]
        assert self.backend.truncate(self.sequence, len(self.tokens) - 1)
        self.n_drafted += len(guess)
        self.n_accepted += n
        self.n_steps += 1
        return n


def drafted(backend: Backend, sequence: int, tokens: Sequence[int], n: int) -> list[int]:
    """A draft, after as many calls as it takes to catch up."""
    for _ in range(64):
        if guess := drafting(backend).draft(sequence, tokens, n):
            return guess
    return []


def drafted_from_scratch(
    backend: Backend, sequence: int, tokens: Sequence[int], n: int
) -> list[int]:
    """What a head says that is shown all tokens anew, in a sequence that nothing was left of."""
    backend.truncate(sequence, 0)
    backend.draft_for(sequence, wanted=True)
    evaluate(backend, sequence, 0, tokens[:-1])
    return drafted(backend, sequence, tokens, n)
