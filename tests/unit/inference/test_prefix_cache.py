"""Which sequence a prompt is evaluated in, and what of it can be reused."""

from __future__ import annotations

import numpy as np

from inference.backends.base import RowPolicy, State
from inference.prefix_cache import MIN_FORKED_TOKENS, Lease, PrefixCache, common_length


def fill(cache: PrefixCache, prompt: list[int], hint: str = "", n_decoded: int = 0) -> Lease:
    """One request from its prompt to its release."""
    lease = cache.acquire(prompt, hint)
    assert lease is not None
    cache.record(lease.slot, lease.n_reused, prompt[lease.n_reused :])
    for i in range(n_decoded):
        cache.record(lease.slot, len(prompt) + i, [1000 + i], exact=False)
    cache.release(lease.slot)
    return lease


def tokens(start: int, n: int) -> list[int]:
    return list(range(start, start + n))


def test_an_empty_cache_reuses_nothing() -> None:
    assert PrefixCache(2).acquire([1, 2, 3]) == Lease(slot=0, n_reused=0)


def test_the_longest_common_beginning_is_reused_in_place() -> None:
    cache = PrefixCache(2)
    first = fill(cache, tokens(0, 50), "a")
    lease = cache.acquire([*tokens(0, 40), 7, 7], "a")
    assert lease == Lease(first.slot, 40)


def test_the_last_token_is_always_left_to_evaluate() -> None:
    cache = PrefixCache(2)
    fill(cache, tokens(0, 50))
    lease = cache.acquire(tokens(0, 50))
    assert lease is not None
    assert lease.n_reused == 49


def test_decoded_tokens_are_reused_only_where_exactness_is_not_needed() -> None:
    prompt = [*tokens(0, 50), 1000, 1001, 5]
    for exact, expected in ((True, 50), (False, 52)):
        cache = PrefixCache(2)
        fill(cache, tokens(0, 50), n_decoded=3)
        lease = cache.acquire(prompt, exact=exact)
        assert lease is not None
        assert lease.n_reused == expected


def test_what_is_built_on_decoded_tokens_is_not_exact_either() -> None:
    cache = PrefixCache(1)
    fill(cache, tokens(0, 50), n_decoded=3)
    prompt = [*tokens(0, 50), 1000, 1001, *tokens(300, 20)]
    lease = cache.acquire(prompt, exact=False)
    assert lease is not None
    cache.record(lease.slot, lease.n_reused, prompt[lease.n_reused :])
    cache.release(lease.slot)
    again = cache.acquire(prompt)
    assert again is not None
    assert again.n_reused == 50


def test_busy_slots_are_not_changed_but_copied_from() -> None:
    cache = PrefixCache(2)
    prompt = tokens(0, MIN_FORKED_TOKENS * 3)
    first = cache.acquire(prompt)
    assert first is not None
    cache.record(first.slot, 0, prompt)
    second = cache.acquire([*prompt, 5])
    assert second == Lease(1 - first.slot, len(prompt), fork_of=first.slot)
    assert cache.acquire([9]) is None
    cache.release(first.slot)
    assert cache.acquire([9]) is not None


def test_short_beginnings_are_not_worth_a_copy() -> None:
    cache = PrefixCache(2)
    prompt = tokens(0, MIN_FORKED_TOKENS - 1)
    first = cache.acquire(prompt)
    assert first is not None
    cache.record(first.slot, 0, prompt)
    assert cache.acquire([*prompt, 5]) == Lease(1 - first.slot, 0)


def test_two_documents_keep_a_slot_each() -> None:
    cache = PrefixCache(4)
    a, b = tokens(0, 500), tokens(1000, 500)
    fill(cache, a, "a")
    fill(cache, b, "b")
    for i in range(100):
        a, b = [*a, i], [*b, i]
        for prompt, hint in ((a, "a"), (b, "b")):
            assert fill(cache, prompt, hint).n_reused == len(prompt) - 1


def test_a_shared_beginning_is_forked_when_the_rest_is_worth_keeping() -> None:
    cache = PrefixCache(3)
    shared = tokens(0, 400)
    chat = fill(cache, shared + tokens(1000, 400), "chat")
    other = fill(cache, shared + tokens(2000, 100), "other chat")
    assert (other.n_reused, other.fork_of) == (400, chat.slot)
    assert fill(cache, shared + tokens(1000, 401), "chat").n_reused == 800


def test_the_smaller_and_older_goes_first() -> None:
    cache = PrefixCache(3)
    fill(cache, tokens(0, 1000), "big")
    small = fill(cache, tokens(2000, 10), "small")
    fill(cache, tokens(3000, 900), "recent")
    assert fill(cache, tokens(5000, 300), "new").slot == small.slot
    for i in range(400):
        fill(cache, [*tokens(5000, 300), i], "new")
        fill(cache, [*tokens(3000, 900), i], "recent")
    assert fill(cache, tokens(9000, 10), "newest").slot == 0


def test_without_truncation_only_whole_slots_are_reused() -> None:
    cache = PrefixCache(2, can_truncate=False)
    first = fill(cache, tokens(0, 100))
    assert cache.acquire([*tokens(0, 99), 5, 6]) == Lease(1 - first.slot, 0)
    assert cache.acquire([*tokens(0, 100), 5, 6]) == Lease(first.slot, 100)


def test_without_truncation_decoded_tokens_spoil_a_slot_for_exact_requests() -> None:
    prompt = [*tokens(0, 100), 1000, 5, 6]
    for exact, n_reused in ((True, 0), (False, 101)):
        cache = PrefixCache(1, can_truncate=False)
        fill(cache, tokens(0, 100), n_decoded=1)
        assert cache.acquire(prompt, exact=exact) == Lease(0, n_reused)


def fill_with_states(cache: PrefixCache, prompt: list[int], n_decoded: int = 3) -> Lease:
    """A request to a backend with recurrent layers, which saves its state where it is asked to."""
    lease = cache.acquire(prompt)
    assert lease is not None
    position = lease.n_reused
    for end in (*lease.stops, len(prompt)):
        cache.record(lease.slot, position, prompt[position:end], n_rows=end - position)
        if end in lease.stops:
            cache.keep(lease.slot, State(end, np.zeros(8, np.uint8)))
        position = end
    for i in range(n_decoded):
        cache.record(lease.slot, len(prompt) + i, [1000 + i], exact=False)
    cache.release(lease.slot)
    return lease


def recurrent(n_slots: int, rows: RowPolicy | None = None) -> PrefixCache:
    rows = rows or RowPolicy(maximum=64, minimum=2)
    return PrefixCache(n_slots, rows=rows, can_truncate=False, max_state_bytes=8000)


def test_a_saved_state_is_reused_where_a_slot_cannot_be_cut() -> None:
    cache = recurrent(1)
    prompt = tokens(0, 400)
    assert fill_with_states(cache, prompt).n_reused == 0
    n_states = cache.n_states
    assert cache.n_state_bytes == 8 * n_states > 0
    typed = fill_with_states(cache, [*prompt, 7])
    assert typed.n_reused == 396
    assert typed.state is not None
    assert typed.state.n_tokens == 396
    edited = fill_with_states(cache, [*prompt[:350], *tokens(2000, 50)])
    assert edited.n_reused == 348


def test_the_place_of_an_edit_is_remembered() -> None:
    cache = recurrent(1)
    above, below = tokens(0, 2000), tokens(5000, 500)
    found: list[int] = []
    for n in range(4):
        above += tokens(10_000 + 100 * n, 12)
        lease = fill_with_states(cache, [*above, *below])
        found.append(len(above) - lease.n_reused)
    # The line, and one or two before it.
    assert found[2:] == [24, 36]


def test_a_slot_that_cannot_be_cut_is_copied_with_its_states() -> None:
    cache = recurrent(2)
    prompt = tokens(0, 400)
    first = fill_with_states(cache, prompt)
    n_states = cache.n_states
    other = cache.acquire([*prompt[:300], *tokens(3000, 50)], "other")
    assert other is not None
    assert (other.slot, other.fork_of, other.n_reused) == (1 - first.slot, first.slot, 300)
    assert cache.n_states == n_states


def test_states_of_rows_beyond_a_multiple_are_not_exact() -> None:
    cache = recurrent(1, RowPolicy(maximum=64, minimum=8, multiple=4))
    fill_with_states(cache, tokens(0, 103), n_decoded=0)
    longer = [*tokens(0, 103), *tokens(500, 20)]
    exact = cache.acquire(longer)
    assert exact is not None
    assert exact.n_reused == 92


def test_a_disabled_cache_reuses_nothing() -> None:
    cache = PrefixCache(2, is_enabled=False)
    for _ in range(3):
        assert fill(cache, tokens(0, 100)).n_reused == 0


def test_bookkeeping_of_cuts() -> None:
    cache = PrefixCache(1)
    fill(cache, tokens(0, 100))
    assert cache.n_tokens == 100
    cache.truncate(0, 30)
    assert cache.n_tokens == 30
    assert cache.acquire(tokens(0, 100)) == Lease(0, 30)


def test_common_length() -> None:
    a = tokens(0, 1000)
    for n in (0, 1, 255, 256, 257, 700, 999, 1000):
        b = a[:n] + [-1] * (1000 - n)
        assert common_length(a, b, 1000) == n
        assert common_length(a, b, 300) == min(n, 300)


def test_what_can_share_calls_lies_beside_what_is_in_use() -> None:
    cache = PrefixCache(4)
    for start in (0, 1000, 2000, 3000):
        fill(cache, tokens(start, 100))
    busy = cache.acquire([*tokens(3000, 100), 5])
    assert busy is not None
    assert busy.slot == 3
    # The oldest is the cheapest to lose, but slot 2 is not much dearer.
    for wants_neighbour, slot in ((False, 0), (True, 2)):
        lease = cache.acquire([9, 9], wants_neighbour=wants_neighbour)
        assert lease is not None
        assert lease.slot == slot
        cache.release(slot)


def test_a_neighbour_is_not_worth_a_long_prompt() -> None:
    cache = PrefixCache(4)
    for start in (0, 1000, 2000, 3000):
        fill(cache, tokens(start, 300))
    assert cache.acquire([*tokens(3000, 300), 5]) == Lease(3, 300)
    assert cache.acquire([*tokens(0, 300), 5], wants_neighbour=True) == Lease(0, 300)


def test_who_is_alone_stays_where_the_prompt_is() -> None:
    """A copy beside it would hold the prompt too, but not what was generated of an answer."""
    cache = PrefixCache(4)
    prompt = tokens(0, 300)
    fill(cache, prompt)
    for _ in range(3):
        lease = cache.acquire([*prompt, 5], "file", wants_neighbour=True)
        assert lease == Lease(0, 300)
        cache.record(0, 300, [5, 6, 7])
        cache.release(0)


def test_what_is_asked_about_a_document_does_not_take_the_place_of_what_is_typed_in_it() -> None:
    cache = PrefixCache(3)
    for n in range(3):
        lease = cache.acquire(tokens(1000 * n, 300), f"{n}.py")
        assert lease is not None
        cache.record(lease.slot, 0, tokens(1000 * n, 300))
        cache.release(lease.slot)
    asked = cache.acquire(tokens(9000, 200), "action:2.py")
    assert asked == Lease(0, 0), "the one that was used longest ago"
    assert cache.acquire([*tokens(2000, 300), 5], "2.py") == Lease(2, 300)


def test_a_slot_to_measure_in_is_an_unused_one_if_there_is_one() -> None:
    cache = PrefixCache(3)
    fill(cache, tokens(0, 50))
    fill(cache, tokens(100, 50))
    assert cache.vacate() == 2
    assert cache.n_tokens == 100


def test_a_slot_to_measure_in_is_else_the_one_least_likely_to_be_missed() -> None:
    cache = PrefixCache(3)
    long, short, newest = (fill(cache, tokens(100 * i, n)) for i, n in enumerate((90, 20, 10)))
    assert cache.vacate() == short.slot
    assert cache.n_tokens == 100
    assert cache.vacate() == short.slot, "which is an unused one now"
    busy = cache.acquire(tokens(500, 30))
    assert busy is not None
    assert cache.vacate() == newest.slot, "others have been used later, and one is busy"
    assert cache.n_reusable(tokens(0, 91)) == 90
    assert long.slot != busy.slot


def test_the_prompt_used_last_is_never_lost_to_a_measurement() -> None:
    cache = PrefixCache(1)
    assert cache.vacate() == 0
    fill(cache, tokens(0, 50))
    assert cache.vacate() is None
    assert cache.n_tokens == 50
