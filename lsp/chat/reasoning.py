"""Tells what a model thinks from what it answers, while both stream."""

from __future__ import annotations

from dataclasses import dataclass

_PAIRS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "[THINK]": "[/THINK]",
    "<|channel>thought": "<channel|>",
}


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    is_reasoning: bool


class ReasoningSplitter:
    """Takes text as it comes. A block of thoughts stands at the beginning; one that is never closed
    is all there was."""

    def __init__(self) -> None:
        self._held = ""
        self._closer: str | None = None
        self._is_begun = False
        self._drops_space = True
        """White space at the start of an answer or a thought means nothing."""

    def feed(self, text: str) -> list[Piece]:
        """What is certain now."""
        self._held += text
        pieces: list[Piece] = []
        if not self._is_begun and self._closer is None and not self._open():
            return pieces
        if self._closer is not None:
            at = self._held.find(self._closer)
            if at < 0:
                n_sure = len(self._held) - _n_beginning(self._held, self._closer)
                self._emit(pieces, n_sure, is_reasoning=True)
                return pieces
            closer, self._closer = self._closer, None
            self._emit(pieces, at, is_reasoning=True)
            self._held = self._held[len(closer) :]
            self._is_begun = self._drops_space = True
        self._emit(pieces, len(self._held), is_reasoning=False)
        return pieces

    def finish(self) -> list[Piece]:
        """What was held back, when no more text will come."""
        pieces: list[Piece] = []
        self._emit(pieces, len(self._held), is_reasoning=self._closer is not None)
        return pieces

    def _open(self) -> bool:
        """Whether it is decided what the text begins with."""
        start = self._held.lstrip()
        for opener, closer in _PAIRS.items():
            if start.startswith(opener):
                self._closer = closer
                self._held = start[len(opener) :]
                return True
        if any(opener.startswith(start) for opener in _PAIRS):
            return False
        self._is_begun = True
        return True

    def _emit(self, pieces: list[Piece], length: int, *, is_reasoning: bool) -> None:
        text, self._held = self._held[:length], self._held[length:]
        if self._drops_space:
            text = text.lstrip()
        if text:
            self._drops_space = False
            pieces.append(Piece(text, is_reasoning))


def _n_beginning(text: str, mark: str) -> int:
    """Length of the longest end of `text` that begins `mark`."""
    longest = min(len(mark) - 1, len(text))
    return next((n for n in range(longest, 0, -1) if mark.startswith(text[-n:])), 0)
