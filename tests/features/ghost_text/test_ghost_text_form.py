"""How it is shown: indentation, loops, comments, line endings, what is not finished.

Each case is a document with its cursor, what the model says, and what is then inserted there;
"" shows nothing.
"""

from __future__ import annotations

import pytest

from lsp.ghost_text import TrimReason
from tests.support.cursor import at_cursor
from tests.support.ghost_text import check, is_complete

# Indentation.


def test_indentation_is_not_repeated() -> None:
    check("python", "def f():\n    ‸\n", "    return 1", "return 1")


def test_indentation_is_not_repeated_for_a_block() -> None:
    document = "def f():\n    ‸\n"
    check("python", document, "    if a:\n        b()\n", "if a:\n        b()")


def test_too_deep_as_a_whole() -> None:
    document = "def f():\n    ‸\n"
    check(
        "python", document, "    if a:\n            b()\n        c()", "if a:\n        b()\n    c()"
    )


def test_body_relative_to_the_cursor() -> None:
    document = "def f():\n    ‸\n"
    says = "if a:\n    return 1\nreturn 2"
    check("python", document, says, "if a:\n        return 1\n    return 2")


def test_indentation_from_column_zero() -> None:
    check("python", "def f():\n‸\n", "    return 1\n", "    return 1")


def test_indentation_is_limited_from_column_zero() -> None:
    check("python", "def f():\n    a = 1\n‸\n", "        return a\n", "    return a")


def test_the_cursor_is_deeper_than_the_block() -> None:
    check("python", "def f():\n    return 1\n    ‸\n", "\nx = 2\n", "", TrimReason.BLOCK_ENDED)


def test_blank_lines_first_are_left_out() -> None:
    check("python", "def f():\n    ‸\n", "\n    return 1", "return 1")


def test_tabs_in_a_file_of_spaces() -> None:
    document = "def f():\n    a = 1\n    ‸\n"
    check("python", document, "if a:\n\t\treturn a\n", "if a:\n        return a")


def test_spaces_in_a_file_of_tabs() -> None:
    document = "func f() {\n\t‸\n}\n"
    check("go", document, "if a {\n        go()\n    }\n}", "if a {\n\t\tgo()\n\t}")


def test_two_space_file() -> None:
    document = "if (a) {\n  b();\n  ‸\n}\n"
    check("javascript", document, "if (c) {\n    d();\n  }\n}", "if (c) {\n    d();\n  }")


# Loops.


def test_a_line_that_loops_is_left_out() -> None:
    check("python", "x = ‸\n", "[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0", "", TrimReason.REPETITION)


def test_lines_that_loop_are_said_once() -> None:
    document = "def f():\n    ‸\n"
    says = "a.go(1)\n    a.go(1)\n    a.go(1)\n    a.go(1)"
    check("python", document, says, "a.go(1)", TrimReason.REPETITION)


def test_groups_of_lines_that_loop_are_said_once() -> None:
    document = "def f():\n    ‸\n"
    says = "first = 1\n    second = 2\n" + "    first = 1\n    second = 2\n"
    check("python", document, says, "first = 1\n    second = 2", TrimReason.REPETITION)


def test_a_rule_is_no_loop() -> None:
    check("python", "# ‸\n", "-" * 60, "-" * 60)


def test_a_word_that_loops_ends_at_once() -> None:
    assert is_complete("enten" * 6, at_cursor("cont‸\n"))


# Comments with nothing in them.


def test_a_comment_sign_alone_is_nothing() -> None:
    check("javascript", "f();\n‸\n", "// ", "", TrimReason.EMPTY_COMMENT)
    check("rust", "f();\n/‸\n", "// ", "", TrimReason.EMPTY_COMMENT)


def test_a_comment_sign_at_the_end_is_left_out() -> None:
    check("python", "def f():\n    ‸\n", "go()\n    #", "go()", TrimReason.EMPTY_COMMENT)


def test_a_comment_may_be_begun() -> None:
    check("python", "x = 1  ‸\n", "# one", "# one")


# Line endings, what must not be shown, what is not finished.


def test_crlf_document() -> None:
    check("python", "def f():\r\n    ‸\r\n", "a = 1\n    return a", "a = 1\r\n    return a")


def test_crlf_from_the_model() -> None:
    check("python", "def f():\n    ‸\n", "a = 1\r\n    return a\r\n", "a = 1\n    return a")


def test_lone_carriage_returns() -> None:
    check("python", "def f():\r    ‸\r", "a = 1\n    return a", "a = 1\r    return a")


@pytest.mark.parametrize(
    "bad", ["\0", "\x1b", "\ufffd", "\u2028", "\u202e", "\u200b", "<|fim_pad|>"]
)
def test_unfit_for_an_editor(bad: str) -> None:
    check("python", "x = ‸\n", f"foo{bad}bar", "foo", TrimReason.CONTROL_CHARACTER)


def test_control_tokens_where_they_are_the_subject() -> None:
    check("python", 'a = "<|pad|>"\nb = ‸\n', '"<|eot|>"', '"<|eot|>"')


def test_unfinished_last_line_is_left_out() -> None:
    document = "def f():\n    ‸\n"
    check("python", document, "a = 1\n    b = lis", "a = 1", TrimReason.INCOMPLETE, truncated=True)


def test_unfinished_word_is_left_out() -> None:
    check("python", "x = ‸\n", "foo(bar, ba", "foo(bar,", TrimReason.INCOMPLETE, truncated=True)


def test_an_unfinished_word_alone_is_kept() -> None:
    check("python", "x = ‸\n", "foo", "foo", truncated=True)


def test_a_finished_line_is_not_unfinished() -> None:
    check("python", "x = ‸\n", "foo\nbar", "foo", truncated=True)
