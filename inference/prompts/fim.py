"""Fill-in-the-middle prompts: the text around a cursor as tokens, in the model's order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from inference.backends.vocabulary import Vocabulary
from inference.errors import PromptTooLongError
from inference.models.catalogue import PromptOrder
from inference.models.summary import FimTokens
from inference.prompts.anchors import MOVE_AFTER_TOKENS, Anchors
from inference.prompts.blocks import BlockTokenizer
from inference.prompts.budget import window_before, windows
from inference.prompts.seam import Seam, find_seam
from inference.types import FimPrompt, Grammar

MAX_WINDOW_TOKENS = 2048
"""Of text before and after the cursor together; more costs time at the first request in a place
and tells a small model little."""
MIN_WINDOW_TOKENS = 32
_CLOSED = re.compile(r"(?!\"{3}|'{3})[)\]}>\"'`;,]{1,64}(?=\n|\Z)")
"""The rest of a line, where an editor may have closed what was opened before it."""


@dataclass(frozen=True, slots=True)
class BuiltPrompt:
    """What is evaluated, and what the answer has to begin with."""

    tokens: list[int]
    constraint: bytes = b""
    """Bytes of the text before the cursor that the model spells again; not part of the answer."""
    above: Sequence[int] = ()
    """Of fill-in-the-middle: tokens of the text that the answer continues."""
    below: Sequence[int] = ()
    """Tokens of the text after the cursor."""
    ahead: Sequence[int] = ()
    """A prompt whose tokens later requests will begin with, if their author writes on: worth
    evaluating while nothing else is to be done. Given once."""
    opening: str = ""
    """Of a conversation: what the template itself began of the answer (`<think>`). It is told as
    the answer's first text."""
    grammar: Grammar | None = None
    """Of a conversation: the form that the answer was told to have, where the request has none."""
    n_dropped_messages: int = 0
    """Of a conversation: the oldest messages, for which there was no room."""


class FimPromptBuilder:
    """Builds prompts for one model. The same texts in the same order always give the same."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        fim: FimTokens | None,
        order: PromptOrder,
        *,
        heal: bool,
        heals_space: bool = False,
    ) -> None:
        self._vocabulary = vocabulary
        self._fim = fim
        self._order = order
        self._heal = heal and vocabulary.covers_all_bytes
        self._heals_space = heals_space
        self._blocks = BlockTokenizer(vocabulary.tokenize)
        beginning = vocabulary.beginning_id
        self._start = [] if beginning is None else [beginning]
        self._anchors = Anchors(lambda text: len(self._blocks.tokens(text)))

    def build(
        self, prompt: FimPrompt, room: int, hint: str = "", n_window: int | None = None
    ) -> BuiltPrompt:
        """
        Args:
            room: tokens the prompt may have.
            hint: names the document, so that the order `PSM_ANCHORED` can keep its anchor.
            n_window: most tokens of the text around the cursor, or around the anchor; None leaves
                it to `room`.

        Raises `PromptTooLongError` if `room` is too small for any useful prompt.
        """
        budget = min(room - len(self._start) - 3, MAX_WINDOW_TOKENS)
        if budget < MIN_WINDOW_TOKENS:
            raise PromptTooLongError(
                f"Only {max(room, 0)} tokens are left for the text around the cursor. "
                "Ask for fewer tokens, or give the model a larger n_ctx."
            )
        if self._fim is None:
            return self._continue(prompt.prefix, min(n_window or budget, budget))
        n_window = min(n_window or budget, budget)
        match self._order:
            case PromptOrder.PSM:
                return self._psm(self._fim, prompt, n_window)
            case PromptOrder.PSM_ANCHORED:
                return self._anchored(self._fim, prompt, budget, n_window, hint)
            case PromptOrder.SPM:
                return self._spm(self._fim, prompt, n_window)

    def _continue(self, prefix: str, budget: int) -> BuiltPrompt:
        """A model that knows no fill-in-the-middle sees the text before the cursor."""
        tokens = window_before(prefix, budget, self._blocks.tokens).tokens
        seam = self._seam(tokens, _typed(prefix))
        kept = tokens[: seam.n_kept]
        return BuiltPrompt(self._start + kept, seam.constraint, kept)

    def _psm(self, fim: FimTokens, prompt: FimPrompt, budget: int) -> BuiltPrompt:
        before, after = windows(prompt.prefix, prompt.suffix, budget, self._blocks.tokens)
        seam = self._seam(before.tokens, _typed(before.text))
        kept = before.tokens[: seam.n_kept]
        tokens = [*self._start, fim.prefix, *kept, fim.suffix, *after.tokens, *_middle(fim)]
        return BuiltPrompt(tokens, seam.constraint, kept, after.tokens)

    def _spm(self, fim: FimTokens, prompt: FimPrompt, budget: int) -> BuiltPrompt:
        """The text after the cursor comes first, so an editor that closes a bracket by itself would
        have all of the prompt evaluated anew, and once more behind it. A prompt is as good without
        such an end of the line: the model closes what is open."""
        closed = _CLOSED.match(prompt.suffix)
        suffix = prompt.suffix[closed.end() :] if closed else prompt.suffix
        before, after = windows(prompt.prefix, suffix, budget, self._blocks.tokens)
        seam = self._seam(before.tokens, _typed(before.text))
        kept = before.tokens[: seam.n_kept]
        tokens = [*self._start, fim.suffix, *after.tokens, fim.prefix, *kept, *_middle(fim)]
        return BuiltPrompt(tokens, seam.constraint, kept, after.tokens)

    def _anchored(
        self, fim: FimTokens, prompt: FimPrompt, budget: int, n_window: int, hint: str
    ) -> BuiltPrompt:
        """As PSM, but the answer begins with what was written since the anchor, so that the prompt
        only grows at its end."""
        # A quarter is set aside for what is written, whatever its length, so that the other edges
        # do not move while it grows. Of tokens with many characters it has room for fewer.
        n_middle = budget // 4
        move_after = min(MOVE_AFTER_TOKENS, n_middle * 2 // 3)
        placed = self._anchors.place(hint, prompt.prefix, prompt.suffix, move_after)
        above, suffix = placed.anchor.above, placed.anchor.suffix
        written = prompt.prefix[len(above) :]
        middle = window_before(written, n_middle, self._blocks.tokens)
        if len(middle.text) < len(written):
            # Where a line alone is too long, what stands above it would not join on.
            above = ""
        n_around = budget - n_middle
        head, before, after = self._up_to_middle(fim, above, suffix, min(n_window, n_around))
        seam = self._seam(middle.tokens, _typed(middle.text))
        kept = middle.tokens[: seam.n_kept]
        ahead: list[int] = []
        if placed.coming is not None:
            coming = placed.coming
            ahead = self._up_to_middle(fim, coming.above, coming.suffix, n_around)[0]
        return BuiltPrompt([*head, *kept], seam.constraint, [*before, *kept], after, ahead=ahead)

    def _up_to_middle(
        self, fim: FimTokens, above: str, suffix: str, n_around: int
    ) -> tuple[list[int], list[int], list[int]]:
        """The prompt's tokens up to the middle token, those above and those below."""
        before, after = windows(above, suffix, n_around, self._blocks.tokens)
        head = [*self._start, fim.prefix, *before.tokens, fim.suffix, *after.tokens]
        return [*head, *_middle(fim)], before.tokens, after.tokens

    def _seam(self, tokens: list[int], typed: str) -> Seam:
        if not self._heal:
            return Seam(len(tokens), b"")
        return find_seam(tokens, typed, self._vocabulary.piece, heals_space=self._heals_space)


def _typed(prefix: str) -> str:
    """What stands before the cursor on its line."""
    return prefix[prefix.rfind("\n") + 1 :]


def _middle(fim: FimTokens) -> list[int]:
    """Families without a middle token (Codestral) end the prompt with the prefix."""
    return [] if fim.middle is None else [fim.middle]
