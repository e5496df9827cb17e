"""Drafts from what followed the same two tokens, or the same one, whenever that was last.

Look-up knows the prompt at hand. What it has never seen, other requests may have: the next edit of
a project uses the same names, and `import` is mostly followed by the same few. The last successor
alone is kept, of tokens and of pairs: it costs a dictionary entry each, and the latest is the best
guess that can be had without counting. Where a call has two rows anyway, even a poor one is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from inference.speculation.draft import Draft

MAX_PAIRS = 32_768
"""Some 6 MB; all are then forgotten, and the latest soon known again."""
MAX_READ = 4096
"""Tokens of a prompt that are noted, from its end."""
_MAX_TOKENS = 4
"""A chain of habits leads astray."""
AFTER_ONE, AFTER_TWO = range(2)


class Successors:
    """What has last followed, for as long as the model runs."""

    def __init__(self) -> None:
        self.after_one: dict[int, int] = {}
        self.after_two: dict[tuple[int, int], int] = {}

    def read(self, tokens: Sequence[int]) -> None:
        """Notes a text: 0.1 ms for 2 000 tokens."""
        if len(self.after_two) > MAX_PAIRS:
            self.after_two.clear()
        pairs = list(pairwise(tokens))
        self.after_one.update(pairs)
        self.after_two.update(zip(pairs, tokens[2:], strict=False))


class Habits:
    """One request's. A token's bucket says whether it follows two tokens or one."""

    name = "habits"

    def __init__(self, successors: Successors, n_before: int) -> None:
        """
        Args:
            n_before: tokens of the context that were read already.
        """
        self._successors = successors
        self._n_read = n_before

    def draft(self, context: Sequence[int], n: int) -> Draft | None:
        if len(context) > self._n_read:
            self._successors.read(context[max(self._n_read - 2, 0) :])
            self._n_read = len(context)
        if len(context) < 2:
            return None
        after_one, after_two = self._successors.after_one, self._successors.after_two
        before, last = context[-2:]
        tokens: list[int] = []
        buckets: list[int] = []
        for _ in range(min(n, _MAX_TOKENS)):
            token, bucket = after_two.get((before, last)), AFTER_TWO
            if token is None:
                token, bucket = after_one.get(last), AFTER_ONE
            if token is None:
                break
            tokens.append(token)
            buckets.append(bucket)
            before, last = last, token
        return Draft(tokens, buckets) if tokens else None
