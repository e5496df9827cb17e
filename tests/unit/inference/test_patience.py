"""Where reading the text around the cursor takes too long, the nearest lines are read first."""

from __future__ import annotations

import random

import pytest

from inference.backends.base import RowPolicy
from inference.models.catalogue import PromptOrder
from inference.patience import MIN_WINDOW_TOKENS, window_tokens
from inference.types import FimPrompt, GenerationResult, TokenPrompt
from tests.support.fake_backend import FakeBackend, make_prompts
from tests.support.stepping import Bench, Told

NONE_AT_ALL = 1e-9
"""Milliseconds: everything takes longer."""
ENDLESS = 1e9
ABOVE = "".join(f"value_{n} = compute({n})\n" for n in range(60))
BELOW = "\n" + "".join(f"print(value_{n})\n" for n in range(20))


def toy(n_sequences: int = 4) -> FakeBackend:
    rows = RowPolicy(maximum=32, minimum=2)
    return FakeBackend(n_ctx=2048, rows=rows, n_sequences=n_sequences)


def bench(
    *,
    use_prefix_cache: bool = True,
    n_sequences: int = 4,
    order: PromptOrder = PromptOrder.SPM,
) -> Bench:
    """One that knows how quickly it reads."""
    backend = toy(n_sequences)
    # No word is spelt again, so that the tokens of a prompt are all that its answer depends on.
    prompts = make_prompts(backend, order=order, heal=False)
    made = Bench(backend, prompts=prompts, use_prefix_cache=use_prefix_cache)
    made.complete("x" * 64)
    return made


def key(
    bench: Bench, typed: str, *, patience_ms: float | None = NONE_AT_ALL, hint: str = "a.py"
) -> Told:
    """A key at the end of `typed`, answered; what is read ahead is left where it is."""
    prompt = FimPrompt(prefix=ABOVE + typed, suffix=BELOW)
    told = bench.submit(prompt, hint=hint, max_tokens=3, patience_ms=patience_ms)
    while not told.is_over:
        assert bench.runner.step()
    return told


def n_put_off(told: Told) -> int:
    return told.result.usage.n_put_off_tokens


def test_the_nearest_lines_are_read_first_and_the_whole_behind_them() -> None:
    made = bench()
    first = key(made, "v")
    assert n_put_off(first) > 500
    assert first.result.usage.n_prompt_tokens <= MIN_WINDOW_TOKENS + 16
    made.run()
    second = key(made, "va")
    assert n_put_off(second) == 0
    assert second.result.usage.n_prompt_tokens > 800
    assert second.result.usage.n_evaluated_tokens <= 300, "all but the text below"


def test_without_a_pause_the_next_key_goes_on_with_the_nearest_lines() -> None:
    made = bench()
    key(made, "v")
    for typed in ("va", "val", "valu"):
        told = key(made, typed)
        assert n_put_off(told) > 500
        assert told.result.usage.n_evaluated_tokens <= 48, "the typed text and what is below"


def test_no_key_waits_for_the_last_part_of_what_is_being_read() -> None:
    backend = FakeBackend(n_ctx=2048)
    made = Bench(backend, prompts=make_prompts(backend, order=PromptOrder.PSM, heal=False))
    # Its calls are too short to tell how quick it is.
    made.runner._evaluator.prompt_ms_per_token = 1.0  # pyright: ignore[reportPrivateUsage]
    n_missing = n_put_off(key(made, "v", patience_ms=150)) + MIN_WINDOW_TOKENS
    n_before = backend.n_evaluated
    while backend.n_evaluated - n_before < n_missing - 80:
        made.runner.step()
    told = key(made, "v", patience_ms=150)
    assert n_put_off(told) > 500
    assert told.result.usage.n_evaluated_tokens <= 2
    made.run()
    assert n_put_off(key(made, "v", patience_ms=150)) == 0


def test_who_has_patience_is_given_the_whole_at_once() -> None:
    for patience_ms in (None, ENDLESS):
        told = key(bench(), "v", patience_ms=patience_ms)
        assert (n_put_off(told), told.result.usage.n_prompt_tokens > 800) == (0, True)


def test_what_little_is_new_is_read_without_ado() -> None:
    made = bench()
    key(made, "v", patience_ms=None)
    assert n_put_off(key(made, "va")) == 0


@pytest.mark.parametrize(
    "made", [bench(use_prefix_cache=False), bench(n_sequences=2)], ids=["no cache", "no room"]
)
def test_where_the_whole_could_not_be_kept_it_is_not_put_off(made: Bench) -> None:
    assert n_put_off(key(made, "v")) == 0
    assert not made.runner.has_work


def test_before_the_speed_is_known_the_whole_is_read() -> None:
    made = Bench(toy())
    assert n_put_off(key(made, "v")) == 0


def test_a_key_in_another_document_ends_the_reading() -> None:
    made = bench()
    key(made, "v")
    assert made.runner.has_work
    key(made, "v", patience_ms=None, hint="b.py")
    assert not made.runner.has_work


def test_reading_the_rest_of_a_cancelled_prompt_leaves_the_whole_in_line() -> None:
    made = bench()
    prompt = FimPrompt(prefix=ABOVE + "v", suffix=BELOW)
    told = made.submit(prompt, hint="a.py", max_tokens=3, patience_ms=NONE_AT_ALL)
    made.runner.step()
    made.runner.cancel(told.job, finish_prompt=True)
    made.run()
    assert n_put_off(key(made, "va")) == 0, "the whole was read too"


@pytest.mark.parametrize("order", PromptOrder)
@pytest.mark.parametrize("seed", range(8))
def test_the_answer_is_that_of_its_prompt_whatever_was_read(seed: int, order: PromptOrder) -> None:
    chance = random.Random(seed)
    made = bench(n_sequences=chance.choice([3, 4, 5]), order=order)
    typed = ""
    for _ in range(40):
        typed = chance.choice(["", typed, typed]) + chance.choice("abc \n")
        told = key(
            made,
            typed,
            patience_ms=chance.choice([None, NONE_AT_ALL, NONE_AT_ALL]),
            hint=chance.choice(["a.py", "a.py", "b.py"]),
        )
        assert told.result.token_ids == alone(told).token_ids
        for _ in range(chance.choice([0, 0, 2, 10, 100])):
            made.runner.step()


def alone(told: Told) -> GenerationResult:
    """The answer to the same tokens from a model that has read nothing yet."""
    tokens = told.job.tokens[: told.job.n_prompt]
    return Bench(toy()).complete(TokenPrompt(tokens=tuple(tokens)), max_tokens=3)


@pytest.mark.parametrize(
    ("n_readable", "expected"),
    [(0, 128), (130, 128), (180, 128), (182, 256), (263, 256), (700, 512), (730, 1024)],
)
def test_windows_come_in_few_sizes(n_readable: float, expected: int) -> None:
    assert window_tokens(n_readable) == expected
