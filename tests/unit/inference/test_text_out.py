"""From tokens to text: detokenizer and stop strings."""

from __future__ import annotations

from inference.detokenizer import Detokenizer
from inference.stopping import StopMatcher


def decode(*pieces: bytes, skip: bytes = b"") -> list[str]:
    detokenizer = Detokenizer(skip)
    return [detokenizer.feed(piece) for piece in pieces]


def test_a_character_split_over_tokens_comes_whole() -> None:
    assert decode(b"a\xe6", b"\x97", b"\xa5b") == ["a", "", "日b"]


def test_bytes_of_no_character_become_a_replacement_only_when_that_is_certain() -> None:
    assert decode(b"\xf0\x9f", b"\x98", b"x") == ["", "", "\ufffdx"]
    assert decode(b"\xff", b"a") == ["\ufffd", "a"]


def test_an_unfinished_character_at_the_end_is_dropped() -> None:
    assert decode(b"ok\xf0\x9f\x98") == ["ok"]


def test_spelt_bytes_are_skipped() -> None:
    assert decode(b"re", b"turn x", skip=b"retu") == ["", "rn x"]
    assert decode(b"\xc3\xa9t", b"\xc3\xa9", skip="é".encode()) == ["t", "é"]


def match(*texts: str, stops: tuple[str, ...]) -> tuple[list[str], bool]:
    matcher = StopMatcher(stops)
    shown = [matcher.feed(text) for text in texts]
    return [*shown, matcher.finish()], matcher.found


def test_without_stop_strings_everything_passes() -> None:
    assert match("a", "b", stops=()) == (["a", "b", ""], False)
    assert match("a", "b", stops=("",)) == (["a", "b", ""], False)


def test_a_stop_string_in_one_piece() -> None:
    assert match("one\n\ntwo", stops=("\n\n",)) == (["one", ""], True)


def test_a_stop_string_over_several_pieces_is_withheld() -> None:
    assert match("one<", "|en", "d|>two", stops=("<|end|>",)) == (["one", "", "", ""], True)


def test_what_turns_out_to_be_no_stop_string_is_passed_on() -> None:
    assert match("a<|", "x", stops=("<|end|>",)) == (["a", "<|x", ""], False)
    assert match("a<|", stops=("<|end|>",)) == (["a", "<|"], False)


def test_the_first_of_several_stop_strings_counts() -> None:
    assert match("a;b\nc", stops=("\n", ";")) == (["a", ""], True)


def test_overlapping_beginnings() -> None:
    assert match("aab", "aac", stops=("aabaac",)) == (["", "", ""], True)
    assert match("aa", "a", "b", stops=("aab",)) == (["", "a", "", ""], True)


def test_nothing_passes_after_the_stop() -> None:
    assert match("a\n", "b", stops=("\n",)) == (["a", "", ""], True)
