"""Drafters, the cost model and the choice between them, without a model."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends.base import RowPolicy
from inference.cache_model import MAX_ORDER, NgramIndex
from inference.speculation.acceptance import Acceptance, Source
from inference.speculation.aligned_text import AlignedText
from inference.speculation.draft import Draft, Drafter
from inference.speculation.habits import Habits, Successors
from inference.speculation.lookup import Lookup
from inference.speculation.speculator import Speculator
from inference.speculation.symbols import Symbols
from inference.speculation.verify_cost import MAX_ROWS, VerifyCost

ROWS = RowPolicy(maximum=64, minimum=2)
SINGLE = RowPolicy(maximum=64)


def followed(text: str, answer: str, n: int = 8) -> list[str]:
    """What is drafted from `text` after each character of `answer`, the first draft included."""
    aligned = AlignedText("old-text", list(text.encode()), 0)
    context: list[int] = []
    drafts: list[str] = []
    for byte in [*answer.encode(), None]:
        draft = aligned.draft(context, n)
        drafts.append(bytes(draft.tokens).decode() if draft else "")
        if byte is not None:
            context.append(byte)
    return drafts


def test_an_answer_that_repeats_the_text_is_drafted_whole() -> None:
    assert followed("abcdef", "abc", n=3) == ["abc", "bcd", "cde", "def"]
    assert followed("ab", "abcd")[2:] == ["", "", ""], "the text is at its end"


@pytest.mark.parametrize(
    ("old", "new", "rest"),
    [
        ("f(alpha, beta)", "f(gamma, b", "eta)"),
        ("one two three four", "one four", ""),
        ("one two three four", "one three", " four"),
        ("total = a + b\nreturn total", "total = a - b\nret", "urn tota"),
        ("return x", "if y:\n    return", " x"),
    ],
    ids=["replaced", "deleted to the end", "deleted", "one character", "inserted before"],
)
def test_the_pointer_is_found_again_after_a_change(old: str, new: str, rest: str) -> None:
    assert followed(old, new)[-1] == rest


def test_the_place_nearest_to_where_the_texts_parted_wins() -> None:
    old = "a.x = 1\nb.x = 2\nc.x = 3\n"
    assert followed(old, "a.x = 1\nb.y = 2\nc.", n=5)[-1] == "x = 3"


def test_long_matches_are_trusted_more() -> None:
    aligned = AlignedText("old-text", list(b"abcdefgh"), 0)
    context: list[int] = []
    draft = aligned.draft(context, 4)
    assert draft is not None
    beginning = list(draft.buckets)
    context += b"Xb"
    draft = aligned.draft(context, 4)
    assert draft is not None
    assert bytes(draft.tokens) == b"cdef"
    later = list(draft.buckets)
    assert later == sorted(set(later)), "surer with each token"
    assert later[-1] < min(beginning), "the two begin together"


def test_very_long_matches_are_trusted_still_more() -> None:
    draft = AlignedText("old-text", list(range(100)), 0).draft([], 60)
    assert draft is not None
    first = draft.buckets[0]
    assert draft.buckets == [first] * 12 + [first + 1] * 24 + [first + 2] * 24


def test_places_ahead_are_trusted_more_than_places_behind() -> None:
    def bucket(answer: bytes) -> int:
        draft = AlignedText("old-text", list(b"abcdefghijkl"), 0).draft(list(answer), 1)
        assert draft is not None
        return draft.buckets[0]

    near, far, behind = bucket(b"abcdXf"), bucket(b"abcdXj"), bucket(b"abcdXb")
    assert near > far > behind


@given(st.lists(st.integers(0, 3), max_size=30), st.lists(st.integers(0, 3), max_size=30))
def test_drafts_from_any_text_are_pieces_of_it(text: list[int], answer: list[int]) -> None:
    aligned = AlignedText("old-text", text, 0)
    context: list[int] = []
    for token in answer:
        draft = aligned.draft(context, 4)
        if draft is not None:
            n = len(draft.tokens)
            assert 0 < n <= 4
            assert len(draft.buckets) == n
            assert any(list(draft.tokens) == text[i : i + n] for i in range(len(text)))
        context.append(token)


def test_lookup_takes_the_longest_match_of_all_texts() -> None:
    index = NgramIndex([[1, 2, 3, 4, 5], [9, 3, 7, 7]])
    context = [2, 3]
    draft = Lookup([index], 2).draft(context, 3)
    assert draft is not None
    assert list(draft.tokens) == [4, 5]


@given(st.lists(st.integers(0, 2), max_size=60), st.lists(st.integers(0, 2), max_size=30))
def test_the_longest_match_is_found(text: list[int], context: list[int]) -> None:
    def is_there(n: int) -> bool:
        tail = context[len(context) - n :]
        return any(text[i : i + n] == tail for i in range(len(text) - n))

    longest = max((n for n in range(min(len(context), MAX_ORDER) + 1) if is_there(n)), default=0)
    match = NgramIndex([text]).longest_match(context)
    assert (match.order if match else 0) == longest


def test_lookup_finds_what_the_answer_itself_said() -> None:
    lookup = Lookup([NgramIndex()], 0)
    context: list[int] = []
    drafts: list[list[int]] = []
    for token in [5, 6, 7, 8, 9, 5, 6, 7]:
        lookup.draft(context, 2)
        context.append(token)
    draft = lookup.draft(context, 2)
    assert draft is not None
    drafts.append(list(draft.tokens))
    assert drafts == [[8, 9]]
    context += [8, 1]
    assert lookup.draft(context, 2) is None


@given(
    st.lists(st.integers(0, 3), max_size=30),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3)), max_size=40),
)
def test_no_draft_is_empty_however_often_it_is_asked_for(
    text: list[int], answer: list[tuple[int, int]]
) -> None:
    """As after a call that was interrupted."""
    drafters: list[Drafter] = [
        AlignedText("old-text", text, 0),
        Lookup([NgramIndex([text])], 0),
        Habits(Successors(), 0),
    ]
    context: list[int] = []
    for token, n_times in answer:
        for drafter in drafters * n_times:
            draft = drafter.draft(context, 4)
            assert draft is None or len(draft.tokens) == len(draft.buckets) > 0
        context.append(token)


def test_costs_are_kept_consistent() -> None:
    costs = VerifyCost()
    measured = {1: 10.0, 2: 18.0, 3: 40.0, 4: 19.0, 8: 90.0, 16: 70.0, 32: 110.0}
    for n_rows, ms in measured.items():
        costs.calibrate(n_rows, ms)
    assert costs.ms(3) == 19.0, "four rows cost less"
    assert costs.ms(8) == 38.0, "twice four rows cost less"
    assert costs.ms(16) == 70.0
    assert costs.ms(40) == pytest.approx(110.0 + 8 * (110.0 - 70.0) / 16)
    for n_rows in range(1, MAX_ROWS + 20):
        assert costs.ms(n_rows) <= costs.ms(n_rows + 1)


def test_costs_follow_a_machine_that_slows_down() -> None:
    costs = VerifyCost()
    for n_rows, ms in {1: 10.0, 4: 12.0, 16: 30.0}.items():
        costs.calibrate(n_rows, ms)
    for _ in range(40):
        costs.record(1, 20.0)
    assert costs.ms(1) == pytest.approx(20.0, rel=0.05)
    assert costs.ms(16) > 40.0, "all calls alike"
    costs.record(1, 1e6)
    assert costs.ms(1) < 30.0, "one late call says little"


@given(st.dictionaries(st.integers(1, 40), st.floats(0.01, 1e4), max_size=12))
def test_any_measurements_give_a_rising_curve(measured: dict[int, float]) -> None:
    costs = VerifyCost()
    for n_rows, ms in measured.items():
        costs.calibrate(n_rows, ms)
    curve = [costs.ms(n) for n in range(1, 60)]
    assert all(0 < a <= b * (1 + 1e-9) for a, b in pairwise(curve))


class Says:
    """Always drafts the same."""

    def __init__(self, tokens: list[int], bucket: int = 0, name: str = "says") -> None:
        self.name = name
        self._tokens = tokens
        self._bucket = bucket

    def draft(self, context: Sequence[int], n: int) -> Draft | None:
        tokens = self._tokens[:n]
        return Draft(tokens, [self._bucket] * len(tokens)) if tokens else None


def costs_of(curve: dict[int, float]) -> VerifyCost:
    costs = VerifyCost()
    for n_rows, ms in curve.items():
        costs.calibrate(n_rows, ms)
    return costs


def experienced(share: float, name: str = "says") -> Acceptance:
    acceptance = Acceptance()
    for is_seconded in (False, True):
        acceptance.count(Source(name, is_seconded), 0, round(100 * share), 100)
    return acceptance


STEEP = {1: 10.0, 2: 19.0, 4: 37.0, 8: 73.0, 16: 145.0}
FLAT = {1: 10.0, 2: 10.0, 4: 10.5, 8: 12.0, 16: 15.0}
TILED = {1: 10.0, 2: 18.0, 3: 19.0, 4: 19.5, 5: 36.0, 8: 38.0, 9: 56.0, 16: 76.0}


@pytest.mark.parametrize(
    ("curve", "share", "length"),
    [(STEEP, 0.9, 0), (FLAT, 0.99, 15), (FLAT, 0.05, 1), (TILED, 0.95, 3), (TILED, 0.3, 0)],
)
def test_the_length_is_what_the_costs_and_the_experience_say(
    curve: dict[int, float], share: float, length: int
) -> None:
    speculator = Speculator([Says([7] * 15)], experienced(share), costs_of(curve))
    drafts = speculator.propose([], n_new=1, n_max=15, rows=SINGLE)
    assert len(drafts) == length


def test_rows_that_are_evaluated_anyway_are_filled() -> None:
    speculator = Speculator([Says([7] * 15)], experienced(0.01), costs_of(STEEP))
    assert len(speculator.propose([], n_new=1, n_max=15, rows=ROWS)) == 1
    eight = RowPolicy(maximum=64, minimum=8, multiple=4)
    assert len(speculator.propose([], n_new=1, n_max=15, rows=eight)) == 7
    assert len(speculator.propose([], n_new=2, n_max=15, rows=ROWS)) == 0
    assert len(speculator.propose([], n_new=1, n_max=0, rows=ROWS)) == 0


def test_the_drafter_that_gains_most_is_taken() -> None:
    acceptance = experienced(0.3, "poor")
    acceptance.count(Source("good"), 0, 90, 100)
    drafters = [Says([1] * 15, name="poor"), Says([2] * 15, name="good")]
    speculator = Speculator(drafters, acceptance, costs_of(FLAT))
    assert set(speculator.propose([], n_new=1, n_max=15, rows=ROWS)) == {2}
    speculator.settle(4)
    assert set(speculator.counts) == {"good"}
    assert speculator.counts["good"].n_accepted == 4


class Unasked(Says):
    """Is not to be asked."""

    def draft(self, context: Sequence[int], n: int) -> Draft | None:
        raise AssertionError("another is sure")


def test_where_one_is_sure_no_other_is_asked() -> None:
    drafters = [Says([7] * 15), Unasked([8])]
    speculator = Speculator(drafters, experienced(0.99), costs_of(FLAT))
    assert set(speculator.propose([], n_new=1, n_max=15, rows=ROWS)) == {7}


def test_two_that_say_the_same_are_trusted_for_it() -> None:
    acceptance = Acceptance()
    acceptance.count(Source("says"), 0, 5, 100)
    acceptance.count(Source("says", is_seconded=True), 0, 85, 100)
    for first_of_other, length in [(8, 0), (7, 3)]:
        drafters = [Says([7] * 3), Says([first_of_other], bucket=1, name="other")]
        acceptance.count(Source("other", first_of_other == 7), 1, 0, 100)
        speculator = Speculator(drafters, acceptance, costs_of(TILED))
        assert len(speculator.propose([], n_new=1, n_max=15, rows=SINGLE)) == length


def test_what_is_not_checked_is_learnt_from_all_the_same() -> None:
    acceptance = experienced(0.05)
    speculator = Speculator([Says([7])], acceptance, costs_of(STEEP))
    context: list[int] = []
    before = acceptance.shares(Source("says"))[0]
    for _ in range(300):
        assert not speculator.propose(context, n_new=1, n_max=15, rows=SINGLE)
        context.append(7)
    assert before < 0.1
    assert acceptance.shares(Source("says"))[0] > 0.8


def test_a_long_experience_fades() -> None:
    acceptance = Acceptance()
    for _ in range(10_000):
        acceptance.count(Source("says"), 3, 1, 1)
    for _ in range(400):
        acceptance.count(Source("says"), 3, 0, 1)
    assert acceptance.shares(Source("says"))[3] < 0.2


def test_an_edited_text_is_drafted_with_few_calls() -> None:
    """The oracle of an edit: every token that is drafted rightly saves a call."""
    chance = random.Random(1)
    words = [chance.randrange(500) for _ in range(200)]
    new = [*words[:40], 1001, 1002, *words[60:120], 1003, *words[121:]]
    speculator = Speculator([AlignedText("old-text", words, 0)], Acceptance(), costs_of(FLAT))
    context: list[int] = []
    n_calls = 0
    while len(context) < len(new):
        n_max = min(15, len(new) - len(context) - 1)
        drafts = speculator.propose(context, n_new=1, n_max=n_max, rows=ROWS)
        n_calls += 1
        n_right = 0
        while n_right < len(drafts) and drafts[n_right] == new[len(context) + n_right]:
            n_right += 1
        speculator.settle(n_right)
        context += new[len(context) : len(context) + n_right + 1]
    assert n_calls < len(new) / 4


SOURCE = """
import os
from pathlib import Path
from app.models import Invoice

class Cart:
    def total(self):
        return self.price * self.count + self.price
    def show(self, other):
        other.render(self.count)
"""


def named(written: str) -> tuple[str, list[int]]:
    symbols = Symbols(
        lambda: SOURCE, piece=lambda b: bytes([b]), tokenize=lambda t: list(t.encode())
    )
    draft = symbols.draft(list(written.encode()), 8)
    return (bytes(draft.tokens).decode(), list(draft.buckets)) if draft else ("", [])


@pytest.mark.parametrize(
    ("written", "rest"),
    [
        ("x = self.", "price"),
        ("x = self.c", "ount"),
        ("(other.", "render"),
        ("unknown.", ""),
        ("self.price.", ""),
        ("x = sel", ""),
        ("\nfrom app.models import I", "nvoice"),
        ("\nimport o", "s"),
        ("important o", ""),
        ("x = self.p\n", ""),
        ("\nimport o\n", ""),
        ("\nfrom app.models import I\n\nclass Cart:\n    x = 1", ""),
    ],
)
def test_names_are_drafted_after_dots_and_imports(written: str, rest: str) -> None:
    assert named(written)[0] == rest


def test_a_name_that_alone_fits_is_trusted_more() -> None:
    assert named("x = self.c")[1][0] > named("x = self.")[1][0]
