"""Which turns of a long conversation still go into a prompt.

The oldest are left out. That must not happen anew at each turn, or nothing cached of the
conversation could be used again: so the first turn that is kept stands at a multiple of a stride,
counted in tokens from the beginning, and jumps by a stride when the prompt would overflow. It
depends on the conversation alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from inference.chat_types import ChatMessage, ChatRole

STRIDES_PER_BUDGET = 4


@dataclass(frozen=True, slots=True)
class Turns:
    """A conversation in parts that are kept or left out as a whole."""

    head: tuple[ChatMessage, ...]
    """The system's message, always kept."""
    parts: tuple[tuple[ChatMessage, ...], ...]
    """Earlier turns; then, of the last one, each step in which tools were called."""
    question: ChatMessage | None
    """The last message of the user, always kept; it stands before the last `n_steps` parts."""
    n_steps: int

    @property
    def most_dropped(self) -> int:
        """The last step stays, as its results are what the model goes on from."""
        return len(self.parts) - min(self.n_steps, 1)

    def without(self, n_dropped: int) -> list[ChatMessage]:
        """The conversation without its first `n_dropped` parts."""
        n_turns = len(self.parts) - self.n_steps
        turns = self.parts[n_dropped:n_turns]
        steps = self.parts[max(n_turns, n_dropped) :]
        question = [] if self.question is None else [self.question]
        kept = [*self.head, *(m for part in turns for m in part), *question]
        return kept + [m for part in steps for m in part]


def split_turns(messages: Sequence[ChatMessage]) -> Turns:
    """The parts of a conversation."""
    is_head = bool(messages) and messages[0].role is ChatRole.SYSTEM
    head, rest = (tuple(messages[:1]), messages[1:]) if is_head else ((), messages)
    asked = [at for at, message in enumerate(rest) if message.role is ChatRole.USER]
    if not asked:
        return Turns(head, _cut(rest, ChatRole.ASSISTANT), None, n_steps=0)
    turns = _cut(rest[: asked[-1]], ChatRole.USER)
    steps = _cut(rest[asked[-1] + 1 :], ChatRole.ASSISTANT)
    return Turns(head, (*turns, *steps), rest[asked[-1]], n_steps=len(steps))


def _cut(messages: Sequence[ChatMessage], role: ChatRole) -> tuple[tuple[ChatMessage, ...], ...]:
    """Parts that begin with the messages of `role`; what stands before the first is one too."""
    parts: list[list[ChatMessage]] = []
    for message in messages:
        if message.role is role or not parts:
            parts.append([])
        parts[-1].append(message)
    return tuple(map(tuple, parts))


def n_to_drop(
    turns: Turns,
    budget: int,
    *,
    size: Callable[[ChatMessage], int],
    n_tokens: Callable[[list[ChatMessage]], int],
) -> int:
    """How many parts to leave out so that a prompt that is too long has at most `budget` tokens.
    If even the most that can be left out is not enough, that many.

    Args:
        size: about how many tokens a message has, whatever stands around it.
        n_tokens: of the prompt for messages, exactly.
    """
    stride = max(budget // STRIDES_PER_BUDGET, 1)
    ends = list(accumulate(sum(map(size, part)) for part in turns.parts))
    mark = 0
    while True:
        mark += stride
        n_dropped = min(1 + sum(end < mark for end in ends), turns.most_dropped)
        if n_dropped == turns.most_dropped or n_tokens(turns.without(n_dropped)) <= budget:
            return n_dropped


def joined(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Neighbours of one role as one message, for templates that want the roles to alternate; a
    question whose answer was stopped leaves such."""
    kept: list[ChatMessage] = []
    for message in messages:
        last = kept[-1] if kept else None
        if last is not None and last.role is message.role and _is_text(last) and _is_text(message):
            content = f"{last.content}\n\n{message.content}"
            kept[-1] = ChatMessage(role=message.role, content=content)
        else:
            kept.append(message)
    return kept


def _is_text(message: ChatMessage) -> bool:
    return message.role is not ChatRole.TOOL and not message.tool_calls
