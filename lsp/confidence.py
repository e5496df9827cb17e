"""How sure a model is of what it writes, and where it stops being so.

The product of a line's token probabilities is the model's own estimate that all of the line so far
is right. Once it falls below the threshold, what follows is a guess; what stands before it, to the
end of a word, is worth showing all the same. A mean over tokens, as is often used, hides a sure
beginning together with a doubtful end and lets long guesses through: on 300 held-out cursors and
the model of the time, a mean was right 14 % of the time at 15 % of the cursors, this 50 % at 21 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


class Confidence:
    """Takes a generation as it comes; `sure` is the beginning that may be shown.

        confidence = Confidence(math.log(0.4))
        async for chunk in generation:
            if not confidence.feed(chunk.text, chunk.logprobs):
                break

    Of the first line with text in it any whole words may be shown; of the lines after it only whole
    lines, as half a line below is no help.
    """

    def __init__(self, min_line_logprob: float = -math.inf) -> None:
        """
        Args:
            min_line_logprob: natural logarithm of the least probability of a line; -inf is sure
                of everything.
        """
        self._threshold = min_line_logprob
        self._sum = 0.0
        self._is_first_line = True
        self.sure = ""
        self.is_lost = False
        """Whether the model stopped being sure."""

    def feed(self, text: str, logprobs: Sequence[float]) -> bool:
        """Takes more text and the log-probabilities of its tokens; False once the model is not
        sure any more, and then for good."""
        if self.is_lost:
            return False
        self._sum += sum(logprobs)
        if self._sum < self._threshold:
            self.is_lost = True
            self.sure = self._kept(text)
            return False
        self.sure += text
        if "\n" in text:
            self._sum = 0.0
            self._is_first_line = not self.sure.strip()
        return True

    def _kept(self, doubtful: str) -> str:
        if not self._is_first_line:
            return self.sure[: self.sure.rfind("\n") + 1]
        kept = self.sure
        if not doubtful or _is_word(doubtful[0]):  # nothing: half a character
            while kept and _is_word(kept[-1]):
                kept = kept[:-1]
        return kept


def _is_word(char: str) -> bool:
    return char == "_" or char.isalnum()
