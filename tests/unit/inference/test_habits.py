"""Drafts from what followed the same tokens in any request."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from inference.speculation.habits import MAX_PAIRS, Habits, Successors


def drafted(successors: Successors, context: list[int], n: int = 4) -> list[int]:
    draft = Habits(successors, len(context)).draft(context, n)
    return list(draft.tokens) if draft else []


def test_what_followed_in_another_text_is_drafted() -> None:
    successors = Successors()
    successors.read([1, 2, 3, 4, 5])
    assert drafted(successors, [9, 2]) == [3, 4, 5]
    assert drafted(successors, [9, 2], n=1) == [3]
    assert drafted(successors, [2, 9]) == []
    assert drafted(successors, [2]) == [], "of an answer's first token nothing is known"


def test_two_tokens_say_more_than_one() -> None:
    successors = Successors()
    successors.read([1, 2, 3])
    successors.read([7, 2, 8])
    assert drafted(successors, [1, 2], n=1) == [3]
    assert drafted(successors, [5, 2], n=1) == [8], "the latest"
    known, guessed = (Habits(successors, 2).draft([before, 2], 1) for before in (1, 5))
    assert known is not None
    assert guessed is not None
    assert known.buckets[0] > guessed.buckets[0]


def test_the_answer_is_learnt_from_while_it_is_written() -> None:
    successors = Successors()
    context = [1]
    one = Habits(successors, len(context))
    for token in [2, 3, 4]:
        one.draft(context, 4)
        context.append(token)
    one.draft(context, 4)
    assert drafted(successors, [1, 2]) == [3, 4]


def test_memory_stays_bounded() -> None:
    successors, size = Successors(), MAX_PAIRS // 4
    for n in range(10):
        successors.read(range(n * size, (n + 1) * size))
        assert len(successors.after_two) <= MAX_PAIRS + size
    assert drafted(successors, [10 * size - 3, 10 * size - 2], n=1) == [10 * size - 1]


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(0, 6))
def test_each_drafted_token_has_followed_the_one_before(tokens: list[int], n: int) -> None:
    successors = Successors()
    one = Habits(successors, 0)
    for end in range(len(tokens) + 1):
        context = tokens[:end]
        draft = one.draft(context, n)
        if draft is None:
            continue
        assert 0 < len(draft.tokens) == len(draft.buckets) <= n
        chain = [context[-1], *draft.tokens]
        seen = set(pairwise(context))
        assert set(pairwise(chain)) <= seen
