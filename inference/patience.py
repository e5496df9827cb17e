"""A shorter prompt where reading the whole one would take longer than somebody waits.

The first key at a new place finds nothing evaluated, and a whole prompt takes a second or, with a
large model on a CPU, half a minute. What stands right around the cursor says most of what is to be
known; so that is read first and answered from, and the whole prompt is read behind it, whenever
nothing else is to be done, until it is ready for the keys that follow.

How long reading takes is known by the best speed seen, so that other work on the machine, which
comes and goes, changes no prompt.
"""

from __future__ import annotations

import math

from inference.evaluator import Evaluator
from inference.prefix_cache import PrefixCache
from inference.prompts.build import PromptBuilder
from inference.prompts.fim import BuiltPrompt
from inference.types import GenerationRequest

MIN_WINDOW_TOKENS = 128
"""Some ten lines: less says too little."""
LAST_PART_MS = 30.0
"""What a key may still wait for the whole, when there is something else to answer from."""
MAX_SHARE = 0.5
"""Of what the whole prompt would take: a shorter one that takes more is not worth it."""

MIN_SEQUENCES = 3
"""For a short prompt, the whole one and whoever comes then; with fewer they would push each other
out."""


class Patience:
    """Of the requests that have some (`GenerationRequest.patience_ms`)."""

    def __init__(self, prompts: PromptBuilder, cache: PrefixCache, evaluator: Evaluator) -> None:
        self._prompts = prompts
        self._cache = cache
        self._evaluator = evaluator

    def shorter(
        self, request: GenerationRequest, whole: BuiltPrompt, *, is_being_read: bool = False
    ) -> BuiltPrompt | None:
        """What is to be answered from instead of `whole`; None: that is quick enough.

        Args:
            is_being_read: whether `whole` is, while keys are answered from less. Then none of them
                has to wait for its last part.
        """
        patience_ms, ms_per_token = request.patience_ms, self._evaluator.prompt_ms_per_token
        if patience_ms is None or ms_per_token is None or not self._has_room:
            return None
        n_tokens = window_tokens(patience_ms / ms_per_token)
        if is_being_read:
            patience_ms = min(patience_ms, LAST_PART_MS)
        # Mostly even the whole of it would be quick, and nothing has to be looked up.
        if len(whole.tokens) * ms_per_token <= patience_ms:
            return None
        n_new = self._n_new(whole)
        if n_new * ms_per_token <= patience_ms:
            return None
        shorter = self._prompts.build(request, window_tokens=n_tokens)
        return shorter if self._n_new(shorter) <= MAX_SHARE * n_new else None

    def _n_new(self, prompt: BuiltPrompt) -> int:
        return len(prompt.tokens) - self._cache.n_reusable(prompt.tokens)

    @property
    def _has_room(self) -> bool:
        return self._cache.is_enabled and self._cache.n_slots >= MIN_SEQUENCES


def window_tokens(n_readable: float) -> int:
    """Of text around the cursor, where so many tokens can be read in time: the nearest power of
    two, so that the next key, when the speed is known better, asks for the same."""
    return 1 << round(math.log2(max(n_readable, MIN_WINDOW_TOKENS)))
