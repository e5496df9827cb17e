"""A model that says what it is told to, at a real model's price.

The weights of the shapes are random, so what a model of that size would answer is not known. The
oracle evaluates every token with the real runtime and then puts the next token of a given answer
on top of the real logits: everything costs what it costs, and the answer is a real one.

What the engine evaluates is thereby the given answer, so drafts are accepted and rejected as they
would be by a model that gives this answer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, cast

from inference import EngineConfig
from inference.backends.base import Backend, Evaluation, Logits, Span
from inference.loading import LoadedModel, load_model

_CERTAIN = 1e4
"""Above any real logit, so far that the other tokens' probabilities are 0."""


class Oracle:
    """Wraps the backend of one engine: `Engine(config, load=oracle.load)`.

    One request at a time, announced by `expect`.
    """

    def __init__(self) -> None:
        self._backend: Backend
        self._answer: Sequence[int] | None = None
        self._n_prompt: int | None = None
        self._end_id = 0

    def load(self, config: EngineConfig, report: Callable[[float], bool]) -> LoadedModel:
        """Loads the model with this oracle in its backend's place."""
        loaded = load_model(config, report)
        self._backend = loaded.backend
        self._end_id = min(loaded.backend.vocabulary.end_ids)
        # What is not defined here is the backend's, whatever backends learn to do.
        return dataclasses.replace(loaded, backend=cast(Backend, self))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def tokenize(self, text: str) -> list[int]:
        """Plain text as the model's tokens. Only while the engine is idle."""
        return self._backend.vocabulary.tokenize(text)

    def expect(self, answer: Sequence[int]) -> None:
        """Says what the next request is to answer; after it comes an end token. Before the request
        is submitted."""
        self._n_prompt, self._answer = None, answer

    def evaluate(self, spans: Sequence[Span]) -> Evaluation:
        """As the backend's, with the answer on top."""
        evaluation = self._backend.evaluate(spans)
        rows = iter(evaluation.logits)
        if evaluation.completed and self._answer is not None:
            for span in spans:
                first = span.position + len(span.tokens) - span.n_logits
                for position in range(first, first + span.n_logits):
                    self._put_on_top(position, next(rows), self._answer)
        return evaluation

    def _put_on_top(self, position: int, row: Logits, answer: Sequence[int]) -> None:
        if self._n_prompt is None:
            # The first row with logits is that of the prompt's last token.
            self._n_prompt = position + 1
        at = position + 1 - self._n_prompt
        # Behind a wrong draft the tokens are not the answer's; nobody reads those rows.
        row[answer[at] if at < len(answer) else self._end_id] = _CERTAIN
