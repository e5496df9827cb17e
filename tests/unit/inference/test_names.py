"""The open file's names as evidence for what comes next."""

from __future__ import annotations

import pytest

from inference.names import MAX_LENGTH, MAX_NAMES, N_CROWDS, NameEvidence

WEIGHTS = tuple(tuple(row + column / 10 for column in range(N_CROWDS)) for row in range(MAX_LENGTH))


def look(text: str, written: str) -> tuple[tuple[int, int], dict[str, int]] | None:
    """With characters as tokens."""
    evidence = NameEvidence(
        lambda: text,
        WEIGHTS,
        piece=lambda i: chr(i).encode(),
        tokenize=lambda t: [ord(c) for c in t],
    )
    found = evidence.look([ord(c) for c in written])
    if found is None:
        return None
    row, column = found.bucket
    assert found.weight == WEIGHTS[row][column]
    return found.bucket, {chr(token): count for token, count in found.counts.items()}


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("x = va", ((1, 1), {"l": 3, "r": 1})),
        ("x = val", ((2, 1), {"u": 2, "i": 1})),
        ("x = valu", ((3, 0), {"e": 2})),
        # The whole name: nothing is missing of it.
        ("x = value", None),
        ("x = ", None),
        ("x = val\n", None),
        ("x = q", None),
        ("12", None),
        ("_pri", ((3, 0), {"v": 1})),
    ],
)
def test_what_names_say(written: str, found: object) -> None:
    assert look("value = valid + var\nvalue += _private", written) == found


def test_too_many_names_say_nothing() -> None:
    text = " ".join(f"a{n:03}" for n in range(MAX_NAMES))
    assert look(text, "a") is not None
    assert look(f"{text} a999", "a") is None


def test_a_broken_character_before_the_word_does_no_harm() -> None:
    evidence = NameEvidence(
        lambda: "value", WEIGHTS, piece=lambda i: bytes([i]), tokenize=lambda t: list(t.encode())
    )
    found = evidence.look([0xE2, *b" va"])
    assert found is not None
    assert found.counts == {ord("l"): 1}
    assert evidence.look([*b" va", 0xC3]) is None, "half a character at its end"


def test_a_name_longer_than_what_is_looked_at_says_nothing() -> None:
    assert look("abcdefghijkl", "abcdefgh") is not None
    assert look("bcdefghijkl", "abcdefghi") is None
