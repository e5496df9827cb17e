"""What is kept of requests that were stopped: logits, the beginning of an answer, of a prompt."""

from __future__ import annotations

import numpy as np
import pytest

from inference.backends.base import RowPolicy
from inference.job import Job
from inference.known_rows import MAX_ANSWER_ROWS, MAX_PROMPTS, KnownRows
from inference.speculation.policy import Speculation
from inference.types import FimPrompt, FinishReason, Priority, SpeculationMode
from tests.support.fake_backend import FakeBackend, Predict, spelling
from tests.support.stepping import Bench


def test_a_prompt_with_one_token_less_evaluates_the_least_that_gives_logits() -> None:
    bench = Bench()
    bench.complete("x" * 100)
    assert bench.complete("x" * 99).usage.n_evaluated_tokens == 2


def test_the_same_prompt_again_evaluates_nothing() -> None:
    bench = Bench(FakeBackend(predict=spelling(b"hello")))
    first = bench.complete("x" * 100)
    bench.complete("y" * 100)
    n_calls = len(bench.backend.calls)
    second = bench.complete("x" * 100, max_tokens=1)
    assert (first.text, second.text) == ("hello", "h")
    assert second.usage.n_reused_tokens == 100
    assert second.usage.n_evaluated_tokens == 0
    assert len(bench.backend.calls) == n_calls


@pytest.mark.parametrize("max_tokens", [1, 8])
def test_what_cannot_be_cut_comes_back_to_a_prompt_s_end(max_tokens: int) -> None:
    bench = Bench(FakeBackend(can_truncate=False))
    first = bench.complete("x" * 100, max_tokens=max_tokens)
    second = bench.complete("x" * 100, max_tokens=max_tokens)
    assert second.text == first.text
    assert second.usage.n_evaluated_tokens == second.usage.n_known_tokens == 0


def test_an_answer_that_was_cut_short_is_continued() -> None:
    bench = Bench(FakeBackend(predict=spelling(b"hello there")))
    first = bench.submit("x" * 100)
    while len(first.job.tokens) < 104:
        bench.runner.step()
    bench.runner.cancel(first.job)
    n_calls = len(bench.backend.calls)
    second = bench.complete("x" * 100)
    assert (first.result.text, second.text) == ("hell", "hello th")
    assert second.usage.n_known_tokens == 3
    # Of the four tokens the last one was not evaluated yet.
    assert len(bench.backend.calls) - n_calls == 4


def test_an_answer_is_continued_only_as_far_as_the_constraint_allows() -> None:
    backend = FakeBackend(predict=spelling(b"hello there"))
    bench = Bench(backend)
    bench.complete(FimPrompt(prefix="x = 1\ny = he", suffix=""), max_tokens=8)
    usage = bench.complete(FimPrompt(prefix="x = 1\ny = hi", suffix=""), max_tokens=8).usage
    assert usage.n_evaluated_tokens == 0
    assert usage.n_known_tokens == 2
    again = bench.complete(FimPrompt(prefix="x = 1\ny = hi", suffix=""), max_tokens=8)
    assert again.usage.n_known_tokens > 2


@pytest.mark.parametrize("n_prompt", [100, 96])
def test_an_answer_whose_next_call_was_given_up_is_continued(n_prompt: int) -> None:
    """A call of two rows goes back over the newest token that was evaluated."""
    bench = in_twos(spelling(b"hello there", n_prompt))
    first = bench.submit("x" * n_prompt)
    while len(first.job.tokens) < n_prompt + 4:
        bench.runner.step()
    bench.backend.during_evaluation = lambda _: bench.runner.cancel(first.job)
    bench.runner.step()
    bench.backend.during_evaluation = lambda _: None
    second = bench.complete("x" * n_prompt)
    assert (first.result.text, second.text) == ("hell", "hello th")
    assert second.usage.n_evaluated_tokens == 0
    assert second.usage.n_known_tokens == 2


def test_who_only_reads_a_prompt_leaves_what_is_known_of_its_answer() -> None:
    bench = in_twos(spelling(b"hello there", 100))
    bench.complete("x" * 100, max_tokens=5)
    bench.complete("x" * 100, priority=Priority.WARMUP, max_tokens=0)
    again = bench.complete("x" * 100)
    assert again.text == "hello th"
    assert again.usage.n_known_tokens == 4


def test_a_sequence_that_can_suddenly_not_be_cut_is_evaluated_anew() -> None:
    bench = in_twos(spelling(b"hello there", 96))
    told = bench.submit("x" * 96)
    while len(told.job.tokens) < 100:
        bench.runner.step()
    truncate, refused = bench.backend.truncate, list[int]()

    def refuse_once(sequence: int, n_tokens: int) -> bool:
        refused.append(n_tokens)
        return len(refused) > 1 and truncate(sequence, n_tokens)

    bench.backend.truncate = refuse_once
    bench.run()
    assert refused[:2] == [98, 0]
    assert told.result.text == "hello th"


def in_twos(predict: Predict) -> Bench:
    """All its calls have two rows or more."""
    backend = FakeBackend(predict=predict)
    never = Speculation(SpeculationMode.NEVER, backend.rows, is_second_row_free=True)
    return Bench(backend, speculation=never)


def test_an_answer_is_not_continued_in_a_sequence_that_was_used_since() -> None:
    bench = Bench(FakeBackend(predict=spelling(b"hello"), n_sequences=1))
    bench.complete("x" * 100)
    bench.complete("x" * 100 + "hel", max_tokens=1)
    usage = bench.complete("x" * 100).usage
    assert usage.n_evaluated_tokens == 0
    assert usage.n_known_tokens == 0


ONE, TWO = RowPolicy(maximum=64), RowPolicy(maximum=64, minimum=2)


def row(value: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.full(4, value, np.float32)


def test_rows_are_copies_and_the_oldest_make_room() -> None:
    known = KnownRows(4)
    first = row(0.0)
    known.note_prompt([0], ONE, first)
    first[:] = 9.0
    found = known.find([0], ONE)
    assert found is not None
    assert found.rows[0][0] == 0.0
    for n in range(1, MAX_PROMPTS + 1):
        known.note_prompt([n], ONE, row(n))
        known.find([0], ONE)
    assert known.find([0], ONE) is not None
    assert known.find([1], ONE) is None
    assert known.n_bytes == MAX_PROMPTS * 4 * 4


def test_rows_of_other_calls_are_not_the_same() -> None:
    known = KnownRows(4)
    known.note_prompt([1, 2], ONE, row(1.0))
    assert known.find([1, 2], TWO) is None


def test_of_an_answer_only_so_much_is_kept_and_only_by_its_owner() -> None:
    known = KnownRows(4)
    known.note_prompt([1], ONE, row(1.0))
    known.begin(7, 0, [1], ONE)
    for token in range(2 * MAX_ANSWER_ROWS):
        known.note(7, token, row(token))
        known.note(8, token, row(-1.0))
    found = known.find([1], ONE)
    assert found is not None
    assert found.tokens == tuple(range(MAX_ANSWER_ROWS))
    assert [float(r[0]) for r in found.rows] == [1.0, *range(MAX_ANSWER_ROWS)]
    known.take_over(8, 2)
    known.note(8, 5, row(5.0))
    found = known.find([1], ONE)
    assert found is not None
    assert found.tokens == (0, 1, 5)
    known.forget(0)
    found = known.find([1], ONE)
    assert found is not None
    assert found.begun is None


def test_without_the_cache_nothing_is_kept() -> None:
    known = KnownRows(4, is_enabled=False)
    known.note_prompt([1], ONE, row(1.0))
    assert known.find([1], ONE) is None


def cancelled_while_reading(bench: Bench, hint: str = "file") -> Job:
    """A request whose prompt has four chunks, cancelled in the second."""
    told = bench.submit("x" * 60, hint=hint)
    bench.runner.step()
    bench.backend.during_evaluation = lambda _: bench.runner.cancel(told.job, finish_prompt=True)
    bench.runner.step()
    bench.backend.during_evaluation = lambda _: None
    return told.job


def test_a_prompt_is_read_to_its_end_after_a_cancel() -> None:
    bench = Bench()
    job = cancelled_while_reading(bench)
    assert bench.backend.n_evaluated == 32, "the call that ran was let through"
    bench.run()
    assert job.is_over
    assert bench.backend.n_evaluated == 60
    assert bench.complete("x" * 60).usage.n_evaluated_tokens == 0


def test_the_next_request_goes_on_where_the_reading_was() -> None:
    bench = Bench()
    cancelled_while_reading(bench)
    bench.runner.step()
    following = bench.submit("x" * 60 + "y", hint="file")
    bench.run()
    assert following.result.usage.n_reused_tokens == 48
    assert not bench.runner.has_work


def test_a_request_for_another_place_ends_the_reading() -> None:
    bench = Bench()
    cancelled_while_reading(bench)
    other = bench.submit("z", hint="other file", max_tokens=1)
    bench.run()
    assert other.result.finish_reason is FinishReason.LENGTH
    assert bench.backend.n_evaluated == 32 + 1


def test_the_reading_stays_ended_if_that_request_fails_at_once() -> None:
    bench = Bench(FakeBackend(n_sequences=2))
    told = bench.submit("x" * 60, hint="file")
    bench.runner.step()
    bench.runner.cancel(told.job, finish_prompt=True)
    bench.submit("", hint="file")
    bench.run()
    assert bench.backend.n_evaluated == 16
    chat = bench.complete("c" * 20, priority=Priority.CHAT, max_tokens=2)
    assert chat.usage.n_decoded_tokens, "both sequences can be had"


def test_only_the_prompt_that_was_cancelled_last_is_read() -> None:
    bench = Bench()
    ahead = bench.submit("x" * 60, hint="x", priority=Priority.WARMUP)
    bench.runner.step()
    typed = bench.submit("y" * 60, hint="y")
    bench.runner.step()
    for told in (ahead, typed):
        bench.runner.cancel(told.job, finish_prompt=True)
    bench.run()
    assert bench.complete("y" * 60, hint="y").usage.n_evaluated_tokens == 0
    assert bench.complete("x" * 60, hint="x").usage.n_reused_tokens < 60


def test_a_key_does_not_interrupt_what_is_read_for_the_same_place() -> None:
    bench = Bench()
    cancelled_while_reading(bench)
    bench.backend.during_evaluation = lambda _: bench.submit("x" * 60, hint="file") and None
    bench.runner.step()
    assert bench.backend.n_evaluated == 48


@pytest.mark.parametrize("priority", [Priority.ACTION, Priority.CHAT])
def test_the_reading_waits_for_what_was_asked_for(priority: Priority) -> None:
    bench = Bench()
    cancelled_while_reading(bench)
    asked = bench.submit("c" * 40, priority=priority, max_tokens=1)
    while not asked.is_over:
        bench.runner.step()
    assert bench.backend.n_evaluated == 32 + 40
    bench.run()
    assert bench.backend.n_evaluated == 60 + 40


@pytest.mark.parametrize("priority", [Priority.ACTION, Priority.CHAT])
def test_what_is_read_gives_up_its_sequence_for_what_was_asked_for(priority: Priority) -> None:
    """One of two sequences is always left for who types."""
    bench = Bench(FakeBackend(n_sequences=2))
    ahead = bench.submit("x" * 60, priority=Priority.WARMUP, max_tokens=0)
    bench.runner.step()
    n_read = bench.backend.n_evaluated
    asked = bench.submit("c" * 40, priority=priority, max_tokens=1)
    while not asked.is_over:
        bench.runner.step()
    assert ahead.result.finish_reason is FinishReason.CANCELLED
    assert bench.backend.n_evaluated == n_read + 40
    again = bench.complete("x" * 60, max_tokens=0)
    assert again.usage.n_reused_tokens == n_read > 0


def test_what_is_read_goes_on_where_giving_it_up_would_free_too_little() -> None:
    bench = Bench(FakeBackend(n_sequences=2, predict=lambda _: ord("a")))
    ahead = bench.submit("x" * 60, priority=Priority.WARMUP, max_tokens=0)
    bench.runner.step()
    typed = bench.submit("y" * 20, hint="y", max_tokens=4)
    bench.runner.step()
    chat = bench.submit("c" * 40, priority=Priority.CHAT, max_tokens=1)
    while not typed.is_over:
        bench.runner.step()
    assert not chat.job.has_begun
    assert not ahead.is_over
    bench.run()
    assert chat.result.usage.n_decoded_tokens == 1


def test_nothing_is_read_for_a_request_that_had_not_begun_or_was_decoding() -> None:
    bench = Bench(FakeBackend(predict=lambda _: ord("a")))
    decoding = bench.submit("x" * 20)
    for _ in range(3):
        bench.runner.step()
    waiting = bench.submit("y" * 20)
    for told in (waiting, decoding):
        bench.runner.cancel(told.job, finish_prompt=True)
    n_evaluated = bench.backend.n_evaluated
    bench.run()
    assert bench.backend.n_evaluated == n_evaluated
