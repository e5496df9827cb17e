"""What a drafter is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MAX_DRAFT = 63
"""Tokens; no draft is longer."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Tokens that may come next, and for each the *bucket* that says how far it can be trusted.

    `buckets[i]` is a small number whose meaning is the drafter's: how often tokens of this bucket
    were right is counted (`inference.speculation.acceptance`).
    """

    tokens: Sequence[int]
    buckets: Sequence[int]


class Drafter(Protocol):
    """Guesses for one request. Must cost next to nothing beside a decode step."""

    @property
    def name(self) -> str:
        """By which accepted and drafted tokens are counted."""
        ...

    def draft(self, context: Sequence[int], n: int) -> Draft | None:
        """At most `n` tokens that may follow `context`; None where it has no idea.

        `context` is the same list at each call, grown at its end by the tokens chosen since.
        """
        ...


def n_same(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens at their beginnings are the same."""
    n = min(len(a), len(b))
    # Mostly all of them are, and that is told at once.
    if a[:n] == b[:n]:
        return n
    return next((i for i in range(n) if a[i] != b[i]), n)
