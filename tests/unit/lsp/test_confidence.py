"""Where a model stops being sure, and what is shown then."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp.confidence import Confidence

Tokens = list[tuple[str, float]]


def sure_of(tokens: Tokens, threshold: float = -1.0) -> tuple[str, bool]:
    confidence = Confidence(threshold)
    for text, logprob in tokens:
        if not confidence.feed(text, (logprob,)):
            break
    return confidence.sure, confidence.is_lost


@pytest.mark.parametrize(
    ("tokens", "sure", "is_lost"),
    [
        ([("return", -0.1), (" value", -0.2)], "return value", False),
        # The doubtful word is left out, what stands before it is kept.
        ([("return", -0.1), (" value", -2.0), (".x", 0.0)], "return", True),
        # A word of which only the beginning is sure is no word.
        ([("self", -0.1), (".assert", -0.2), ("Equal", -2.0)], "self.", True),
        ([("self", -0.1), (".assert", -0.2), ("(", -2.0)], "self.assert", True),
        ([("val", -0.5), ("ue", -0.6)], "", True),
        # Small doubts add up.
        ([("a", -0.4), (" +", -0.4), (" b", -0.4), (" *", 0.0)], "a +", True),
        # Each line is judged by itself, and a later one shown whole or not at all.
        ([("a", -0.9), ("\n", -0.05), ("b", -0.9), ("\n", 0.0)], "a\nb\n", False),
        ([("a", -0.9), ("\n", -0.05), ("b", -0.9), (" c", -0.9)], "a\n", True),
        # White space before the first word is no line.
        ([("\n", -0.9), ("    a", -0.9), (" =", -0.9)], "\n    a", True),
        ([("a", -2.0)], "", True),
        ([], "", False),
    ],
)
def test_what_is_shown(tokens: Tokens, sure: str, is_lost: bool) -> None:
    assert sure_of(tokens) == (sure, is_lost)


def test_without_a_threshold_everything_is_sure() -> None:
    assert sure_of([("a", -900.0), ("b", -math.inf)], -math.inf) == ("ab", False)


TOKEN = st.tuples(st.text(alphabet="ab_ .(\n", min_size=1, max_size=4), st.floats(-2, 0))


@given(st.lists(TOKEN, max_size=12), st.floats(-4, 0), st.floats(0, 3))
def test_a_lower_threshold_shows_no_less(tokens: Tokens, threshold: float, less: float) -> None:
    strict, lenient = sure_of(tokens, threshold)[0], sure_of(tokens, threshold - less)[0]
    assert lenient.startswith(strict)
    assert "".join(text for text, _ in tokens).startswith(lenient)
