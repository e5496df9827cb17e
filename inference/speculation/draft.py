"""What a drafter is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


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
