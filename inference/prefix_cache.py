"""Which tokens each sequence of the backend holds, and which sequence a new prompt should use.

Bookkeeping only; the tensors are the backend's. Sequences are called slots here, as they outlive
the requests that filled them: that is the cache.

A slot's tokens are *exact* up to the point where they were evaluated as a prompt. Tokens that were
decoded one by one went through other kernels, which round differently, so a prompt that must give
the same bits as from an empty cache may reuse the exact ones only.

Where a slot cannot be cut, because of recurrent layers, it is reused whole or from one of the
states that were saved of it (`inference.checkpoints`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from inference.backends.base import RowPolicy, State
from inference.checkpoints import Checkpoints, stops

MIN_FORKED_TOKENS = 64
"""Copying a slot costs about as much as evaluating this many tokens."""
HALVING_AGE = 32
"""A slot that was not used for this many requests counts half as likely to be used again."""
NEIGHBOUR_WORTH = 64
"""Tokens that may have to be evaluated again so that a slot lies beside one that is in use: such
slots share a call best (`inference.batching`)."""
STALE_TAIL_WEIGHT = 0.1
"""What a later request of the same document or conversation leaves behind is seldom wanted."""

_ANY_ROWS = RowPolicy(maximum=64)


@dataclass(slots=True)
class Slot:
    index: int
    tokens: list[int] = field(default_factory=list[int])
    n_exact: int = 0
    hint: str = ""
    last_used: int = 0
    is_busy: bool = False
    """A running request extends it; it may be copied from, but not changed by another."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A slot for one request. The caller makes the backend agree: `fork_of` is copied if given,
    then the slot is cut to `n_reused + n_more` tokens, by way of `state` if given."""

    slot: int
    n_reused: int
    n_more: int = 0
    """Tokens behind these that the slot still holds: the beginning of an answer."""
    fork_of: int | None = None
    state: State | None = None
    stops: tuple[int, ...] = ()
    """Positions in the prompt at which the slot's state should be saved and handed to `keep`."""


@dataclass(frozen=True, slots=True)
class _Reuse:
    """Of a slot by a prompt."""

    n_common: int
    n_tokens: int
    state: State | None = None


@dataclass(frozen=True, slots=True)
class _Option:
    target: Slot
    source: Slot
    """Whose tokens are reused: the target's own, or those of one that is copied."""
    reuse: _Reuse
    worth: float
    """Tokens that need not be evaluated, less the tokens that may have to be again later."""


class PrefixCache:
    """See the module."""

    def __init__(
        self,
        n_slots: int,
        *,
        rows: RowPolicy = _ANY_ROWS,
        can_truncate: bool = True,
        max_state_bytes: int = 0,
        is_enabled: bool = True,
    ) -> None:
        """
        Args:
            rows: how prompts are evaluated.
            can_truncate: whether slots can be cut anywhere; otherwise one is reused only if all
                its tokens begin the new prompt, or from a saved state.
            max_state_bytes: memory for saved states.
            is_enabled: False never reuses anything.
        """
        self._slots = [Slot(index) for index in range(n_slots)]
        self._rows = rows
        self._can_truncate = can_truncate
        can_keep = is_enabled and not can_truncate
        self._checkpoints = Checkpoints(n_slots, max_state_bytes if can_keep else 0)
        self.is_enabled = is_enabled
        self._clock = 0

    @property
    def n_slots(self) -> int:
        return len(self._slots)

    @property
    def n_idle(self) -> int:
        return sum(not slot.is_busy for slot in self._slots)

    def vacate(self) -> int | None:
        """A slot that holds nothing, for something that is no request: an unused one, or else the
        one whose tokens are least likely to be missed, which is emptied, and by the caller in the
        backend. None if all others than the one used last are busy."""
        newest = max(self._slots, key=lambda slot: slot.last_used)
        free = [
            slot
            for slot in self._slots
            if not slot.is_busy and not (slot is newest and slot.tokens)
        ]
        if not free:
            return None
        slot = min(free, key=lambda slot: self._worth(slot, len(slot.tokens)))
        self._cut(slot, 0)
        return slot.index

    @property
    def n_tokens(self) -> int:
        """Held in all slots; a copied prefix counts in each."""
        return sum(len(slot.tokens) for slot in self._slots)

    @property
    def n_states(self) -> int:
        """Saved, each counted once."""
        return self._checkpoints.n_states

    @property
    def n_state_bytes(self) -> int:
        return self._checkpoints.n_bytes

    def n_reusable(self, prompt: Sequence[int], *, exact: bool = True) -> int:
        """Tokens of `prompt` that would not be evaluated; also of slots that are busy now."""
        tokens = list(prompt)
        reuses = (self._reuse(slot, tokens, exact=exact, end=False) for slot in self._slots)
        return max(reuse.n_tokens for reuse in reuses)

    def acquire(
        self,
        prompt: Sequence[int],
        hint: str = "",
        *,
        exact: bool = True,
        keep: str | None = None,
        is_end_known: bool = False,
        begun: tuple[int, int] | None = None,
        wants_neighbour: bool = False,
    ) -> Lease | None:
        """The slot to evaluate `prompt` in; None if all are busy, or the only one that is not is
        the one last used with the hint `keep`.

        Args:
            is_end_known: whether nothing needs to be evaluated if a slot holds the whole prompt.
                Otherwise at least its last token is left to be, as its logits are wanted.
            begun: a slot, and how many tokens of an answer to this prompt it holds, which are to
                be kept there if all of the prompt is reused in it.
            wants_neighbour: whether the request can share calls with one in the slot beside.
        """
        self._clock += 1
        options = list(self._options(list(prompt), hint, exact=exact, keep=keep, end=is_end_known))
        if not options:
            return None
        beside = self._beside_those_in_use() if wants_neighbour else set[int]()
        best = max(options, key=lambda o: o.worth + NEIGHBOUR_WORTH * (o.target.index in beside))
        slot, source, reuse = best.target, best.source, best.reuse
        if source is not slot:
            slot.tokens, slot.n_exact = source.tokens[:], source.n_exact
            self._checkpoints.copy(source.index, slot.index)
        n_more = 0
        if begun and source is slot and slot.index == begun[0] and reuse.n_tokens == len(prompt):
            n_more = min(begun[1], len(slot.tokens) - reuse.n_tokens)
        self._cut(slot, reuse.n_tokens + n_more)
        if reuse.state is not None:
            self._checkpoints.note_use(slot.index, reuse.state, self._clock)
        slot.hint, slot.last_used, slot.is_busy = hint, self._clock, True
        return Lease(
            slot.index,
            reuse.n_tokens,
            n_more,
            fork_of=None if source is slot else source.index,
            state=reuse.state,
            stops=self._stops(reuse, len(prompt)),
        )

    def record(
        self,
        index: int,
        position: int,
        tokens: Sequence[int],
        *,
        exact: bool = True,
        n_rows: int | None = None,
    ) -> None:
        """Notes that the backend evaluated `tokens` from `position` on; what was there is gone.

        Args:
            n_rows: of the call, with what was dropped of it. Of too few rows, or those beyond a
                multiple, others would have gone through other kernels. None for the rest of a call
                whose beginning is noted.
        """
        slot = self._slots[index]
        self._cut(slot, position)
        if exact and slot.n_exact == position:
            slot.n_exact += len(tokens) if n_rows is None else min(len(tokens), self._agree(n_rows))
        slot.tokens += tokens

    def _agree(self, n_rows: int) -> int:
        """How many rows of a call have the bits that they would have in any other."""
        return 0 if n_rows < self._rows.minimum else n_rows - n_rows % self._rows.multiple

    @property
    def keeps_states(self) -> bool:
        return self._checkpoints.is_enabled

    def keep(self, index: int, state: State, *, is_end: bool = False) -> None:
        """Notes that `state` is that of all the slot's tokens; `is_end`: these are a prompt."""
        assert state.n_tokens == len(self._slots[index].tokens), "the state of something else"
        add = self._checkpoints.add_end if is_end else self._checkpoints.add
        add(index, state, self._clock)

    def truncate(self, index: int, n_tokens: int) -> None:
        """Notes that the backend cut the slot."""
        self._cut(self._slots[index], n_tokens)

    def is_exact(self, index: int, n_tokens: int) -> bool:
        """Whether the slot's first tokens have the bits that any other calls would give them."""
        return self._slots[index].n_exact >= n_tokens

    def n_held(self, index: int) -> int:
        """Tokens in the slot."""
        return len(self._slots[index].tokens)

    def release(self, index: int) -> None:
        """The request is over; its slot can be reused or taken by others."""
        slot = self._slots[index]
        slot.is_busy, slot.last_used = False, self._clock

    def _options(
        self, prompt: list[int], hint: str, *, exact: bool, keep: str | None, end: bool
    ) -> list[_Option]:
        reusable = [self._reuse(slot, prompt, exact=exact, end=end) for slot in self._slots]
        options: list[_Option] = []
        kept = max(
            (slot for slot in self._slots if slot.hint == keep),
            key=lambda slot: slot.last_used,
            default=None,
        )
        for target in self._slots:
            if target.is_busy or target is kept:
                continue
            reuse = reusable[target.index]
            weight = STALE_TAIL_WEIGHT if target.hint == hint else 1.0
            loss = weight * self._worth(target, len(target.tokens) - reuse.n_tokens)
            options.append(_Option(target, target, reuse, reuse.n_tokens - loss))
            for source in self._slots:
                reuse = reusable[source.index]
                if source is target or reuse.n_tokens < MIN_FORKED_TOKENS:
                    continue
                loss = self._worth(target, len(target.tokens)) + MIN_FORKED_TOKENS
                options.append(_Option(target, source, reuse, reuse.n_tokens - loss))
        return options

    def _beside_those_in_use(self) -> set[int]:
        """Or beside the one that was last, which is likely to be soon again; or that one itself, as
        who goes on there has no company yet and nothing to move for."""
        busy = [slot.index for slot in self._slots if slot.is_busy]
        if busy:
            return {index + step for index in busy for step in (-1, 1)}
        newest = max(self._slots, key=lambda slot: slot.last_used)
        return {newest.index + step for step in (-1, 0, 1)} if newest.tokens else set()

    def _stops(self, reuse: _Reuse, n_prompt: int) -> tuple[int, ...]:
        if not self._checkpoints.is_enabled:
            return ()
        return stops(reuse.n_tokens, n_prompt, reuse.n_common, self._rows)

    def _reuse(self, slot: Slot, prompt: list[int], *, exact: bool, end: bool) -> _Reuse:
        if not self.is_enabled:
            return _Reuse(0, 0)
        n_held = slot.n_exact if exact else len(slot.tokens)
        n_common = common_length(slot.tokens, prompt, min(len(prompt), n_held))
        if end and n_common == len(prompt):
            whole = self._common(slot, n_common)
            if whole.n_tokens == n_common:
                return whole
        # What cannot be cut cannot go back either where a call would be too small.
        n_left = 1 if self._can_truncate else self._rows.minimum
        return self._common(slot, min(n_common, len(prompt) - n_left))

    def _common(self, slot: Slot, n_common: int) -> _Reuse:
        """What is reused where so many tokens are the same."""
        if self._can_truncate or n_common == len(slot.tokens):
            return _Reuse(n_common, n_common)
        state = self._checkpoints.latest(slot.index, n_common)
        return _Reuse(n_common, state.n_tokens if state else 0, state)

    def _worth(self, slot: Slot, n_tokens: int) -> float:
        age = self._clock - slot.last_used
        return n_tokens / (1 + age / HALVING_AGE)

    def _cut(self, slot: Slot, n_tokens: int) -> None:
        del slot.tokens[n_tokens:]
        self._checkpoints.cut(slot.index, n_tokens)
        slot.n_exact = min(slot.n_exact, n_tokens)


def common_length(a: list[int], b: list[int], limit: int) -> int:
    """Length of the common beginning, at most `limit`. Compares blocks, as that runs in C."""
    block = 256
    n = 0
    limit = min(limit, len(a), len(b))
    while n + block <= limit and a[n : n + block] == b[n : n + block]:
        n += block
    while n < limit and a[n] == b[n]:
        n += 1
    return n
