"""Any prompt of a request as tokens for the loaded model."""

from __future__ import annotations

from inference.backends.vocabulary import Vocabulary
from inference.cache_model import CacheModel
from inference.errors import InferenceError, PromptTooLongError
from inference.models.catalogue import PromptOrder, family_named
from inference.models.summary import ModelSummary
from inference.prompts.blocks import BlockTokenizer
from inference.prompts.fim import BuiltPrompt, FimPromptBuilder
from inference.types import FimPrompt, GenerationRequest, TextPrompt

_HEALING_ROOM = 16
"""Tokens to spell the constraint of a healed prompt."""


class PromptBuilder:
    """Builds prompts for one loaded model."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        summary: ModelSummary,
        n_ctx: int,
        *,
        order: PromptOrder | None = None,
        heal: bool = True,
        use_cache_model: bool = True,
    ) -> None:
        """
        Args:
            order: of fill-in-the-middle prompts; None takes the model family's.
            use_cache_model: where the family has weights for it.
        """
        family = family_named(summary.family)
        self._vocabulary = vocabulary
        self._n_ctx = n_ctx
        self._fim = FimPromptBuilder(
            vocabulary, summary.fim, order or family.prompt_order, heal=heal
        )
        self._blocks = BlockTokenizer(vocabulary.tokenize)
        self._fim_stops = family.stop_texts
        self._cache_weights = family.cache_weights if use_cache_model else ()

    def build(self, request: GenerationRequest) -> BuiltPrompt:
        """Raises `PromptTooLongError`."""
        prompt = request.prompt
        if isinstance(prompt, FimPrompt):
            n_answer = min(request.sampling.max_tokens, self._n_ctx // 2)
            return self._fim.build(prompt, self._n_ctx - n_answer - _HEALING_ROOM)
        tokens = self._plain(prompt.text) if isinstance(prompt, TextPrompt) else prompt.tokens
        if len(tokens) >= self._n_ctx:
            raise self._too_long(str(len(tokens)))
        unknown = [token for token in tokens if not 0 <= token < len(self._vocabulary)]
        if unknown:
            raise InferenceError(f"The model has no token {unknown[0]}.")
        return BuiltPrompt(list(tokens))

    def cache_model(self, prompt: BuiltPrompt) -> CacheModel | None:
        """What the prompt's own text says comes next, for families that gain by it."""
        if not self._cache_weights or not prompt.above:
            return None
        return CacheModel((prompt.below, prompt.above), self._cache_weights)

    def stops(self, request: GenerationRequest) -> tuple[str, ...]:
        """Stop strings of the model's family, beside the request's own."""
        return self._fim_stops if isinstance(request.prompt, FimPrompt) else ()

    def _plain(self, text: str) -> list[int]:
        # Not even tokenised if it cannot fit: every token has a bounded number of bytes.
        least = len(text) // self._vocabulary.max_piece_bytes
        if least >= self._n_ctx:
            raise self._too_long(f"at least {least}")
        beginning = self._vocabulary.beginning_id
        start = [] if beginning is None else [beginning]
        return start + self._blocks.tokens(text)

    def _too_long(self, n_tokens: str) -> PromptTooLongError:
        return PromptTooLongError(
            f"The prompt has {n_tokens} tokens and the model's context {self._n_ctx}. "
            "Shorten the prompt, or give the model a larger n_ctx."
        )
