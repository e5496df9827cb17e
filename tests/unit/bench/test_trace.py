"""Traces: reading, checking, cutting, and the keys made from two versions of a text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.latency import SHIPPED_TRACE
from bench.trace import (
    Delete,
    Insert,
    Move,
    Open,
    Session,
    TraceError,
    apply,
    read_trace,
    shifted,
    take,
    write_trace,
)
from bench.trace_maker import Typist

SESSION = Session(
    Open("a/b.py", "python", "def f():\r\n    𝄞\n"),
    (Move(14, 900.0), Delete(14, 1, 210.0), Insert(14, "pass", 140.0), Insert(18, "\n", 99.5)),
)
lines = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12))
texts = lines.map("\n".join)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    write_trace(path, [SESSION, SESSION], about="two")
    assert read_trace(path) == [SESSION, SESSION]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no keys"),
        ('{"type":"open","path":"a","language":"c","text":""}', ":1: the first line"),
        ('{"type":"trace","format":9}', ":1: format 9"),
        ('{"type":"trace","format":1}\n{"type":"move","at":0,"after_ms":1}', ":2: an event"),
        ('{"type":"trace","format":1}\nnonsense', ":2: "),
        ('{"type":"trace","format":1}\n{"type":"jump"}', ":2: "),
        (
            '{"type":"trace","format":1}\n{"type":"open","path":"a","language":"c","text":"x"}\n'
            '{"type":"delete","at":0,"length":2,"after_ms":1}',
            ":3: position 2 lies outside a text of 1",
        ),
        (
            '{"type":"trace","format":1}\n{"type":"open","path":"a","language":"c","text":"x\\ry"}',
            ":2: the text holds a carriage return",
        ),
    ],
)
def test_an_unusable_trace_is_refused_by_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(TraceError, match=message):
        read_trace(path)


def test_a_missing_trace_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="No such file"):
        read_trace(tmp_path / "none.jsonl")


def test_cutting_shares_the_keys_evenly() -> None:
    long = Session(SESSION.file, tuple(Insert(0, "x", 1.0) for _ in range(10)))
    assert [s.n_keys for s in take([SESSION, long, long], 9)] == [3, 3, 3]
    assert [s.n_keys for s in take([SESSION, long], 9)] == [3, 6]
    assert [s.n_keys for s in take([SESSION, long], 99)] == [3, 10]
    assert [s.n_keys for s in take([SESSION, long], 1)] == [1]


@settings(deadline=None)  # busy machines
@given(texts, texts, st.integers(1, 4))
def test_the_keys_lead_from_one_version_to_the_next(old: str, new: str, typed_lines: int) -> None:
    text = old
    for event in Typist(7, typo_share=0.2).rewrite(old, new, typed_lines=typed_lines):
        assert event.after_ms > 0
        text, cursor = apply(text, event)
        assert 0 <= cursor <= len(text)
    assert text == new


def test_the_same_seed_types_the_same() -> None:
    def typed(seed: int) -> list[object]:
        return list(Typist(seed, typo_share=0.3).rewrite("", "for x in y:\n", typed_lines=3))

    assert typed(1) == typed(1) != typed(2)


def test_the_shipped_trace_can_be_replayed() -> None:
    sessions = read_trace(SHIPPED_TRACE)
    assert len(sessions) >= 5
    assert {session.file.language for session in sessions} >= {"python", "lua"}
    assert SHIPPED_TRACE.stat().st_size < 300_000


def test_a_shifted_session_types_the_same_below_a_heading() -> None:
    heading = "# 𝄞 first\n"
    moved = shifted(SESSION, heading)
    text = moved.file.text
    for event in moved.events:
        text, _ = apply(text, event)
    plain = SESSION.file.text
    for event in SESSION.events:
        plain, _ = apply(plain, event)
    assert text == heading + plain
