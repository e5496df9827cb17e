"""Reuse of what cannot be cut: never of a state that is not the prompt's, and nearly all of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.backends.base import RowPolicy, State
from inference.checkpoints import MAX_PER_SLOT, MIN_SPACING, N_DENSE, stops
from inference.chunks import next_chunk
from inference.job import Job
from inference.prefix_cache import Lease, PrefixCache
from inference.runner import Runner
from inference.types import GenerationRequest, GenerationResult, SamplingParams, TokenPrompt
from tests.support.fake_backend import FakeBackend, make_prompts

ROWS = st.sampled_from(
    [RowPolicy(64, 2), RowPolicy(64, 8, 4), RowPolicy(16, 2), RowPolicy(16, 8, 4), RowPolicy(512)]
)
LENGTH = st.integers(1, 4000)


@given(ROWS, LENGTH, LENGTH, LENGTH)
def test_calls_that_end_at_the_places_are_as_large_as_calls_have_to_be(
    rows: RowPolicy, n_prompt: int, n_reused: int, n_common: int
) -> None:
    n_reused = min(n_reused, n_prompt - rows.minimum)
    n_past = n_reused = max(n_reused - n_reused % rows.multiple, 0)
    places = stops(n_reused, n_prompt, min(n_common, n_prompt), rows)
    passed: list[int] = []
    while n_past < n_prompt:
        end = next((place for place in places if place > n_past), n_prompt)
        chunk = next_chunk(n_past, end, rows, can_go_back=False)
        assert chunk.start == n_past
        n_rows = chunk.end - n_past
        assert n_rows >= min(rows.minimum, n_prompt)
        assert n_rows <= rows.maximum
        assert chunk.end == n_prompt or n_rows % rows.multiple == 0
        n_past = chunk.end
        passed.append(n_past)
    assert set(places) <= set(passed)


@given(
    st.sampled_from([RowPolicy(64, 2), RowPolicy(64, 8, 4), RowPolicy(512, 2)]),
    LENGTH,
    LENGTH,
    LENGTH,
)
def test_near_the_end_the_next_place_is_at_most_a_call_away(
    rows: RowPolicy, n_prompt: int, n_reused: int, n_common: int
) -> None:
    n_reused = min(n_reused, n_prompt) // rows.multiple * rows.multiple
    points = [n_reused, *stops(n_reused, n_prompt, min(n_common, n_prompt), rows), n_prompt]
    near = n_prompt - N_DENSE * (rows.maximum - MIN_SPACING)
    assert all(b - a <= rows.maximum or b <= near for a, b in pairwise(points))


class Naive:
    """What each slot holds and which of its beginnings were saved, without any limit."""

    def __init__(self, n_slots: int) -> None:
        self.tokens: list[list[int]] = [[] for _ in range(n_slots)]
        self.saved: list[list[int]] = [[] for _ in range(n_slots)]

    def follow(self, lease: Lease) -> None:
        at = lease.slot
        if lease.fork_of is not None:
            self.tokens[at] = self.tokens[lease.fork_of][:]
            self.saved[at] = self.saved[lease.fork_of][:]
        del self.tokens[at][lease.n_reused :]
        self.saved[at] = [n for n in self.saved[at] if n <= lease.n_reused]

    def best(self, slot: int, prompt: list[int]) -> int:
        """The longest beginning of the prompt, but for its end, that the slot can come back to."""
        points = {0, len(self.tokens[slot]), *self.saved[slot]}
        return max(
            n for n in points if n <= len(prompt) - 2 and self.tokens[slot][:n] == prompt[:n]
        )


PROMPTS = st.lists(
    st.tuples(
        st.integers(0, 300),
        st.lists(st.integers(0, 2), max_size=60),
        st.sampled_from("ab"),
        st.booleans(),
        st.integers(0, 3),
    ),
    max_size=12,
)


@given(PROMPTS, st.integers(2, 3), st.sampled_from([2, 5, 1000]))
def test_a_state_is_only_ever_that_of_the_prompts_beginning(
    requests: list[tuple[int, list[int], str, bool, int]], n_slots: int, n_states: int
) -> None:
    rows = RowPolicy(16, 2)
    cache = PrefixCache(n_slots, rows=rows, can_truncate=False, max_state_bytes=8 * n_states)
    naive = Naive(n_slots)
    text_of: dict[int, list[int]] = {}
    states: list[State] = []
    busy: list[int] = []
    text: list[int] = []
    for n_kept, typed, hint, stays, n_missing in requests:
        text = [*text[:n_kept], *typed]
        prompt = [*text, 9, 9]
        lease = cache.acquire(prompt, hint)
        if lease is None:
            cache.release(busy.pop(0))
            continue
        source = lease.slot if lease.fork_of is None else lease.fork_of
        best = naive.best(source, prompt)
        assert lease.n_reused <= best
        if n_states == 1000 and all(len(saved) <= MAX_PER_SLOT for saved in naive.saved):
            assert lease.n_reused == best
        naive.follow(lease)
        assert naive.tokens[lease.slot] == prompt[: lease.n_reused]
        if lease.state is not None:
            assert text_of[id(lease.state)] == prompt[: lease.n_reused]
        # A cancelled prompt ends before its last places.
        ends = [*lease.stops, len(prompt)]
        position = lease.n_reused
        for end in ends[: len(ends) - n_missing]:
            cache.record(lease.slot, position, prompt[position:end], n_rows=end - position)
            position = end
            naive.tokens[lease.slot] = prompt[:end]
            if end in lease.stops:
                states.append(State(end, np.zeros(8, np.uint8)))
                text_of[id(states[-1])] = prompt[:end]
                cache.keep(lease.slot, states[-1])
                naive.saved[lease.slot].append(end)
        assert cache.n_states <= n_states
        assert cache.n_state_bytes == 8 * cache.n_states
        if stays:
            busy.append(lease.slot)
        else:
            cache.release(lease.slot)


def evaluated(runner: Runner, tokens: list[int]) -> int:
    results: list[object] = []
    request = GenerationRequest(
        prompt=TokenPrompt(tokens=tuple(tokens)), sampling=SamplingParams(max_tokens=3)
    )
    runner.submit(Job(request, results.append))
    while runner.step():
        pass
    result = results[-1]
    assert isinstance(result, GenerationResult)
    assert result.usage.n_reused_tokens + result.usage.n_evaluated_tokens == len(tokens)
    return result.usage.n_evaluated_tokens


@settings(max_examples=40)
@given(
    st.integers(300, 600), st.lists(st.tuples(st.integers(1, 190), st.integers(1, 9)), max_size=6)
)
def test_an_edit_near_the_end_costs_at_most_one_call_more_than_where_anything_can_be_cut(
    n_tokens: int, edits: list[tuple[int, int]]
) -> None:
    rows = RowPolicy(64, 2)
    runners: list[Runner] = []
    for can_truncate in (True, False):
        backend = FakeBackend(n_ctx=1024, rows=rows, can_truncate=can_truncate)
        runners.append(Runner(backend, make_prompts(backend)))
    plain, recurrent = runners
    tokens = [n % 251 for n in range(n_tokens)]
    assert evaluated(plain, tokens) == evaluated(recurrent, tokens) == n_tokens
    for back, typed in edits:
        kept = max(len(tokens) - back, n_tokens - 190)
        # Not the tokens that were there, whatever was typed before.
        tokens = tokens[:kept] + [252 + n % 4 for n in range(len(tokens), len(tokens) + typed)]
        assert evaluated(recurrent, tokens) <= evaluated(plain, tokens) + rows.maximum
