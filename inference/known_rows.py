"""What the model said after the last prompts, so that the same prompt is not evaluated again.

A prompt ends before the unfinished word (`inference.prompts.seam`), so while a word is being typed
it stays the same: what changes is which tokens may be chosen after it. The logits after such a
prompt are kept, and a keystroke inside a word evaluates nothing.

An answer that was cut short by the next keystroke is kept in the same way: the logits after each of
its tokens, whose keys and values still lie in its sequence. A request with the same prompt goes
through them first, checked like drafted tokens, and continues where the other one was stopped. So a
model that decodes more slowly than a user types gets further with every key.

Both hold only for the same bits: the same tokens, in calls that obey the same `RowPolicy`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from inference.backends.base import Logits, RowPolicy

MAX_PROMPT_BYTES = 8 * 2**20
MAX_ANSWER_BYTES = 16 * 2**20
MAX_PROMPTS = 16
MAX_ANSWER_ROWS = 32

_Key = tuple[RowPolicy, tuple[int, ...]]


@dataclass(slots=True)
class _Answer:
    """The newest one that was begun."""

    owner: int
    slot: int
    key: _Key
    tokens: list[int] = field(default_factory=list[int])


@dataclass(frozen=True, slots=True)
class Known:
    """The logits after a prompt, and after each of the tokens that an answer began with."""

    rows: Sequence[Logits]
    """One more than tokens."""
    tokens: Sequence[int] = ()
    slot: int | None = None
    """Where these are evaluated."""

    @property
    def begun(self) -> tuple[int, int] | None:
        """The slot, and how many of the answer's tokens it holds."""
        return None if self.slot is None else (self.slot, len(self.tokens))

    def first(self, n_tokens: int) -> Known:
        """With so much of the answer."""
        slot = self.slot if n_tokens else None
        return Known(self.rows[: n_tokens + 1], self.tokens[:n_tokens], slot)


class KnownRows:
    """For the engine thread. Rows it gives out are valid until the next `note`."""

    def __init__(self, n_vocab: int, *, is_enabled: bool = True) -> None:
        row_bytes = 4 * max(n_vocab, 1)
        self.is_enabled = is_enabled
        self._n_prompts = min(max(MAX_PROMPT_BYTES // row_bytes, 1), MAX_PROMPTS)
        self._n_answer_rows = min(MAX_ANSWER_BYTES // row_bytes, MAX_ANSWER_ROWS)
        self._prompts: OrderedDict[_Key, Logits] = OrderedDict()
        self._answer: _Answer | None = None
        self._rows: list[Logits] = []
        """After the answer's tokens. They outlive it, as fresh memory costs more than a copy."""

    @property
    def n_bytes(self) -> int:
        """That are held."""
        return sum(row.nbytes for row in (*self._prompts.values(), *self._rows))

    def note_prompt(self, prompt: Sequence[int], rows: RowPolicy, logits: Logits) -> None:
        """Keeps the logits after a prompt, in the place of those least recently used."""
        if not self.is_enabled:
            return
        key = (rows, tuple(prompt))
        kept = self._prompts.pop(key, None)
        if kept is None and len(self._prompts) >= self._n_prompts:
            _, kept = self._prompts.popitem(last=False)
        if kept is None:
            kept = logits.copy()
        else:
            np.copyto(kept, logits)
        self._prompts[key] = kept

    def find(self, prompt: Sequence[int], rows: RowPolicy) -> Known | None:
        """What is known of the answer to this prompt; None if not even the logits after it are."""
        if not self._prompts:
            return None
        key = (rows, tuple(prompt))
        after_prompt = self._prompts.get(key)
        if after_prompt is None:
            return None
        self._prompts.move_to_end(key)
        answer = self._answer
        if answer is None or answer.key != key:
            return Known([after_prompt])
        rows_after = self._rows[: len(answer.tokens)]
        return Known([after_prompt, *rows_after], tuple(answer.tokens), answer.slot)

    def begin(self, owner: int, slot: int, prompt: Sequence[int], rows: RowPolicy) -> None:
        """From now on the answer to this prompt is kept, and no other.

        Args:
            owner: the request that answers it.
            slot: where it is evaluated.
        """
        if self.is_enabled:
            self._answer = _Answer(owner, slot, (rows, tuple(prompt)))

    def note(self, owner: int, token: int, logits: Logits) -> None:
        """Keeps the logits after the next token of the answer."""
        answer = self._answer
        if answer is None or answer.owner != owner or len(answer.tokens) >= self._n_answer_rows:
            return
        n = len(answer.tokens)
        if n < len(self._rows):
            np.copyto(self._rows[n], logits)
        else:
            self._rows.append(logits.copy())
        answer.tokens.append(token)

    def take_over(self, owner: int, n_tokens: int) -> None:
        """Another request goes on with the answer after its first `n_tokens`."""
        if self._answer is not None:
            self._answer.owner = owner
            del self._answer.tokens[n_tokens:]

    def forget(self, slot: int) -> None:
        """The sequence was given to another prompt."""
        if self._answer is not None and self._answer.slot == slot:
            self._answer = None
