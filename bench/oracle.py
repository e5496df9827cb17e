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

from inference import EngineConfig, GenerationRequest, SpeculationMode, TextPrompt
from inference.backends.base import Backend, Evaluation, Logits, Span
from inference.loading import LoadedModel, load_model
from inference.speculation.policy import Speculation

_CERTAIN = 1e4
"""Above any real logit, so far that the other tokens' probabilities are 0."""


class Oracle:
    """Wraps the backend of one engine: `Engine(config, load=oracle.load)`.

    One request at a time, announced by `expect`.
    """

    def __init__(self, *, speculates: bool = True, drafts: bool = True) -> None:
        """
        Args:
            speculates: False takes even what speculation does without a draft at hand: calls of
                more rows than one.
            drafts: False leaves these as they are, but nothing is drafted; for a configuration
                that speculates always.
        """
        self._speculates = speculates
        self._drafts = drafts
        self._loaded: LoadedModel
        self._answer: Sequence[int] = ()
        self._n_prompt: int | None = None

    def load(self, config: EngineConfig, report: Callable[[float], bool]) -> LoadedModel:
        """Loads the model with this oracle in its backend's place."""
        self._loaded = load_model(config, report)
        # What is not defined here is the backend's, whatever backends learn to do.
        speculation = self._loaded.speculation if self._speculates else None
        if speculation is not None and not self._drafts:
            speculation = _undrafted(speculation)
        backend = cast(Backend, self)
        return dataclasses.replace(self._loaded, backend=backend, speculation=speculation)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loaded.backend, name)

    def expect(self, request: GenerationRequest, answer: Sequence[int]) -> None:
        """Says what the next request is to answer; after it comes an end token.

        Called before the request is submitted, while the engine is idle: the engine thread's
        prompt builder is used.
        """
        self._n_prompt = len(self._loaded.prompts.build(request).tokens)
        self._answer = answer

    def rest(self) -> None:
        """Lets the model say what it will."""
        self._n_prompt = None

    def tokenize(self, text: str) -> list[int]:
        """Plain text as the model's tokens; while the engine is idle."""
        return self._loaded.backend.vocabulary.tokenize(text)

    def evaluate(self, spans: Sequence[Span]) -> Evaluation:
        """As the backend's, with the answer on top."""
        evaluation = self._loaded.backend.evaluate(spans)
        n_prompt = self._n_prompt
        if evaluation.completed and n_prompt is not None:
            rows = iter(evaluation.logits)
            for span in spans:
                first = span.position + len(span.tokens) - span.n_logits
                for position in range(first, first + span.n_logits):
                    self._put_on_top(position + 1 - n_prompt, next(rows))
        return evaluation

    def _put_on_top(self, at: int, row: Logits) -> None:
        """The answer's token `at`. Behind a wrong draft the tokens are not the answer's; nobody
        reads those rows."""
        if at >= len(self._answer):
            row[min(self._loaded.backend.vocabulary.end_ids)] = _CERTAIN
        elif at >= 0:
            row[self._answer[at]] = _CERTAIN


def _undrafted(speculation: Speculation) -> Speculation:
    """The calls of requests that all speculate, and nothing drafted.

    Args:
        speculation: of `SpeculationMode.ALWAYS`.
    """
    request = GenerationRequest(prompt=TextPrompt(text=""))
    edit = GenerationRequest(prompt=TextPrompt(text=""), old_text="old")
    return Speculation(
        SpeculationMode.NEVER,
        speculation.rows(request),
        is_second_row_free=True,
        edit_rows=speculation.rows(edit),
    )
