"""Which tokens each sequence of the backend holds, and which sequence a new prompt should use.

Bookkeeping only; the tensors are the backend's. Sequences are called slots here, as they outlive
the requests that filled them: that is the cache.

A slot's tokens are *exact* up to the point where they were evaluated as a prompt. Tokens that were
decoded one by one went through other kernels, which round differently, so a prompt that must give
the same bits as from an empty cache may reuse the exact ones only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

MIN_FORKED_TOKENS = 64
"""Copying a slot costs about as much as evaluating this many tokens."""
HALVING_AGE = 32
"""A slot that was not used for this many requests counts half as likely to be used again."""
STALE_TAIL_WEIGHT = 0.1
"""What a later request of the same document or conversation leaves behind is seldom wanted."""


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
    then the slot is cut to `n_reused` tokens."""

    slot: int
    n_reused: int
    fork_of: int | None = None


@dataclass(frozen=True, slots=True)
class _Option:
    lease: Lease
    worth: float
    """Tokens that need not be evaluated, less the tokens that may have to be again later."""


class PrefixCache:
    """See the module."""

    def __init__(self, n_slots: int, *, can_truncate: bool = True, is_enabled: bool = True) -> None:
        """
        Args:
            can_truncate: whether slots can be cut anywhere; otherwise one is reused only if all
                its tokens begin the new prompt.
            is_enabled: False never reuses anything.
        """
        self._slots = [Slot(index) for index in range(n_slots)]
        self._can_truncate = can_truncate
        self.is_enabled = is_enabled
        self._clock = 0

    @property
    def n_idle(self) -> int:
        return sum(not slot.is_busy for slot in self._slots)

    @property
    def unused(self) -> int | None:
        """A slot that holds nothing, if there is one."""
        free = (slot.index for slot in self._slots if not slot.is_busy and not slot.tokens)
        return next(free, None)

    @property
    def n_tokens(self) -> int:
        """Held in all slots; a copied prefix counts in each."""
        return sum(len(slot.tokens) for slot in self._slots)

    def acquire(
        self,
        prompt: Sequence[int],
        hint: str = "",
        *,
        exact: bool = True,
        keep: str | None = None,
    ) -> Lease | None:
        """The slot to evaluate `prompt` in; None if all are busy, or the only one that is not is
        the one last used with the hint `keep`.

        At least the last token of the prompt is left to be evaluated, as its logits are wanted.
        """
        self._clock += 1
        options = list(self._options(list(prompt), hint, exact=exact, keep=keep))
        if not options:
            return None
        lease = max(options, key=lambda option: option.worth).lease
        slot = self._slots[lease.slot]
        if lease.fork_of is not None:
            source = self._slots[lease.fork_of]
            slot.tokens, slot.n_exact = source.tokens[:], source.n_exact
        self._cut(slot, lease.n_reused)
        slot.hint, slot.last_used, slot.is_busy = hint, self._clock, True
        return lease

    def record(
        self, index: int, position: int, tokens: Sequence[int], *, exact: bool = True
    ) -> None:
        """Notes that the backend evaluated `tokens` from `position` on; what was there is gone."""
        slot = self._slots[index]
        self._cut(slot, position)
        if exact and slot.n_exact == position:
            slot.n_exact += len(tokens)
        slot.tokens += tokens

    def truncate(self, index: int, n_tokens: int) -> None:
        """Notes that the backend cut the slot."""
        self._cut(self._slots[index], n_tokens)

    def release(self, index: int) -> None:
        """The request is over; its slot can be reused or taken by others."""
        slot = self._slots[index]
        slot.is_busy, slot.last_used = False, self._clock

    def _options(
        self, prompt: list[int], hint: str, *, exact: bool, keep: str | None
    ) -> list[_Option]:
        reusable = [self._n_reusable(slot, prompt, exact=exact) for slot in self._slots]
        options: list[_Option] = []
        kept = max(
            (slot for slot in self._slots if slot.hint == keep),
            key=lambda slot: slot.last_used,
            default=None,
        )
        for target in self._slots:
            if target.is_busy or target is kept:
                continue
            n_reused = reusable[target.index]
            weight = STALE_TAIL_WEIGHT if target.hint == hint else 1.0
            loss = weight * self._worth(target, len(target.tokens) - n_reused)
            options.append(_Option(Lease(target.index, n_reused), n_reused - loss))
            for source in self._slots:
                n_forked = reusable[source.index]
                if source is target or n_forked < MIN_FORKED_TOKENS or not self._can_truncate:
                    continue
                loss = self._worth(target, len(target.tokens)) + MIN_FORKED_TOKENS
                lease = Lease(target.index, n_forked, fork_of=source.index)
                options.append(_Option(lease, n_forked - loss))
        return options

    def _n_reusable(self, slot: Slot, prompt: list[int], *, exact: bool) -> int:
        if not self.is_enabled:
            return 0
        limit = min(len(prompt) - 1, slot.n_exact if exact else len(slot.tokens))
        n_common = common_length(slot.tokens, prompt, limit)
        if not self._can_truncate:
            # The state is that after all its tokens, decoded ones included.
            return n_common if n_common == len(slot.tokens) else 0
        return n_common

    def _worth(self, slot: Slot, n_tokens: int) -> float:
        age = self._clock - slot.last_used
        return n_tokens / (1 + age / HALVING_AGE)

    def _cut(self, slot: Slot, n_tokens: int) -> None:
        del slot.tokens[n_tokens:]
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
