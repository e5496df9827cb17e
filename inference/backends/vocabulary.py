"""A loaded model's tokens: text to ids, ids to bytes, and which ids are special."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TokenIds = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class SpecialToken:
    """A token that a tokenizer makes of one certain text."""

    id: int
    is_control: bool
    """A control token, which has no text in the output and never comes of plain text. The others
    are ordinary text with a token of its own (`<tool_call>` of some models)."""
    strips_after: bool = False
    """Whether white space after it is dropped."""


class Vocabulary:
    """Immutable after it was made. `tokenize` is for the engine thread, like the rest of a
    backend."""

    def __init__(
        self,
        pieces: Sequence[bytes],
        *,
        end_ids: frozenset[int],
        tokenize: Callable[[str], list[int]],
        beginning_id: int | None = None,
        special: Mapping[str, SpecialToken] | None = None,
        beginning_text: str = "",
        end_text: str = "",
    ) -> None:
        """
        Args:
            pieces: every token's bytes; empty for control tokens, which have no text.
            end_ids: tokens that end a generation.
            tokenize: plain text to ids; control tokens that stand in the text stay text.
            beginning_id: what the model wants before every prompt.
            special: by their texts; for prompts that are made of text.
            beginning_text, end_text: of the tokens before and after a text, for chat templates.
        """
        self._pieces = tuple(pieces)
        self._tokenize = tokenize
        self.end_ids = end_ids
        self.beginning_id = beginning_id
        self.special = special or {}
        self.beginning_text = beginning_text
        self.end_text = end_text
        order = sorted((i for i, piece in enumerate(pieces) if piece), key=self._pieces.__getitem__)
        self._sorted_ids: TokenIds = np.array(order, dtype=np.intp)
        self.ids_with_text: TokenIds = np.sort(self._sorted_ids)
        """All but the control tokens."""
        self._sorted_pieces = [self._pieces[i] for i in order]
        self.max_piece_bytes = max(map(len, self._pieces), default=0) or 1
        self._n_single_bytes = len({piece for piece in self._pieces if len(piece) == 1})

    def __len__(self) -> int:
        return len(self._pieces)

    def tokenize(self, text: str) -> list[int]:
        """Ids of plain text; nothing is added at either end."""
        return self._tokenize(text) if text else []

    def piece(self, token: int) -> bytes:
        """The token's bytes, which may be a part of a character; empty for control tokens."""
        return self._pieces[token]

    def text(self, tokens: Iterable[int]) -> bytes:
        """The bytes of all of them."""
        return b"".join(map(self._pieces.__getitem__, tokens))

    @property
    def covers_all_bytes(self) -> bool:
        """Whether any byte string can be spelt, so that a constraint can always be met."""
        return self._n_single_bytes == 256

    def consistent_with(self, wanted: bytes) -> TokenIds:
        """Tokens that can begin a text that starts with `wanted`.

        A token's bytes either start with `wanted` or are a beginning of it. Control tokens have
        no bytes and are never among them.
        """
        pieces = self._sorted_pieces
        ranges = [self._range_starting_with(wanted)]
        for length in range(1, len(wanted)):
            start = bisect_left(pieces, wanted[:length])
            end = start
            while end < len(pieces) and pieces[end] == wanted[:length]:
                end += 1
            ranges.append(slice(start, end))
        return np.concatenate([self._sorted_ids[r] for r in ranges])

    def _range_starting_with(self, prefix: bytes) -> slice:
        start = bisect_left(self._sorted_pieces, prefix)
        after = _successor(prefix)
        end = bisect_left(self._sorted_pieces, after) if after else len(self._sorted_pieces)
        return slice(start, end)


def _successor(prefix: bytes) -> bytes | None:
    """The smallest byte string greater than all that start with `prefix`; None if there is none."""
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        return None
    return stripped[:-1] + bytes([stripped[-1] + 1])
