"""Where states are saved in a prompt, and which of them make way for others."""

from __future__ import annotations

import numpy as np

from inference.backends.base import RowPolicy, State
from inference.checkpoints import MAX_PER_SLOT, Checkpoints, stops

ROWS = RowPolicy(maximum=64, minimum=2)
N_BYTES = 10


def state(n_tokens: int) -> State:
    return State(n_tokens, np.zeros(N_BYTES, np.uint8))


def kept(checkpoints: Checkpoints, slot: int = 0, end: int = 10_000) -> list[int]:
    """Positions, the last first."""
    found: list[int] = []
    while (latest := checkpoints.latest(slot, end)) is not None:
        found.append(latest.n_tokens)
        end = latest.n_tokens - 1
    return found


def test_dense_near_the_end_then_at_distances_that_double() -> None:
    last = 4000 - 4
    wanted = [last - n for n in (3072, 1536, 768, 384, 192, 144, 96, 48, 0)]
    assert list(stops(0, 4000, 0, ROWS)) == wanted


def test_only_what_is_evaluated_has_places() -> None:
    assert stops(3800, 4000, 3800, ROWS) == (3852, 3900, 3948, 3996)
    assert stops(3990, 4000, 3990, ROWS) == (3996,)


def test_the_last_rows_are_not_split_again_for_a_few_new_tokens() -> None:
    assert stops(3996, 4003, 4000, ROWS) == ()
    assert stops(3996, 4004, 4000, ROWS) == (4000,)
    assert stops(0, 7, 0, ROWS) == ()


def test_a_place_where_the_former_text_was_left() -> None:
    assert 3500 in stops(3000, 4000, 3500, ROWS)
    # Near the end there are enough as it is.
    assert 3940 not in stops(3000, 4000, 3940, ROWS)
    assert stops(3000, 4000, 3999, ROWS) == stops(3000, 4000, 3000, ROWS)


def test_places_keep_to_multiples_of_rows() -> None:
    rows = RowPolicy(maximum=64, minimum=8, multiple=4)
    places = stops(0, 1003, 501, rows)
    assert places[-1] == 992
    assert 500 in places
    assert not any(place % 4 for place in places)


def test_the_latest_of_those_that_fit() -> None:
    checkpoints = Checkpoints(2, 1000)
    for n_tokens in (10, 20, 30):
        checkpoints.add(0, state(n_tokens), 1)
    assert checkpoints.latest(0, 9) is None
    assert [checkpoints.latest(0, n).n_tokens for n in (10, 29, 99)] == [10, 20, 30]  # pyright: ignore[reportOptionalMemberAccess]
    assert checkpoints.latest(1, 99) is None


def test_what_lies_behind_a_cut_is_forgotten() -> None:
    checkpoints = Checkpoints(1, 1000)
    for n_tokens in (10, 20, 30):
        checkpoints.add(0, state(n_tokens), 1)
    checkpoints.cut(0, 20)
    assert kept(checkpoints) == [20, 10]


def test_copies_share_their_states() -> None:
    checkpoints = Checkpoints(2, 1000)
    checkpoints.add(0, state(10), 1)
    checkpoints.copy(0, 1)
    assert (checkpoints.n_states, checkpoints.n_bytes) == (1, N_BYTES)
    checkpoints.cut(0, 0)
    assert kept(checkpoints, 1) == [10]


def test_memory_is_bounded() -> None:
    checkpoints = Checkpoints(3, 5 * N_BYTES + 1)
    for n in range(100):
        checkpoints.add(n % 3, state(n + 1), n)
        assert checkpoints.n_bytes <= 5 * N_BYTES
    assert checkpoints.n_states == 5


def test_a_state_that_is_too_large_pushes_none_out() -> None:
    checkpoints = Checkpoints(1, 2 * N_BYTES)
    checkpoints.add(0, state(10), 1)
    checkpoints.add(0, State(20, np.zeros(3 * N_BYTES, np.uint8)), 1)
    assert kept(checkpoints) == [10]


def test_what_typing_leaves_behind_goes_first() -> None:
    checkpoints = Checkpoints(1, 10_000)
    places = stops(0, 4000, 0, ROWS)
    for place in places:
        checkpoints.add(0, state(place), 1)
    for n in range(1, 20):
        checkpoints.add(0, state(places[-1] + 4 * n), 1)
    found = kept(checkpoints)
    assert len(found) == MAX_PER_SLOT
    assert found[0] == places[-1] + 4 * 19
    assert set(places[:-1]) < set(found)


def test_what_was_used_stays_longer() -> None:
    def after(used: int) -> list[int]:
        checkpoints = Checkpoints(1, 3 * N_BYTES)
        states = {n: state(n) for n in (1000, 2000, 3000)}
        for one in states.values():
            checkpoints.add(0, one, 1)
        checkpoints.note_use(0, states[used], 500)
        checkpoints.add(0, state(4000), 500)
        return kept(checkpoints)

    assert 1000 in after(used=1000)
    assert 1000 not in after(used=2000)


def test_other_slots_keep_their_newest() -> None:
    checkpoints = Checkpoints(2, 4 * N_BYTES)
    for n in (1000, 1064, 1128):
        checkpoints.add(0, state(n), 1)
    for n in range(1, 30):
        checkpoints.add(1, state(2000 + 64 * n), 1 + n)
    assert len(kept(checkpoints, 0)) >= 1
    assert len(kept(checkpoints, 1)) >= 2


def test_the_end_of_a_prompt_takes_the_place_of_the_one_before() -> None:
    checkpoints = Checkpoints(1, 10_000)
    checkpoints.add(0, state(1000), 1)
    for n in (1001, 1002, 1003):
        checkpoints.add_end(0, state(n), 1)
    assert kept(checkpoints) == [1003, 1000]


def test_the_end_of_a_former_prompt_stays_where_nothing_else_is_near() -> None:
    checkpoints = Checkpoints(1, 10_000)
    checkpoints.add(0, state(1000), 1)
    for n in (1004, 1006, 1010):
        checkpoints.add_end(0, state(n), 1)
    assert kept(checkpoints) == [1010, 1004, 1000]


def test_a_former_prompts_end_hides_no_later_state() -> None:
    """The next prompt goes on behind it and is cancelled before its own end."""
    checkpoints = Checkpoints(1, 10_000)
    checkpoints.add_end(0, state(100), 1)
    for n in (500, 1000):
        checkpoints.add(0, state(n), 2)
    assert kept(checkpoints) == [1000, 500, 100]


def test_an_end_is_cut_copied_and_counted_like_other_states() -> None:
    checkpoints = Checkpoints(2, 10_000)
    checkpoints.add_end(0, state(1000), 1)
    checkpoints.copy(0, 1)
    assert (checkpoints.n_states, checkpoints.n_bytes) == (1, N_BYTES)
    checkpoints.cut(0, 999)
    assert kept(checkpoints, 0) == []
    assert kept(checkpoints, 1) == [1000]


def test_where_memory_is_short_the_newest_end_stays() -> None:
    checkpoints = Checkpoints(3, 2 * N_BYTES)
    checkpoints.add(0, state(100), 1)
    for n, slot in enumerate((0, 1, 2)):
        checkpoints.add_end(slot, state(200 + n), n)
        assert checkpoints.n_bytes <= 2 * N_BYTES
    assert kept(checkpoints, 2) == [202]
    checkpoints.add_end(2, State(300, np.zeros(3 * N_BYTES, np.uint8)), 9)
    assert kept(checkpoints, 2) == []
