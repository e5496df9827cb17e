"""Where an anchored prompt puts its middle token, so that typing seldom moves it.

In the anchored order the prompt is: text above the anchor, text after the cursor, middle token,
what was written since the anchor. While one writes on, it only grows at its end, over any number
of lines, until too much stands between anchor and cursor. The next anchor is chosen long before
that, so that its prompt can be evaluated while nobody waits for it.

An anchor is a function of the requests with the same hint that were begun, in their order and with
the room they had, and of nothing else: what is cached changes no anchor, nor does it to ask twice.
A request that is cancelled before it begins leaves none.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

NEXT_AFTER_TOKENS = 176
"""Written since the anchor; here the next one is chosen."""
MOVE_AFTER_TOKENS = 224
"""Here it becomes the anchor. Between the two a person types for a while."""
MAX_HINTS = 64
MAX_CHARS = 1 << 24
"""Of all texts that are kept. The newest is kept whatever its length."""
_CLOSERS = re.compile(r"[\s)\]}>\"'`;,]{1,64}")


@dataclass(frozen=True, slots=True)
class Anchor:
    above: str
    """The text before the anchor."""
    suffix: str
    """The text after the cursor. Brackets and quotes that an editor has closed by itself since may
    be missing: a prompt is as good without them, as the model then closes what is open."""

    def holds(self, prefix: str, suffix: str) -> bool:
        """Whether the text around the cursor is still the one, but for what was written."""
        if not prefix.startswith(self.above):
            return False
        added = len(suffix) - len(self.suffix)
        if added == 0:
            return suffix == self.suffix
        return (
            added > 0
            and suffix.endswith(self.suffix)
            and _CLOSERS.fullmatch(suffix, 0, added) is not None
        )


@dataclass(frozen=True, slots=True)
class Placed:
    anchor: Anchor
    coming: Anchor | None = None
    """The next one, at the moment it is chosen."""


class Anchors:
    """The anchors of the documents asked for last, by the requests' hints."""

    def __init__(self, count_tokens: Callable[[str], int]) -> None:
        self._count = count_tokens
        self._kept: OrderedDict[str, Placed] = OrderedDict()
        self._n_chars = 0
        """Of the texts of those."""

    def place(
        self, hint: str, prefix: str, suffix: str, move_after: int = MOVE_AFTER_TOKENS
    ) -> Placed:
        """The anchor for a cursor between the two; without a hint the line's start.

        Args:
            move_after: tokens after which it moves, where a prompt has less room.
        """
        before = self._kept.get(hint)
        placed = self._place(before, prefix, suffix, move_after)
        if hint:
            self._kept[hint] = placed
            self._n_chars += _n_chars(placed) - _n_chars(before)
            self._kept.move_to_end(hint)
            self._forget_oldest()
        if before is not None and placed.coming is before.coming:
            return Placed(placed.anchor)
        return placed

    def _forget_oldest(self) -> None:
        while len(self._kept) > MAX_HINTS or (self._n_chars > MAX_CHARS and len(self._kept) > 1):
            _, oldest = self._kept.popitem(last=False)
            self._n_chars -= _n_chars(oldest)

    def _place(self, before: Placed | None, prefix: str, suffix: str, move_after: int) -> Placed:
        here = Anchor(prefix[: prefix.rfind("\n") + 1], suffix)
        if before is None or not before.anchor.holds(prefix, suffix):
            return Placed(here)
        coming = before.coming
        if coming is not None and not coming.holds(prefix, suffix):
            coming = None
        n_written = self._count(prefix[len(before.anchor.above) :])
        if n_written > move_after:
            if coming is None:
                return Placed(here)
            # After a long text was put in, even the next one may be too far away.
            return self._place(Placed(coming), prefix, suffix, move_after)
        next_after = move_after * NEXT_AFTER_TOKENS // MOVE_AFTER_TOKENS
        if coming is None and n_written > next_after and here.above != before.anchor.above:
            coming = here
        return Placed(before.anchor, coming)


def _n_chars(placed: Placed | None) -> int:
    anchors = () if placed is None else (placed.anchor, placed.coming)
    return sum(len(each.above) + len(each.suffix) for each in anchors if each is not None)
