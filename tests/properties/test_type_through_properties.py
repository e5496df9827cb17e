"""Type-through against its plain definition: the text decides, nothing else."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from lsp.document import Snapshot
from lsp.type_through import CONTEXT_AFTER_CHARS, CONTEXT_BEFORE_CHARS, TypeThrough
from tests.support.cursor import typed
from tests.support.type_through import remainder

untimed = settings(deadline=None)

WORDS = st.sampled_from(
    ["a", "b", "ab", "foo(", ")", " ", "\n", "    ", "x = ", '"', "[1]", "é", "😀"]
)
TEXTS = st.lists(WORDS, max_size=8).map("".join)


def at(prefix: str, suffix: str) -> Snapshot:
    return Snapshot("file:///a.py", 1, "python", prefix + suffix, len(prefix))


def expected(suggested: list[tuple[Snapshot, str]], now: Snapshot) -> set[str]:
    """Everything that may be answered: the rest of any suggestion typed in between its context."""
    rests: set[str] = set()
    for snapshot, text in suggested:
        before = snapshot.prefix[-CONTEXT_BEFORE_CHARS:]
        after = snapshot.suffix[:CONTEXT_AFTER_CHARS]
        is_start = len(snapshot.prefix) <= CONTEXT_BEFORE_CHARS
        is_end = len(snapshot.suffix) <= CONTEXT_AFTER_CHARS
        for n_typed in range(len(text)):
            left = before + text[:n_typed]
            fits_left = now.prefix == left if is_start else now.prefix.endswith(left)
            fits_right = now.suffix == after if is_end else now.suffix.startswith(after)
            if fits_left and fits_right:
                rests.add(text[n_typed:])
    return rests


@untimed
@given(TEXTS, TEXTS, TEXTS, st.data())
def test_typing_any_part_leaves_the_rest(
    prefix: str, suffix: str, text: str, data: st.DataObject
) -> None:
    if not text:
        return
    memory = TypeThrough()
    snapshot = at(prefix, suffix)
    memory.store(snapshot, text)
    n_typed = data.draw(st.integers(0, len(text)))
    found = remainder(memory, typed(snapshot, text[:n_typed]))
    possible = expected([(snapshot, text)], typed(snapshot, text[:n_typed]))
    assert found in possible if possible else found is None
    if n_typed < len(text):
        assert found is not None


@untimed
@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=6), TEXTS, TEXTS)
def test_never_anything_but_the_rest(
    stored: list[tuple[str, str, str]], prefix: str, suffix: str
) -> None:
    memory = TypeThrough()
    suggested = [(at(before, after), text) for before, after, text in stored if text]
    for snapshot, text in suggested:
        memory.store(snapshot, text)
    now = at(prefix, suffix)
    found = remainder(memory, now)
    possible = expected(suggested, now)
    if found is not None and found not in possible:
        # An editor closed a bracket or quote: with the rest and that in place, it is what was
        # suggested, as far as it goes.
        assert any(
            (now.prefix + found).startswith(snapshot.prefix)
            and (snapshot.prefix + text).startswith(now.prefix + found)
            and now.suffix.endswith(snapshot.suffix)
            and set(now.suffix[: len(now.suffix) - len(snapshot.suffix)]) <= set(")]}\"' \n")
            for snapshot, text in suggested
        )
    if possible:
        assert found in possible


@untimed
@given(TEXTS, TEXTS, TEXTS, st.lists(st.integers(-3, 3), max_size=12))
def test_typing_and_deleting_within_the_suggestion(
    prefix: str, suffix: str, text: str, steps: list[int]
) -> None:
    if not text:
        return
    memory = TypeThrough()
    snapshot = at(prefix, suffix)
    memory.store(snapshot, text)
    n_typed = 0
    for step in steps:
        n_typed = min(len(text) - 1, max(0, n_typed + step))
        now = typed(snapshot, text[:n_typed])
        assert remainder(memory, now) in expected([(snapshot, text)], now)


@untimed
@given(st.text("ab\n", min_size=1, max_size=40), st.text("ab\n", max_size=3000), st.booleans())
def test_a_change_far_away_keeps_and_a_near_one_drops(text: str, filler: str, near: bool) -> None:
    prefix = "# top\n" + filler + "x" * CONTEXT_BEFORE_CHARS
    snapshot = at(prefix, "")
    memory = TypeThrough()
    memory.store(snapshot, text)
    changed = "# other top\n" + prefix[6:] if not near else prefix[:-1] + "y"
    found = remainder(memory, at(changed, ""))
    assert found == (None if near else text)


@untimed
@given(TEXTS, TEXTS, TEXTS)
def test_another_document_gets_nothing(prefix: str, suffix: str, text: str) -> None:
    memory = TypeThrough()
    snapshot = at(prefix, suffix)
    memory.store(snapshot, text)
    assert remainder(memory, replace(snapshot, uri="file:///b.py")) is None
