"""What the engine needs of a model that drafts for another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from inference.models.draft import DraftKind


class DraftModel(Protocol):
    """Guesses what its target will say. It knows the target's sequences by the same numbers and is
    never trusted: a wrong guess costs time, nothing else.

    The backend that owns it calls `follow`, `truncate` and `fork` whenever it does the like.
    """

    @property
    def name(self) -> DraftKind: ...

    @property
    def n_max(self) -> int:
        """Most tokens per draft."""
        ...

    def follow(self, sequence: int, position: int, tokens: Sequence[int], first_row: int) -> None:
        """The target has just evaluated these tokens, from `position` on.

        Args:
            first_row: where they stand among all rows of that call.
        """
        ...

    def truncate(self, sequence: int, n_tokens: int) -> None:
        """The target holds the first `n_tokens` only."""
        ...

    def fork(self, source: int, target: int) -> None:
        """The target's sequence `target` holds what `source` holds."""
        ...

    def draft(self, sequence: int, tokens: Sequence[int], n: int) -> list[int]:
        """At most `n` likely tokens after these.

        Does no more than one call for what it has to catch up with: where that is not enough it
        says nothing yet. Nor where it was not shown the sequence's end, or was interrupted.

        Args:
            tokens: all that the sequence holds, and the newest one, not evaluated yet.
        """
        ...

    def close(self) -> None:
        """Frees everything; idempotent."""
        ...
