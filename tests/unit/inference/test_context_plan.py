"""How many sequences a context gets."""

from __future__ import annotations

from inference.backends.context_plan import (
    FEW_ROWS,
    FEW_SEQUENCES,
    MANY_SEQUENCES,
    MIN_SEQUENCES,
    ContextPlan,
    plans,
    state_budget,
)

MIB = 2**20


def tried(
    n_ctx: int,
    *,
    kib_per_token: float,
    available_mib: int,
    is_wanted: bool = False,
    model_mib: int = 1000,
) -> list[ContextPlan]:
    return list(
        plans(
            n_ctx=n_ctx,
            is_wanted=is_wanted,
            bytes_per_token=int(kib_per_token * 1024),
            bytes_per_sequence=0,
            model_bytes=model_mib * MIB,
            available_bytes=available_mib * MIB,
        )
    )


def test_small_caches_get_many_sequences() -> None:
    assert tried(2048, kib_per_token=1.25, available_mib=8000)[0] == ContextPlan(
        2048, MANY_SEQUENCES
    )


def test_large_caches_get_few() -> None:
    assert tried(8192, kib_per_token=12, available_mib=16000)[0] == ContextPlan(8192, FEW_SEQUENCES)


def test_length_is_halved_before_sequences_are_given_up() -> None:
    assert tried(8192, kib_per_token=28, available_mib=9000)[0] == ContextPlan(4096, FEW_SEQUENCES)
    assert tried(8192, kib_per_token=12, available_mib=1000)[0] == ContextPlan(4096, FEW_SEQUENCES)


def test_larger_models_get_larger_caches() -> None:
    found = tried(8192, kib_per_token=56, available_mib=24_000, model_mib=5000)
    assert found[0] == ContextPlan(4096, FEW_SEQUENCES)
    found = tried(8192, kib_per_token=56, available_mib=24_000)
    assert found[0] == ContextPlan(4096, MIN_SEQUENCES)


def test_a_length_that_was_asked_for_is_kept_longer() -> None:
    first = tried(8192, kib_per_token=56, available_mib=4000, is_wanted=True)[0]
    assert first == ContextPlan(8192, MIN_SEQUENCES)


def test_costs_go_down_and_there_is_always_something_to_try() -> None:
    for available_mib in (0, 100, 1000, 10_000):
        for is_wanted in (False, True):
            found = tried(8192, kib_per_token=112, available_mib=available_mib, is_wanted=is_wanted)
            sizes = [plan.n_ctx * plan.n_sequences for plan in found]
            assert sizes == sorted(sizes, reverse=True)
            assert found[-2] == ContextPlan(512, MIN_SEQUENCES)
            assert found[-1] == ContextPlan(512, MIN_SEQUENCES, n_rows=FEW_ROWS)


def test_the_shortest_models_are_not_shortened() -> None:
    assert tried(600, kib_per_token=1000, available_mib=0)[-2] == ContextPlan(600, MIN_SEQUENCES)


def rollback(
    *, state_mib: int, available_mib: int, model_mib: int = 500, kib_per_token: float = 12
) -> list[ContextPlan]:
    return list(
        plans(
            n_ctx=8192,
            is_wanted=False,
            bytes_per_token=int(kib_per_token * 1024),
            bytes_per_sequence=state_mib * MIB,
            model_bytes=model_mib * MIB,
            available_bytes=available_mib * MIB,
            max_rollback=7,
        )
    )


def test_earlier_states_take_no_more_than_the_cache_may() -> None:
    assert rollback(state_mib=10, available_mib=20_000)[0] == ContextPlan(
        8192, FEW_SEQUENCES, n_rollback=7
    )
    assert rollback(state_mib=19, available_mib=20_000)[0] == ContextPlan(
        8192, FEW_SEQUENCES, n_rollback=6
    )
    larger = rollback(state_mib=48, available_mib=20_000, model_mib=8000, kib_per_token=32)[0]
    assert larger == ContextPlan(8192, FEW_SEQUENCES, n_rollback=7)


def test_earlier_states_never_cost_a_sequence_or_length() -> None:
    for available_mib in range(100, 20_000, 700):
        found = rollback(state_mib=19, available_mib=available_mib)
        without = [ContextPlan(plan.n_ctx, plan.n_sequences, plan.n_rows) for plan in found]
        plain = plans(
            n_ctx=8192,
            is_wanted=False,
            bytes_per_token=12 * 1024,
            bytes_per_sequence=19 * MIB,
            model_bytes=500 * MIB,
            available_bytes=available_mib * MIB,
        )
        assert without == list(plain)
        # What is tried last may not fit at all.
        assert [plan.n_rollback for plan in found[-2:]] == [0, 0]
        states = [plan.n_sequences * plan.n_rollback * 19 for plan in found]
        assert max(states) <= min(available_mib * 0.25, 512)


def test_saved_states_take_a_share_of_the_model_or_of_what_is_free() -> None:
    assert state_budget(500 * MIB, 20_000 * MIB) == 256 * MIB
    assert state_budget(5000 * MIB, 20_000 * MIB) == 500 * MIB
    assert state_budget(5000 * MIB, 800 * MIB) == 100 * MIB
