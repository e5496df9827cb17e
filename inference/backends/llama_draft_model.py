"""A smaller model that drafts for a larger one with the same tokens, in a context of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inference.backends.llama_bindings import api
from inference.backends.llama_draft_context import DraftContext, Target
from inference.models.draft import DraftKind
from inference.prefix_cache import common_length


class LlamaDraftModel:
    """See `inference.backends.draft_model.DraftModel` for the methods.

    It reads the tokens themselves when it is asked for a draft, and keeps what it evaluated of
    them: drafted tokens that were accepted need not be evaluated again.
    """

    name: DraftKind = "draft-model"

    def __init__(self, model: Any, target: Target, *, n_max: int) -> None:
        """Takes the model over, also if this fails. Raises `ModelTooLargeError`."""
        self.n_max = n_max
        self._end_ids = target.end_ids
        self._model: Any = model
        self._held: list[list[int]] = [[] for _ in range(target.n_sequences)]
        self._n_vocab = int(api.llama_vocab_n_tokens(api.llama_model_get_vocab(model)))
        n_ctx = min(target.n_ctx, int(api.llama_model_n_ctx_train(model)))
        try:
            self._context = DraftContext(model, target, n_ctx=n_ctx, can_be_interrupted=True)
        except BaseException:
            api.llama_model_free(model)
            raise

    def follow(self, sequence: int, position: int, tokens: Sequence[int], first_row: int) -> None:
        """Nothing to do before the next draft."""

    def truncate(self, sequence: int, n_tokens: int) -> None:
        """Nothing to do either: what differs is found then."""

    def fork(self, source: int, target: int) -> None:
        self._context.copy(source, target)
        self._held[target] = self._held[source][:]

    def draft(self, sequence: int, tokens: Sequence[int], n: int) -> list[int]:
        n = min(n, self.n_max, self._context.n_ctx - len(tokens) + 1)
        if n <= 0 or not self._catch_up(sequence, tokens):
            return []
        drafted = [self._context.likeliest()]
        while len(drafted) < n and drafted[-1] not in self._end_ids:
            if not self._evaluate(sequence, drafted[-1:]):
                break
            drafted.append(self._context.likeliest())
        return drafted

    def close(self) -> None:
        self._context.close()
        model, self._model = self._model, None
        if model:
            api.llama_model_free(model)

    def _catch_up(self, sequence: int, tokens: Sequence[int]) -> bool:
        """Evaluates what is not held of `tokens`, in one call at most. Whether that was all."""
        held = self._held[sequence]
        wanted = list(tokens)
        # The newest is evaluated again if need be, as its logits are wanted.
        n_same = common_length(held, wanted, len(wanted) - 1)
        if n_same < len(held):
            self._context.truncate(sequence, n_same)
            del held[n_same:]
        missing = wanted[n_same:][: self._context.capacity]
        if max(missing) >= self._n_vocab:
            return False
        return self._evaluate(sequence, missing) and len(held) == len(wanted)

    def _evaluate(self, sequence: int, tokens: Sequence[int]) -> bool:
        held = self._held[sequence]
        is_done = self._context.evaluate(sequence, len(held), tokens)
        if is_done:
            held.extend(tokens)
        return is_done
