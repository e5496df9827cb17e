"""Several jobs' decode steps in one call, on a toy model: who shares, and that no text changes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.backends.base import RowPolicy, Span
from inference.batching import MAX_SLOWDOWN, MAX_SLOWDOWN_BY_LOWER
from inference.errors import BackendError
from inference.job import Event, Job
from inference.runner import Runner
from inference.speculation.policy import Speculation
from inference.types import (
    FinishReason,
    GenerationRequest,
    GenerationResult,
    Priority,
    SamplingParams,
    SpeculationMode,
    TextPrompt,
)
from tests.support.fake_backend import FakeBackend, hashed, make_prompts
from tests.support.fixed_costs import FixedCosts, straight
from tests.support.stepping import Told

INLINE, ACTION, CHAT = Priority.INLINE, Priority.ACTION, Priority.CHAT


class Sharing:
    """A runner whose jobs may share, and its toy backend."""

    def __init__(
        self,
        backend: FakeBackend | None = None,
        *,
        row_ms: float = 0.5,
        mode: SpeculationMode = SpeculationMode.NEVER,
        is_second_row_free: bool = True,
        edit_rows: RowPolicy | None = None,
        shares: bool = True,
    ) -> None:
        self.backend = backend or FakeBackend(predict=endless)
        speculation = Speculation(
            mode,
            self.backend.rows,
            is_second_row_free=is_second_row_free,
            edit_rows=edit_rows,
        )
        speculation.costs = FixedCosts(straight(row_ms))
        self.runner = Runner(
            self.backend,
            make_prompts(self.backend),
            speculation=speculation,
            share_decodes=shares,
        )

    def submit(
        self,
        prompt: str,
        priority: Priority,
        *,
        max_tokens: int = 20,
        old_text: str = "",
        temperature: float = 0.0,
        seed: int = 0,
    ) -> Told:
        request = GenerationRequest(
            prompt=TextPrompt(text=prompt),
            sampling=SamplingParams(max_tokens=max_tokens, temperature=temperature, seed=seed),
            priority=priority,
            old_text=old_text,
        )
        events: list[Event] = []
        job = Job(request, events.append)
        self.runner.submit(job)
        return Told(job, events)

    def step(self, n: int = 1) -> None:
        for _ in range(n):
            assert self.runner.step()

    def decode(self, *jobs: Told) -> None:
        """Steps until the jobs are past their prompts, with a token each at least."""
        for _ in range(1000):
            if all(told.job.has_begun and told.job.n_steps for told in jobs):
                return
            self.step()
        raise AssertionError("some job never decoded")

    def run(self) -> None:
        for _ in range(10_000):
            if not self.runner.step():
                return
        raise AssertionError("the runner never became idle")

    @property
    def together(self) -> tuple[int, ...]:
        """The sequences of the last call."""
        return tuple(span.sequence for span in self.backend.batches[-1])


def endless(tokens: list[int]) -> int:
    """A letter that depends on all tokens, and never the end."""
    token = hashed(tokens)
    return token if token < 256 else ord("e")


def alone(prompt: str, priority: Priority, max_tokens: int = 20) -> GenerationResult:
    bench = Sharing(shares=False)
    told = bench.submit(prompt, priority, max_tokens=max_tokens)
    bench.run()
    assert all(len(batch) == 1 for batch in bench.backend.batches)
    assert told.result.usage.n_shared_steps == 0
    return told.result


def test_a_suggestion_takes_a_chats_step_along() -> None:
    bench = Sharing()
    chat = bench.submit("c" * 40, CHAT, max_tokens=60)
    bench.decode(chat)
    inline = bench.submit("i" * 20, INLINE, max_tokens=10)
    bench.run()
    assert inline.result.text == alone("i" * 20, INLINE, 10).text
    assert chat.result.text == alone("c" * 40, CHAT, 60).text
    # The first token comes of the prompt's own call.
    assert inline.result.usage.n_shared_steps == 9
    assert chat.result.usage.n_shared_steps == 9
    assert chat.result.usage.n_steps == 60


def test_three_jobs_share_and_each_ends_when_it_ends() -> None:
    bench = Sharing()
    chat = bench.submit("c" * 40, CHAT, max_tokens=60)
    bench.decode(chat)
    action = bench.submit("a" * 40, ACTION, max_tokens=30)
    bench.decode(action)
    inline = bench.submit("i" * 20, INLINE, max_tokens=10)
    bench.decode(inline)
    bench.step()
    assert bench.together == (0, 1, 2)
    ends: list[Told] = []
    while bench.runner.step():
        ends += [told for told in (inline, action, chat) if told.is_over and told not in ends]
    assert ends == [inline, action, chat]
    assert action.result.text == alone("a" * 40, ACTION, 30).text
    assert chat.result.text == alone("c" * 40, CHAT, 60).text


def test_a_prompt_is_never_held_up() -> None:
    bench = Sharing()
    chat = bench.submit("c" * 40, CHAT, max_tokens=60)
    bench.decode(chat)
    n_before = len(bench.backend.batches)
    bench.submit("i" * 48, INLINE)
    bench.step(3)
    assert [[s.sequence for s in batch] for batch in bench.backend.batches[n_before:]] == [[1]] * 3


def test_two_chats_come_to_share() -> None:
    bench = Sharing()
    one = bench.submit("c" * 40, CHAT, max_tokens=40)
    bench.decode(one)
    other = bench.submit("d" * 40, CHAT, max_tokens=40)
    bench.run()
    for told, prompt in ((one, "c" * 40), (other, "d" * 40)):
        assert told.result.text == alone(prompt, CHAT, 40).text
        assert told.result.usage.n_shared_steps > 20


def test_while_the_second_chats_prompt_is_read_the_first_one_goes_on() -> None:
    bench = Sharing()
    one = bench.submit("c" * 40, CHAT, max_tokens=40)
    bench.decode(one)
    n_before = len(bench.backend.batches)
    bench.submit("d" * 64, CHAT)
    bench.step(8)
    sequences = [[s.sequence for s in batch] for batch in bench.backend.batches[n_before:]]
    assert sequences in (
        [*([[0], [1]] * 4)],
        [*([[1], [0]] * 3), [1], [0, 1]],
    )


def test_where_rows_are_what_costs_nobody_shares() -> None:
    bench = Sharing(row_ms=20.0)
    chat = bench.submit("c" * 40, CHAT, max_tokens=40)
    bench.decode(chat)
    inline = bench.submit("i" * 20, INLINE)
    second = bench.submit("d" * 40, CHAT)
    bench.decode(inline)
    assert not second.job.has_begun, "first come, first served, where nothing is gained"
    bench.run()
    assert all(len(batch) == 1 for batch in bench.backend.batches)


def test_no_more_are_brought_along_than_share() -> None:
    bench = Sharing(FakeBackend(n_sequences=8, predict=endless), row_ms=2.0)
    told = [bench.submit(letter * 20, CHAT, max_tokens=50) for letter in "abc"]
    while not told[0].is_over:
        bench.step()
    assert told[1].job.n_shared_steps == told[0].result.usage.n_shared_steps > 40
    assert not told[2].job.has_begun


def test_the_first_job_is_slowed_by_no_more_than_the_bound() -> None:
    # 10 + 0.6 ms a row: two rows are 11.2 ms, four 12.4, six 13.6, eight 14.8.
    assert 13.6 < MAX_SLOWDOWN_BY_LOWER * 11.2 < 14.8 < MAX_SLOWDOWN * 11.2
    bench = Sharing(FakeBackend(n_sequences=8, predict=endless), row_ms=0.6)
    for letter, priority in zip("cde", (CHAT, ACTION, ACTION), strict=True):
        bench.decode(bench.submit(letter * 20, priority, max_tokens=200))
    bench.step(4)
    assert len(bench.together) == 3
    inline = bench.submit("i" * 20, INLINE)
    bench.decode(inline)
    bench.step()
    assert len(bench.together) == 3
    assert inline.job.sequence in bench.together
    bench.runner.cancel(inline.job)
    equals = [bench.submit(letter * 20, ACTION, max_tokens=200) for letter in "fg"]
    bench.decode(*equals)
    bench.step(2)
    assert len(bench.together) == 4


def test_what_decodes_one_row_alone_never_shares() -> None:
    bench = Sharing(is_second_row_free=False)
    chat = bench.submit("c" * 40, CHAT)
    bench.decode(chat)
    bench.submit("i" * 20, INLINE)
    bench.run()
    assert all(len(batch) == 1 for batch in bench.backend.batches)
    answers = [span for span in bench.backend.calls if span.n_logits and span.position >= 40]
    assert {len(span.tokens) for span in answers} == {1}


def test_rows_that_agree_only_nearly_never_share() -> None:
    """A request in twos, of a model whose matrices need eight."""
    bench = Sharing(edit_rows=RowPolicy(maximum=16, minimum=8, multiple=4))
    chat = bench.submit("c" * 40, CHAT, max_tokens=40)
    bench.decode(chat)
    bench.submit("i" * 20, INLINE)
    bench.run()
    assert all(len(batch) == 1 for batch in bench.backend.batches)


def letter_of_all(tokens: list[int]) -> int:
    """One of two that depends on all tokens, so that wrong guesses are often right."""
    return b"ab"[hashed(tokens) % 2]


@pytest.mark.parametrize("n_cancelled_after", range(1, 6))
def test_what_is_known_is_gone_through_before_another_prompt_is_read(
    n_cancelled_after: int,
) -> None:
    """The second request has the same prompt, and its answer is noted in place of the first's."""
    expected = Sharing(FakeBackend(predict=letter_of_all), shares=False)
    plain = expected.submit("x" * 100, INLINE, max_tokens=12)
    expected.run()
    bench = Sharing(FakeBackend(predict=letter_of_all))
    stopped = bench.submit("x" * 100, INLINE, max_tokens=12)
    bench.decode(stopped)
    bench.step(5)
    bench.runner.cancel(stopped.job)
    both = [bench.submit("x" * 100, INLINE, max_tokens=12) for _ in range(2)]
    bench.step(n_cancelled_after)
    assert both[0].job.n_known == 5
    for told in both:
        bench.runner.cancel(told.job)
    for _ in range(3):
        again = bench.submit("x" * 100, INLINE, max_tokens=12)
        bench.run()
        assert again.result.text == plain.result.text


def test_edits_share_in_the_rows_that_they_need() -> None:
    backend = FakeBackend(predict=endless)
    bench = Sharing(backend, edit_rows=RowPolicy(maximum=16, minimum=8, multiple=4), row_ms=0.1)
    one = bench.submit("c" * 40, ACTION, old_text="abc", max_tokens=40)
    other = bench.submit("d" * 40, ACTION, old_text="abc", max_tokens=40)
    bench.run()
    shared = [batch for batch in backend.batches if len(batch) > 1]
    assert {len(span.tokens) for batch in shared for span in batch} == {8}
    assert one.result.usage.n_shared_steps == other.result.usage.n_shared_steps > 20


def test_recurrent_layers_never_share() -> None:
    backend = FakeBackend(predict=endless, can_truncate=False, n_rollback=7)
    bench = Sharing(backend)
    chat = bench.submit("c" * 40, CHAT, max_tokens=40)
    bench.decode(chat)
    bench.submit("i" * 20, INLINE)
    bench.run()
    assert all(len(batch) == 1 for batch in backend.batches)


def test_each_pays_its_share() -> None:
    bench = Sharing()
    chat = bench.submit("c" * 40, CHAT, max_tokens=400)
    bench.decode(chat)
    inline = bench.submit("i" * 20, INLINE, max_tokens=200)
    bench.decode(inline)
    before = len(bench.backend.batches)
    while not inline.is_over:
        bench.step()
    # The chat never waits long enough to earn a turn before the suggestion is through.
    assert all(len(batch) == 2 for batch in bench.backend.batches[before:])


def with_one_between(n_ctx: int = 512) -> tuple[Sharing, Told, Told]:
    """A suggestion and a chat with a sequence between theirs that holds 60 tokens."""
    bench = Sharing(FakeBackend(predict=endless, n_ctx=n_ctx))
    chat = bench.submit("c" * 20, CHAT, max_tokens=30)
    bench.decode(chat)
    between = bench.submit("a" * 60, ACTION)
    bench.decode(between)
    inline = bench.submit("i" * 20, INLINE, max_tokens=20)
    bench.decode(inline)
    bench.runner.cancel(between.job)
    assert (chat.job.sequence, between.job.sequence, inline.job.sequence) == (0, 1, 2)
    return bench, chat, inline


def test_what_lies_between_gets_rows_that_are_dropped_again() -> None:
    bench, chat, inline = with_one_between()
    held = bench.backend.sequences[1][:]
    bench.step()
    assert bench.together == (0, 1, 2)
    assert [span.n_logits for span in bench.backend.batches[-1]] == [2, 0, 2]
    assert bench.backend.sequences[1] == held
    bench.run()
    assert chat.result.text == alone("c" * 20, CHAT, 30).text
    assert inline.result.text == alone("i" * 20, INLINE, 20).text
    again = bench.submit("a" * 60, ACTION)
    bench.run()
    assert again.result.usage.n_reused_tokens > 50
    assert again.result.text == alone("a" * 60, ACTION).text


def test_what_lies_between_and_is_full_keeps_them_apart() -> None:
    bench, _, _ = with_one_between(n_ctx=61)
    assert len(bench.backend.sequences[1]) >= 60
    bench.step()
    assert bench.together == (2,)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_cancel_ends_one_of_them_and_lets_the_call_through(*, is_first: bool) -> None:
    bench = Sharing()
    chat = bench.submit("c" * 40, CHAT, max_tokens=60)
    bench.decode(chat)
    inline = bench.submit("i" * 20, INLINE, max_tokens=30)
    bench.decode(inline)
    bench.step(2)
    stopped, other = (inline, chat) if is_first else (chat, inline)
    n_tokens = stopped.job.n_steps
    bench.backend.during_evaluation = lambda _span: bench.runner.cancel(stopped.job)
    bench.step()
    bench.backend.during_evaluation = lambda _span: None
    assert bench.together == (0, 1), "it was not given up"
    bench.run()
    assert stopped.result.finish_reason is FinishReason.CANCELLED
    assert len(stopped.result.token_ids) == n_tokens
    prompt, n = ("c" * 40, 60) if other is chat else ("i" * 20, 30)
    assert other.result.text == alone(prompt, other.job.priority, n).text


def test_a_call_that_all_have_cancelled_is_given_up() -> None:
    bench = Sharing()
    chat = bench.submit("c" * 40, CHAT, max_tokens=60)
    bench.decode(chat)
    inline = bench.submit("i" * 20, INLINE, max_tokens=30)
    bench.decode(inline)
    bench.step()
    n_before = len(bench.backend.batches)

    def stop_all(_span: Span) -> None:
        bench.runner.cancel(inline.job)
        bench.runner.cancel(chat.job)

    bench.backend.during_evaluation = stop_all
    bench.run()
    assert len(bench.backend.batches) == n_before
    assert chat.result.finish_reason is inline.result.finish_reason is FinishReason.CANCELLED


def test_an_interrupted_call_changes_nothing() -> None:
    bench = Sharing()
    chat = bench.submit("c" * 40, CHAT, max_tokens=60)
    bench.decode(chat)
    inline = bench.submit("i" * 20, INLINE, max_tokens=30)
    bench.decode(inline)
    chance = random.Random(1)

    def interrupt(_span: Span) -> None:
        if chance.random() < 0.3:
            bench.runner.interrupt()

    bench.backend.during_evaluation = interrupt
    bench.run()
    assert inline.result.text == alone("i" * 20, INLINE, 30).text
    assert chat.result.text == alone("c" * 40, CHAT, 60).text
    assert chat.result.usage.n_steps == 60


def test_a_failure_reaches_all_of_them() -> None:
    bench = Sharing()
    chat = bench.submit("c" * 40, CHAT, max_tokens=60)
    bench.decode(chat)
    inline = bench.submit("i" * 20, INLINE, max_tokens=30)
    bench.decode(inline)

    def fail(_span: Span) -> None:
        raise BackendError("no memory")

    bench.backend.during_evaluation = fail
    with pytest.raises(BackendError, match="no memory"):
        bench.step()
    bench.runner.fail_all(BackendError("no memory"))
    assert all(isinstance(told.events[-1], BackendError) for told in (chat, inline))


def looping(tokens: list[int]) -> int:
    """Repeats itself, with changes now and then: something to be drafted."""
    text = b"for item in items:\n    total += item.price\n"
    n = len(tokens)
    return hashed(tokens) if n % 17 == 0 else text[n % len(text)]


def outcome(told: Told) -> tuple[object, ...]:
    result = told.result
    return result.text, result.token_ids, result.logprobs, result.finish_reason


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    mode=st.sampled_from([SpeculationMode.ALWAYS, SpeculationMode.NEVER]),
    rows=st.sampled_from([RowPolicy(16, 2), RowPolicy(16, 8, 4), RowPolicy(16, 4, 4)]),
)
def test_any_mix_gives_the_text_that_each_gives_alone(
    seed: int, mode: SpeculationMode, rows: RowPolicy
) -> None:
    chance = random.Random(seed)
    predict = chance.choice([hashed, looping, endless])
    backend = FakeBackend(predict=predict, rows=rows, n_sequences=chance.randint(2, 6))
    bench = Sharing(backend, mode=mode, row_ms=chance.choice([0.01, 0.3, 1.0]))
    submitted: list[tuple[Told, dict[str, object], str, Priority]] = []
    cancelled: list[Told] = []
    for _ in range(60):
        if chance.random() < 0.15:
            prompt = "".join(chance.choices("abc \n", k=chance.randint(1, 60)))
            priority = chance.choice([INLINE, ACTION, CHAT, CHAT])
            options: dict[str, object] = {
                "max_tokens": chance.randint(0, 40),
                "old_text": chance.choice(["", "for item in items:\n    total += item.cost\n"]),
                "temperature": chance.choice([0.0, 0.0, 1.5]),
                "seed": chance.randrange(100),
            }
            told = bench.submit(prompt, priority, **options)  # pyright: ignore[reportArgumentType]
            submitted.append((told, options, prompt, priority))
        if chance.random() < 0.03 and submitted:
            told = chance.choice(submitted)[0]
            bench.runner.cancel(told.job)
            cancelled.append(told)
        bench.runner.step()
    bench.run()
    for told, options, prompt, priority in submitted:
        if told in cancelled:
            continue
        reference = Sharing(
            FakeBackend(predict=predict, rows=rows), mode=SpeculationMode.NEVER, shares=False
        )
        same = reference.submit(prompt, priority, **options)  # pyright: ignore[reportArgumentType]
        reference.run()
        assert outcome(told) == outcome(same)
