"""Where the state of recurrent layers is saved in a prompt, and which saved ones are kept.

A cache of attention can be cut anywhere; coming back to a point in a recurrent sequence takes a
state that was saved there. States are large (19 MiB for a model of 0.8 B parameters), so few are
kept, where the next prompt is likeliest to differ from this one:

* near its end, as lines are typed and conversations grow there: one a few tokens before it, then
  one for each of the last calls;
* where it left the sequence's former text, for the next edit is likely to be there too: in prompts
  that hold the text after the cursor behind that before it, this is where new lines come in;
* further back at distances that double, so that what is evaluated again in vain is never more than
  what follows the edit;
* at its very end, one for each sequence: while a word is typed the prompt stays the same
  (`inference.known_rows`), and the next turn of a conversation begins with all of it.

Bookkeeping only, like `inference.prefix_cache`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from inference.backends.base import RowPolicy, State

LAST_ROWS = 4
"""Of a prompt, for a call of their own after the newest state. The next prompt of a line that is
being typed seldom differs further back."""
N_DENSE = 4
"""The last so many calls before those each begin at a state."""
MIN_SPACING = 16
"""Between states; evaluating so few tokens again costs little more than a state does. The last
calls are shorter by as many, so that nowhere near the end more than a call's tokens lie between."""
MAX_PER_SLOT = 16
HALVING_AGE = 32
"""A state not used for this many requests is half as likely to be used."""
OLDER_CHANCE = 0.2
"""That a prompt goes back behind the newest state."""
NEAR_TOKENS = 256
"""Half of those go back no further than this."""


def stops(n_reused: int, n_prompt: int, n_common: int, rows: RowPolicy) -> tuple[int, ...]:
    """Positions in a prompt at which a call should end and the state be saved, ascending.

    Args:
        n_reused: tokens that are already evaluated.
        n_common: tokens that it has in common with what the sequence held before.
    """
    n_last = max(LAST_ROWS, rows.minimum)
    last = _aligned(n_prompt - n_last, rows)
    if last - n_reused < n_last:
        return ()
    n_rows = rows.maximum - MIN_SPACING if rows.maximum > 2 * MIN_SPACING else rows.maximum
    dense = [last - n * n_rows for n in range(1, N_DENSE + 1)]
    doubling = [last - (N_DENSE * n_rows << n) for n in range(1, n_prompt.bit_length())]
    found = [last]
    for position in (*dense, n_common, *doubling):
        place = _aligned(position, rows)
        if place >= n_reused + MIN_SPACING and all(abs(place - p) >= MIN_SPACING for p in found):
            found.append(place)
    return tuple(sorted(found))


def _aligned(position: int, rows: RowPolicy) -> int:
    return position - position % rows.multiple


@dataclass(slots=True)
class _Checkpoint:
    """Slots that were copied share it."""

    state: State
    last_used: int


class Checkpoints:
    """The saved states of all slots."""

    def __init__(self, n_slots: int, max_bytes: int) -> None:
        self._slots: list[list[_Checkpoint]] = [[] for _ in range(n_slots)]
        """For each slot in the order of their positions."""
        self._ends: list[State | None] = [None] * n_slots
        """At the end of each slot's newest prompt."""
        self._max_bytes = max_bytes

    @property
    def is_enabled(self) -> bool:
        return self._max_bytes > 0

    @property
    def n_states(self) -> int:
        return len(self._distinct()) + len(self._distinct_ends())

    @property
    def n_bytes(self) -> int:
        states = [*(checkpoint.state for checkpoint in self._distinct()), *self._distinct_ends()]
        return sum(state.n_bytes for state in states)

    def latest(self, slot: int, limit: int) -> State | None:
        """The one with the most tokens, at most `limit`."""
        end = self._ends[slot]
        states = [c.state for c in self._slots[slot]] + ([end] if end is not None else [])
        fitting = (state for state in states if state.n_tokens <= limit)
        return max(fitting, key=lambda state: state.n_tokens, default=None)

    def add(self, slot: int, state: State, now: int) -> None:
        """Keeps a state of the slot's newest tokens, if need be in the place of others."""
        if state.n_bytes > self._max_bytes:
            return
        self.cut(slot, state.n_tokens - 1)
        self._slots[slot].append(_Checkpoint(state, now))
        if len(self._slots[slot]) > MAX_PER_SLOT:
            self._drop_least([slot], now)
        self._make_room(slot, now)

    def add_end(self, slot: int, state: State, now: int) -> None:
        """Keeps the state of all of a prompt, in the place of the one before."""
        former, self._ends[slot] = self._ends[slot], None
        if state.n_bytes > self._max_bytes:
            return
        newest = self._slots[slot][-1].state.n_tokens if self._slots[slot] else 0
        if former is not None and former.n_tokens - newest >= LAST_ROWS:
            # The user may come back to it, and nothing else is near.
            self.add(slot, former, now)
        self._ends[slot] = state
        self._make_room(slot, now)

    def note_use(self, slot: int, state: State, now: int) -> None:
        for checkpoint in self._slots[slot]:
            if checkpoint.state is state:
                checkpoint.last_used = now

    def cut(self, slot: int, n_tokens: int) -> None:
        """Forgets the states of more than `n_tokens` tokens; attention's part of them is gone."""
        self._slots[slot] = [c for c in self._slots[slot] if c.state.n_tokens <= n_tokens]
        end = self._ends[slot]
        if end is not None and end.n_tokens > n_tokens:
            self._ends[slot] = None

    def copy(self, source: int, target: int) -> None:
        """`target` holds what `source` does; the states themselves are shared."""
        self._slots[target] = self._slots[source][:]
        self._ends[target] = self._ends[source]

    def _distinct(self) -> list[_Checkpoint]:
        return list({id(c): c for checkpoints in self._slots for c in checkpoints}.values())

    def _distinct_ends(self) -> list[State]:
        return list({id(end): end for end in self._ends if end is not None}.values())

    def _make_room(self, slot: int, now: int) -> None:
        """Drops states until the others fit: first the ends of other slots' prompts, as there is a
        state a few tokens before each of them; last the end of the slot's own."""
        own = self._ends[slot]
        for other, end in enumerate(self._ends):
            if self.n_bytes > self._max_bytes and end is not own:
                self._ends[other] = None
        while self.n_bytes > self._max_bytes and self._distinct():
            self._drop_least(range(len(self._slots)), now)

    def _drop_least(self, slots: range | list[int], now: int) -> None:
        worth: dict[int, float] = {}
        for slot in slots:
            for checkpoint, value in self._worths(slot, now):
                worth[id(checkpoint)] = max(value, worth.get(id(checkpoint), 0.0))
        least = min(worth, key=worth.__getitem__)
        for slot in slots:
            self._slots[slot] = [c for c in self._slots[slot] if id(c) != least]

    def _worths(self, slot: int, now: int) -> Iterator[tuple[_Checkpoint, float]]:
        """Tokens to evaluate again if it were missing, times the chance that it is wanted."""
        checkpoints = self._slots[slot]
        positions = [checkpoint.state.n_tokens for checkpoint in checkpoints]
        reached = [_chance_to_reach(positions[-1] - position) for position in positions]
        chances = [OLDER_CHANCE * (b - a) for a, b in pairwise(reached)] + [1.0]
        for checkpoint, before, chance in zip(checkpoints, (0, *positions), chances, strict=False):
            age = now - checkpoint.last_used
            n_missed = checkpoint.state.n_tokens - before
            yield checkpoint, n_missed * chance / (1 + age / HALVING_AGE)


def _chance_to_reach(distance: int) -> float:
    """That a prompt that goes back goes back so far."""
    return NEAR_TOKENS / (NEAR_TOKENS + distance)
