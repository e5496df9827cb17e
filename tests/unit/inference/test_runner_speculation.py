"""The runner's steps with drafts, on a toy model: the same text in fewer calls."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.backends.base import RowPolicy
from inference.job import Event, Job
from inference.runner import Runner
from inference.speculation.policy import Speculation
from inference.speculation.verify_cost import VerifyCost
from inference.types import (
    DraftCounts,
    FinishReason,
    GenerationRequest,
    GenerationResult,
    Priority,
    SamplingParams,
    SpeculationMode,
    TextPrompt,
)
from tests.support.fake_backend import FakeBackend, Predict, hashed, make_prompts, spelling

OLD = "def area(self):\n    return self.width * self.height\n"
NEW = "def area(self) -> float:\n    return self.width * self.height * self.scale\n"


class KnownCost(VerifyCost):
    """Of many rows it is little more than of two, whatever the toy model takes."""

    def record(self, n_rows: int, ms: float) -> None:
        super().calibrate(n_rows, 8.0 if n_rows == 1 else 10.0 + n_rows / 4)


def speculation_of(
    backend: FakeBackend, mode: SpeculationMode, *, is_second_row_free: bool = True
) -> Speculation:
    speculation = Speculation(mode, backend.rows, is_second_row_free=is_second_row_free)
    speculation.costs = KnownCost()
    for n_rows in (1, 2, 8, 16):
        speculation.costs.record(n_rows, 0.0)
    speculation.decide()
    return speculation


def runner_of(
    backend: FakeBackend, mode: SpeculationMode, *, is_second_row_free: bool = True
) -> Runner:
    speculation = speculation_of(backend, mode, is_second_row_free=is_second_row_free)
    return Runner(backend, make_prompts(backend), speculation=speculation)


def run(runner: Runner, *requests: GenerationRequest) -> list[GenerationResult]:
    told: list[list[Event]] = []
    for request in requests:
        told.append([])
        runner.submit(Job(request, told[-1].append))
    for _ in range(10_000):
        if not runner.step():
            break
    results = [events[-1] for events in told]
    assert all(isinstance(result, GenerationResult) for result in results)
    return [result for result in results if isinstance(result, GenerationResult)]


def edit_request(old: str = OLD, max_tokens: int = 200) -> GenerationRequest:
    return GenerationRequest(
        prompt=TextPrompt(text="Add a scale.\n"),
        sampling=SamplingParams(max_tokens=max_tokens),
        priority=Priority.ACTION,
        old_text=old,
    )


@pytest.mark.parametrize("can_truncate", [True, False])
def test_an_edit_takes_a_fraction_of_the_calls(*, can_truncate: bool) -> None:
    says = spelling(NEW.encode(), n_prompt=len("Add a scale.\n"))
    backend = FakeBackend(predict=says, can_truncate=can_truncate, n_rollback=7)
    (result,) = run(runner_of(backend, SpeculationMode.AUTO), edit_request())
    assert result.text == NEW
    assert result.finish_reason is FinishReason.STOP
    usage = result.usage
    assert usage.n_decoded_tokens == len(NEW) + 1
    assert usage.n_steps < usage.n_decoded_tokens / 2.5
    assert set(usage.drafters) <= {"old-text", "lookup", "habits"}
    assert usage.drafters["old-text"].n_accepted > len(NEW) / 2
    assert usage.n_accepted_tokens == usage.n_decoded_tokens - usage.n_steps


def test_every_call_has_the_rows_that_agree() -> None:
    backend = FakeBackend(predict=spelling(NEW.encode()))
    run(runner_of(backend, SpeculationMode.NEVER), edit_request())
    assert all(len(span.tokens) >= 2 for span in backend.calls)
    backend = FakeBackend(predict=spelling(NEW.encode()), rows=RowPolicy(16, 8, 4))
    run(runner_of(backend, SpeculationMode.AUTO), edit_request())
    assert all(len(span.tokens) >= 8 and len(span.tokens) % 4 == 0 for span in backend.calls[1:])


def test_a_text_too_short_for_its_calls_is_evaluated_alike_with_drafts() -> None:
    """With drafts a call of it would have enough rows, and these other bits."""

    def calls(mode: SpeculationMode) -> list[tuple[int, int]]:
        backend = FakeBackend(predict=spelling(b"a" * 20), rows=RowPolicy(16, 8, 4))
        prompt = TextPrompt(text="aaa")
        run(runner_of(backend, mode), GenerationRequest(prompt=prompt, old_text="a" * 20))
        return [(span.position, len(span.tokens)) for span in backend.calls]

    drafting, plain = calls(SpeculationMode.AUTO), calls(SpeculationMode.NEVER)
    assert drafting[:5] == plain[:5] == [(0, n) for n in (3, 4, 5, 6, 7)]
    assert len(drafting) < len(plain)


def test_where_a_second_row_costs_only_edits_speculate() -> None:
    plain = GenerationRequest(prompt=TextPrompt(text="x = 1\n" * 3))
    backend = FakeBackend(predict=spelling(b"x = 1\nx = 1\n"))
    runner = runner_of(backend, SpeculationMode.AUTO, is_second_row_free=False)
    (result,) = run(runner, plain)
    assert result.usage.drafters == {}
    assert [len(span.tokens) for span in backend.calls[2:]] == [1] * 12
    backend.predict = spelling(NEW.encode())
    (result,) = run(runner, edit_request())
    assert result.usage.n_accepted_tokens > 0


@pytest.mark.parametrize(
    ("two_rows_ms", "eight_rows_ms", "minimum", "is_drafted"),
    [
        (20.0, 29.0, 2, True),
        (20.0, 31.0, 2, False),
        (12.0, 37.0, 2, True),
        (20.0, 24.0, 8, True),
        (12.0, 26.0, 8, False),
    ],
)
def test_edits_speculate_where_many_rows_cost_little_for_what_they_must_have(
    two_rows_ms: float, eight_rows_ms: float, minimum: int, is_drafted: bool
) -> None:
    backend = FakeBackend(predict=spelling(NEW.encode(), n_prompt=len("Add a scale.\n")))
    edit_rows = RowPolicy(maximum=backend.rows.maximum, minimum=minimum)
    speculation = Speculation(
        SpeculationMode.AUTO, backend.rows, is_second_row_free=False, edit_rows=edit_rows
    )
    for n_rows, ms in {1: 10.0, 2: two_rows_ms, 8: eight_rows_ms}.items():
        speculation.costs.calibrate(n_rows, ms)
    speculation.decide()
    assert speculation.covers(edit_request()) is is_drafted
    runner = Runner(backend, make_prompts(backend), speculation=speculation)
    (result,) = run(runner, edit_request())
    assert result.text == NEW
    assert bool(result.usage.drafters) is is_drafted
    assert (len(backend.calls[-1].tokens) > 1) is is_drafted


@pytest.mark.parametrize(
    ("ms", "two_rows", "minimum", "is_drafted"),
    [
        (10.0, 1.09, 2, True),
        (10.0, 1.11, 2, False),
        (10.0, 1.0, 1, False),
        # What Python takes for a step is much of such calls.
        (0.4, 1.05, 2, False),
    ],
)
def test_all_requests_speculate_where_a_second_row_is_measured_to_be_free(
    ms: float, two_rows: float, minimum: int, is_drafted: bool
) -> None:
    rows = RowPolicy(maximum=64, minimum=minimum)
    backend = FakeBackend(predict=spelling(b"x = 1\nx = 1\nx = 1\n", n_prompt=4), rows=rows)
    speculation = Speculation(SpeculationMode.AUTO, rows, is_second_row_free=False)
    for n_rows, cost in {1: 1.0, 2: two_rows, 8: 5.0, 16: 6.0}.items():
        speculation.costs.calibrate(n_rows, ms * cost)
    speculation.decide()
    runner = Runner(backend, make_prompts(backend), speculation=speculation)
    (result,) = run(runner, GenerationRequest(prompt=TextPrompt(text="x: \n")))
    assert result.text == "x = 1\nx = 1\nx = 1\n"
    assert bool(result.usage.drafters) is is_drafted


def test_a_runner_at_rest_measures_what_rows_cost() -> None:
    backend = FakeBackend()
    speculation = Speculation(SpeculationMode.AUTO, backend.rows, is_second_row_free=False)
    runner = Runner(backend, make_prompts(backend), speculation=speculation)
    while runner.idle():
        pass
    assert {1, 2, 4, 8, 16} <= set(speculation.costs.measured)
    assert all(not tokens for tokens in backend.sequences), "nothing is left behind"


def test_what_is_read_of_a_prompt_is_not_taken_for_the_cost_of_rows_with_logits() -> None:
    class Noted(VerifyCost):
        def record(self, n_rows: int, ms: float) -> None:
            noted.append(n_rows)

    noted: list[int] = []
    backend = FakeBackend(predict=spelling(b"x = 1\n", n_prompt=20))
    speculation = Speculation(SpeculationMode.NEVER, backend.rows, is_second_row_free=True)
    speculation.costs = Noted()
    runner = Runner(backend, make_prompts(backend), speculation=speculation)
    run(runner, GenerationRequest(prompt=TextPrompt(text="A prompt of 20 bytes")))
    assert noted == [2] * 6
    assert max(len(span.tokens) for span in backend.calls) > 2


def test_what_is_drafted_is_never_kept_beyond_what_was_chosen() -> None:
    backend = FakeBackend(predict=spelling(NEW.encode()))
    (result,) = run(runner_of(backend, SpeculationMode.AUTO), edit_request(max_tokens=20))
    assert result.text == NEW[:20]
    assert result.usage.n_decoded_tokens == 20
    held = max(backend.sequences, key=len)
    assert bytes(held[13:]).decode() == NEW[: len(held) - 13]


def test_totals_are_kept_for_the_model() -> None:
    backend = FakeBackend(predict=spelling(NEW.encode()))
    speculation = speculation_of(backend, SpeculationMode.AUTO)
    runner = Runner(backend, make_prompts(backend), speculation=speculation)
    (result,) = run(runner, edit_request())
    assert speculation.totals == result.usage.drafters
    backend.predict = spelling(NEW.encode())
    run(runner, edit_request())
    assert speculation.totals["old-text"].n_drafted > result.usage.drafters["old-text"].n_drafted


def test_counts_add_up() -> None:
    assert DraftCounts(3, 1) + DraftCounts(2, 2) == DraftCounts(5, 3)


def looping(tokens: list[int]) -> int:
    """Repeats itself, with changes now and then: something to be drafted."""
    text = b"for item in items:\n    total += item.price\n"
    n = len(tokens)
    return hashed(tokens) if n % 17 == 0 else text[n % len(text)]


def outcome(result: GenerationResult) -> tuple[object, ...]:
    return result.text, result.token_ids, result.logprobs, result.finish_reason


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    can_truncate=st.booleans(),
    predict=st.sampled_from([hashed, looping]),
)
def test_the_text_is_the_same_with_and_without_drafts(
    *, seed: int, can_truncate: bool, predict: Predict
) -> None:
    chance = random.Random(seed)
    requests = [
        GenerationRequest(
            prompt=TextPrompt(text="".join(chance.choices("abc \n", k=chance.randint(1, 60)))),
            sampling=SamplingParams(
                max_tokens=chance.randint(0, 40),
                temperature=chance.choice([0.0, 0.0, 1.5]),
                seed=chance.randrange(100),
                stop=chance.choice([(), ("ab",), ("item",)]),
            ),
            priority=chance.choice(list(Priority)),
            old_text=chance.choice(["", "for item in items:\n    total += item.cost\n"]),
            shown_text=chance.choice(["", "total"]),
        )
        for _ in range(6)
    ]
    found: list[list[tuple[object, ...]]] = []
    for mode in (SpeculationMode.AUTO, SpeculationMode.NEVER):
        backend = FakeBackend(predict=predict, can_truncate=can_truncate, n_rollback=7)
        found.append([outcome(result) for result in run(runner_of(backend, mode), *requests)])
    assert found[0] == found[1]


@pytest.mark.parametrize("rows", [RowPolicy(16, 2), RowPolicy(16, 4, 4), RowPolicy(16, 8, 4)])
@pytest.mark.parametrize("n_rollback", [3, 6, 7])
def test_what_cannot_be_cut_is_filled_up_to_the_context_s_end(
    rows: RowPolicy, n_rollback: int
) -> None:
    """Drafts and what fills a call can all be dropped, and lie inside the context."""
    for n_prompt in (1, 40, *range(54, 64)):
        texts: set[tuple[str, FinishReason]] = set()
        for mode in (SpeculationMode.ALWAYS, SpeculationMode.NEVER):
            backend = FakeBackend(
                n_ctx=64, rows=rows, can_truncate=False, n_rollback=n_rollback, predict=unsure
            )
            request = GenerationRequest(
                prompt=TextPrompt(text="x" * n_prompt),
                sampling=SamplingParams(max_tokens=100),
                priority=Priority.CHAT,
                old_text=OLD,
            )
            (result,) = run(runner_of(backend, mode), request)
            texts.add((result.text, result.finish_reason))
            assert n_prompt + len(result.text) >= 64 - rows.minimum + 1
        assert len(texts) == 1


def unsure(tokens: list[int]) -> int:
    """Mostly the old text, and never the end."""
    n = len(tokens)
    return ord("?") if hashed(tokens) % 5 == 0 else OLD.encode()[n % len(OLD)]
