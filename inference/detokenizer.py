"""Bytes of tokens to text, as it comes: a character may be split over tokens."""

from __future__ import annotations

import codecs


class Detokenizer:
    """Decodes UTF-8 incrementally.

    An unfinished character is held back until its last byte has come, and dropped if it never
    does. Bytes that can belong to no character become U+FFFD as soon as that is certain.
    """

    def __init__(self, skip: bytes = b"") -> None:
        """
        Args:
            skip: bytes that the model has to spell first and that are not part of the text.
        """
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._n_to_skip = len(skip)

    def feed(self, piece: bytes) -> str:
        """Text that is certain once `piece` has come; may be empty."""
        if self._n_to_skip:
            n_skipped = min(self._n_to_skip, len(piece))
            self._n_to_skip -= n_skipped
            piece = piece[n_skipped:]
        return self._decoder.decode(piece)
