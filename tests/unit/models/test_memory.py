from __future__ import annotations

import re

import msgspec
import pytest

from inference.errors import ModelTooLargeError
from inference.models.memory import (
    DEFAULT_N_CTX,
    MIN_N_CTX,
    ContextChoice,
    choose_n_ctx,
    estimate_memory,
)
from inference.models.summary import ModelSummary, inspect_model

GB = 10**9


@pytest.fixture
def summary() -> ModelSummary:
    """As of a 7B model with grouped heads, 4-bit."""
    return msgspec.structs.replace(
        inspect_model(),
        name="seven",
        size_bytes=4_700_000_000,
        n_ctx_train=32_768,
        n_vocab=152_064,
        n_embd=3584,
        max_heads=28,
        kv_bytes_per_token=57_344,
    )


def test_weights_and_cache_are_counted_in_full(summary: ModelSummary) -> None:
    without = estimate_memory(summary, 0)
    assert without > summary.size_bytes
    assert without < summary.size_bytes * 1.05
    growth = estimate_memory(summary, 8192) - estimate_memory(summary, 4096)
    assert growth >= 4096 * summary.kv_bytes_per_token


def test_recurrent_state_is_counted(summary: ModelSummary) -> None:
    hybrid = msgspec.structs.replace(summary, recurrent_bytes_per_sequence=10**8)
    assert estimate_memory(hybrid, 512) == estimate_memory(summary, 512) + 10**8


def test_with_room_the_default_or_what_was_asked_for(summary: ModelSummary) -> None:
    assert choose_n_ctx(summary, None, 64 * GB).n_ctx == DEFAULT_N_CTX
    assert choose_n_ctx(summary, 20_000, 64 * GB).n_ctx == 20_000
    assert choose_n_ctx(summary, 100, 64 * GB).n_ctx == 100
    assert choose_n_ctx(summary, None, 64 * GB).reason is None


def test_no_more_than_the_model_was_trained_on(summary: ModelSummary) -> None:
    choice = choose_n_ctx(summary, 50_000, 64 * GB)
    assert choice.n_ctx == 32_768
    assert choice.reason is not None
    assert "32768 tokens" in choice.reason
    short = msgspec.structs.replace(summary, n_ctx_train=2048)
    assert choose_n_ctx(short, None, 64 * GB) == ContextChoice(2048, None)


def test_less_memory_gives_a_shorter_context_and_says_why(summary: ModelSummary) -> None:
    available = int(estimate_memory(summary, 4096) / 0.9)
    choice = choose_n_ctx(summary, None, available)
    assert 3500 < choice.n_ctx <= 4096
    assert choice.n_ctx % 256 == 0
    assert choice.reason is not None
    assert re.search(
        r"8192 tokens would take 5\.\d GB of memory and 5\.\d GB are free", choice.reason
    )
    assert estimate_memory(summary, choice.n_ctx) <= available


def test_the_choice_never_exceeds_the_memory(summary: ModelSummary) -> None:
    for n_ctx in range(MIN_N_CTX, DEFAULT_N_CTX, 511):
        available = int(estimate_memory(summary, n_ctx) / 0.9) + 10
        choice = choose_n_ctx(summary, None, available)
        assert n_ctx - 256 < choice.n_ctx <= n_ctx


def test_what_does_not_fit_at_all_is_refused_with_both_numbers(summary: ModelSummary) -> None:
    with pytest.raises(ModelTooLargeError) as caught:
        choose_n_ctx(summary, None, 3 * GB)
    assert "needs 4.8 GB of memory and 3.0 GB are free" in str(caught.value)


def test_the_builtin_model_fits_anywhere() -> None:
    assert choose_n_ctx(inspect_model(), None, GB // 4).n_ctx == 2048
