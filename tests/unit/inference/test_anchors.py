"""Where anchored prompts put their middle token while somebody writes."""

from __future__ import annotations

import random

import pytest

from inference.job import Event, Job
from inference.prompts.anchors import (
    MAX_CHARS,
    MAX_HINTS,
    MOVE_AFTER_TOKENS,
    NEXT_AFTER_TOKENS,
    Anchor,
    Anchors,
)
from inference.prompts.build import PromptBuilder
from inference.runner import Runner
from inference.types import FimPrompt, GenerationRequest, SamplingParams
from tests.support.fake_backend import FakeBackend, PromptOrder, make_prompts

ABOVE = "import os\n\n\ndef f(x):\n"
BELOW = "\n\n\ndef g(y):\n    return y\n"


def anchors() -> Anchors:
    """A token is a character."""
    return Anchors(len)


def test_the_anchor_stays_while_lines_are_written() -> None:
    found = anchors()
    for written in ("", "    a", "    a = 1", "    a = 1\n", "    a = 1\n    b", "    a"):
        assert found.place("doc", ABOVE + written, BELOW).anchor == Anchor(ABOVE, BELOW)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import sys\n\n\ndef f(x):\n    a", BELOW),
        (ABOVE + "    a", BELOW + "# more"),
        (ABOVE + "    a", " + 1" + BELOW),
        (ABOVE[:-5], BELOW),
    ],
    ids=["changed above", "changed below", "changed right of the cursor", "went up"],
)
def test_it_moves_to_the_line_when_the_text_around_is_another(before: str, after: str) -> None:
    found = anchors()
    found.place("doc", ABOVE + "    ", BELOW)
    placed = found.place("doc", before, after)
    assert placed.anchor == Anchor(before[: before.rfind("\n") + 1], after)
    assert placed.coming is None


@pytest.mark.parametrize("seed", range(20))
def test_to_ask_twice_changes_nothing(seed: int) -> None:
    """As for a shorter prompt of the same place; also after a long text was put in."""
    chance = random.Random(seed)
    once, twice = anchors(), anchors()
    written = ""
    for _ in range(60):
        written += "x" * chance.choice([1, 5, 20, 100, 300]) + chance.choice(["", "\n", "\n"])
        expected = once.place("doc", ABOVE + written, BELOW).anchor
        for _ in range(2):
            assert twice.place("doc", ABOVE + written, BELOW).anchor == expected


@pytest.mark.parametrize("closed", [")", '")', "\n}", "\n    });", "'"])
def test_what_an_editor_closes_by_itself_does_not_move_it(closed: str) -> None:
    found = anchors()
    found.place("doc", ABOVE + "    a", BELOW)
    placed = found.place("doc", ABOVE + "    a = f(", closed + BELOW)
    assert placed.anchor == Anchor(ABOVE, BELOW)


def test_documents_and_strangers_have_their_own() -> None:
    found = anchors()
    found.place("one", ABOVE + "    a\n    b", BELOW)
    assert found.place("two", ABOVE + "    a\n    b\n", BELOW).anchor.above.endswith("b\n")
    assert found.place("one", ABOVE + "    a\n    b\n", BELOW).anchor.above.endswith("a\n")
    for _ in range(2):
        assert found.place("", ABOVE + "    a\n", BELOW).anchor.above.endswith("a\n")


@pytest.mark.parametrize(("n_chars", "n_kept"), [(1, MAX_HINTS), (MAX_CHARS // 8, 8)])
def test_documents_not_asked_for_lately_are_forgotten(n_chars: int, n_kept: int) -> None:
    found = anchors()
    above, below = "x" * (n_chars - 1) + "\n", ""
    n_documents = MAX_HINTS + 10
    for number in range(n_documents):
        found.place(f"doc {number}", above, below)
    for number in reversed(range(n_documents)):  # Asking for one that is kept makes it the newest.
        is_kept = found.place(f"doc {number}", above + "a\nb", below).anchor.above == above
        assert is_kept is (number >= n_documents - n_kept)


def test_the_next_anchor_is_chosen_early_and_taken_late() -> None:
    found = anchors()
    line = "    x = 1\n"
    coming: list[str] = []
    moves: list[str] = []
    text = ABOVE
    last = found.place("doc", text, BELOW).anchor
    for _ in range(60):
        text += line
        placed = found.place("doc", text, BELOW)
        if placed.coming is not None:
            coming.append(placed.coming.above)
        if placed.anchor != last:
            moves.append(placed.anchor.above)
            last = placed.anchor
    assert len(coming) > 1
    assert moves == coming[: len(moves)], "each is announced once, before it is taken"
    first = len(coming[0]) - len(ABOVE)
    assert NEXT_AFTER_TOKENS < first <= NEXT_AFTER_TOKENS + len(line)


def test_a_large_paste_moves_it_at_once() -> None:
    found = anchors()
    found.place("doc", ABOVE, BELOW)
    pasted = ABOVE + "    y = 2\n" * (MOVE_AFTER_TOKENS // 8)
    assert found.place("doc", pasted, BELOW).anchor.above == pasted


def ask(runner: Runner, prefix: str, suffix: str = BELOW) -> Job:
    request = GenerationRequest(
        prompt=FimPrompt(prefix=prefix, suffix=suffix),
        sampling=SamplingParams(max_tokens=2),
        sequence_hint="doc",
    )
    events: list[Event] = []
    job = Job(request, events.append)
    runner.submit(job)
    return job


def n_waited_for(runner: Runner, backend: FakeBackend, prefix: str) -> int:
    """Tokens of the prompt that the answer had to wait for."""
    job = ask(runner, prefix)
    n_before = backend.n_evaluated
    while not job.is_over:
        assert runner.step()
    return backend.n_evaluated - n_before


def builder(backend: FakeBackend) -> PromptBuilder:
    return make_prompts(backend, order=PromptOrder.PSM_ANCHORED)


def test_writing_never_waits_for_the_text_below() -> None:
    backend = FakeBackend(n_ctx=2048)
    runner = Runner(backend, builder(backend))
    prefix = "".join(f"line {n}\n" for n in range(20))
    waited = [n_waited_for(runner, backend, prefix)]
    for n in range(60):
        prefix += f"    value = {n}\n"
        while runner.step():  # There is time between two keystrokes.
            pass
        waited.append(n_waited_for(runner, backend, prefix))
    assert waited[0] > 150
    assert sorted(waited)[-6] <= 16, "a line and the tokens of the answer"
    assert max(waited[1:]) < 60, "where the anchor moves, what was written since it was chosen"


def test_what_is_evaluated_ahead_gives_way_and_goes_on() -> None:
    backend = FakeBackend(n_ctx=2048)
    runner = Runner(backend, builder(backend))
    prefix = "".join(f"line {n}\n" for n in range(20))
    n_waited_for(runner, backend, prefix)
    written = "    value = 1\n" * (NEXT_AFTER_TOKENS // 14 + 1)
    prefix += written
    assert n_waited_for(runner, backend, prefix) < len(written) + 8
    assert runner.has_work, "the next anchor's prompt"
    runner.step()
    prefix += "    v"
    assert n_waited_for(runner, backend, prefix) < 20
    while runner.step():
        pass
    assert not runner.has_work


def test_without_a_cache_nothing_is_evaluated_ahead() -> None:
    backend = FakeBackend(n_ctx=2048)
    runner = Runner(backend, builder(backend), use_prefix_cache=False)
    prefix = "x = 1\n" * 10
    n_waited_for(runner, backend, prefix)
    n_waited_for(runner, backend, prefix + "    value = 1\n" * (NEXT_AFTER_TOKENS // 14 + 1))
    assert not runner.has_work
