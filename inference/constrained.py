"""Holds one answer to a grammar while its tokens are chosen."""

from __future__ import annotations

from inference.backends.base import GrammarState, Logits
from inference.backends.vocabulary import Vocabulary
from inference.sampling import Choice, Sampler


class Constrained:
    """Made for one answer; each chosen token goes through `choose`, then `accept`.

    A large vocabulary takes tens of milliseconds to judge, and most tokens fit by themselves. So a
    token is chosen as if there were no grammar, and only if it does not fit is one chosen among all
    that do. What is drawn at a temperature is distributed as if these alone had been there.
    """

    def __init__(self, grammar: GrammarState, vocabulary: Vocabulary, after: str) -> None:
        """`after`: the text behind which the grammar begins to count."""
        self._grammar = grammar
        self._vocabulary = vocabulary
        self._after = after.encode()
        self._is_on = not after
        self._seen: bytes | None = b""
        """The end of what came before; None once that has gone past what the grammar allows."""

    def choose(self, sampler: Sampler, logits: Logits) -> Choice | None:
        """None where no token may follow."""
        choice = sampler.choose(logits)
        if not self._is_on or self._grammar.allows(choice.token):
            return choice
        allowed = self._grammar.allowed()
        return sampler.choose(logits, allowed) if len(allowed) else None

    def accept(self, token: int) -> None:
        """Notes a token of the answer, which does not end it."""
        if self._is_on:
            self._grammar.accept(token)
        elif self._seen is not None:
            self._seen += self._vocabulary.piece(token)
            _, found, behind = self._seen.partition(self._after)
            if found:
                self._is_on = self._begin(behind)
                self._seen = None
            else:
                self._seen = self._seen[-len(self._after) :]

    def close(self) -> None:
        self._grammar.close()

    def _begin(self, behind: bytes) -> bool:
        """Takes what the same token says behind the beginning. False: that does not fit already,
        and the answer is left alone."""
        for token in self._vocabulary.tokenize(behind.decode("utf-8", "replace")):
            if not self._grammar.allows(token):
                return False
            self._grammar.accept(token)
        return True
