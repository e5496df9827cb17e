"""What is shown on one line: its end, brackets and quotes, text right of the cursor.

Each case is a document with its cursor, what the model says, and what is then inserted there;
"" shows nothing.
"""

from __future__ import annotations

import pytest

from lsp.ghost_text import TrimReason
from tests.support.ghost_text import check

# A line at its end.


def test_rest_of_line() -> None:
    check("python", "x = ‸\ny = 2\n", "1", "1")


def test_rest_of_line_is_one_line() -> None:
    check("python", "x = ‸\ny = 2\n", "1\nz = 3\n", "1", TrimReason.SINGLE_LINE)


def test_space_is_not_doubled() -> None:
    check("python", "x = ‸\n", " 1", "1")


def test_space_is_kept_where_there_is_none() -> None:
    check("python", "return‸\n", " x", " x")


def test_trailing_space_is_left_out() -> None:
    check("python", "x = ‸\n", "1   \n", "1")


def test_white_space_alone_is_nothing() -> None:
    check("python", "def f():\n    ‸\n", "  \n   \n", "", TrimReason.WHITESPACE)


def test_nothing_is_nothing() -> None:
    check("python", "def f():\n    ‸\n", "", "", TrimReason.NOTHING)


def test_a_finished_line_gets_no_new_lines() -> None:
    check("python", "x = 1‸\ny = 2\n", "\nz = 3\n", "", TrimReason.SINGLE_LINE)


def test_last_line_without_newline() -> None:
    check("python", "import os\nimport ‸", "sys\n", "sys")


# Brackets and quotes right of the cursor.


@pytest.mark.parametrize(
    ("document", "says", "shows"),
    [
        ("print(‸)", "x)", "x"),
        ("print(‸)", "f(x))", "f(x)"),
        ("print(‸)", "f(x)", "f(x)"),
        ("print(‸)", "a, b) + c", "a, b"),
        ("print(‸)", "a[0], b[1])", "a[0], b[1]"),
        ("print(‸", "x)", "x)"),
        ("print(‸", "x))", "x)"),
        ("print(f(‸))", "x))", "x"),
        ("print(f(‸)", "x))", "x)"),
        ("print([‸])", "1, 2])", "1, 2"),
        ("x = {‸}", '"a": 1}', '"a": 1'),
        ("x = d[‸]", "0]", "0"),
        ("f(a, ‸);", "b);", "b"),
        ("f(a‸, c)", ", b", ", b"),
        ("f(‸, c)", "b, c)", "b"),
        ('print("‸")', 'hello")', "hello"),
        ('print("hel‸")', 'lo", x)', "lo"),
        ('print("hel‸', 'lo", x)', 'lo", x)'),
        ('print("hel‸)', 'lo")', 'lo"'),
        ("print('‸')", "it\\'s')", "it\\'s"),
        ('x = "(‸"', 'a)"', "a)"),
        ('f(a, "b‸", "c")', 'x", "d")', "x"),
        ("x = ‸]", "a]", "a"),
        ("f(‸)", ")", ""),
        ("f(‸)", "bar(", "bar"),
        ("‸", ") + 1", ""),
    ],
)
def test_closing_brackets(document: str, says: str, shows: str) -> None:
    check("python", document + "\n", says, shows)


def test_bracket_closed_on_a_later_line() -> None:
    check("python", "x = foo(\n    a,\n    ‸\n)\n", "b,\n)\ny = 1", "b,", TrimReason.ALREADY_CLOSED)


def test_bracket_missing_on_a_later_line() -> None:
    check("python", "x = foo(\n    a,\n    ‸\n\ny = 1\n", "b,\n)\nz = 1", "b,\n)")


def test_broken_statement_above_does_not_count() -> None:
    check("python", "x = foo(\n\ndef f(a):\n    return (a‸)\n", "))", "")


def test_brace_of_an_outer_block_does_not_count() -> None:
    document = "class A {\n  f() {‸\n\n  g() {\n  }\n}\n"
    check("javascript", document, "\n    go();\n  }\n\n  h() {", "\n    go();\n  }")


def test_brackets_in_strings_and_comments_do_not_count() -> None:
    check("javascript", "f(‸)\n", '")", /* ) */ a)', '")", /* ) */ a')


def test_regular_expressions_do_not_count() -> None:
    check("javascript", "f(‸)\n", "/[)}]/, a)", "/[)}]/, a")


def test_rust_lifetimes_and_characters() -> None:
    check("rust", "fn f<'a>(x: &'a str) { g(‸) }\n", "'(', x)", "'(', x")


def test_shell_case_patterns_do_not_count() -> None:
    check("shellscript", "case $x in\n  ‸\nesac\n", "a)\n    go ;;\nesac\n", "a)\n    go ;;")


# Text right of the cursor.


def test_argument_already_there() -> None:
    check("python", "f(‸x)\n", "a, x)", "a, ", TrimReason.ALREADY_CLOSED)


def test_all_of_it_already_there() -> None:
    check("python", "f(‸x, y)\n", "x, y)", "", TrimReason.REPEATS_SUFFIX)


def test_operator_already_there() -> None:
    check("python", "x = ‸ + b\n", "a + b", "a", TrimReason.REPEATS_SUFFIX)


def test_semicolon_already_there() -> None:
    check("c", "int x = ‸;\n", "3;", "3", TrimReason.REPEATS_SUFFIX)


def test_repetition_that_cannot_be_cut() -> None:
    check("python", "foo(‸x)\n", "bar(x)", "", TrimReason.REPEATS_SUFFIX)


def test_a_word_that_ends_alike_is_no_repetition() -> None:
    check("python", "f(‸, b)\n", "ab", "ab")


def test_text_after_the_cursor_means_one_line() -> None:
    check("python", "def f(‸):\n    pass\n", "a,\n      b", "a,", TrimReason.SINGLE_LINE)


# Lines below and above.


def test_next_line_is_not_said_again() -> None:
    document = "def f(a):\n    b = 1\n    ‸\n    return a + b\n"
    check("python", document, "c = 2\n    return a + b\n", "c = 2", TrimReason.REPEATS_NEXT_LINE)


def test_next_line_is_not_said_at_once() -> None:
    document = "def f(a):\n    ‸\n    return a\n"
    check("python", document, "return a\n", "", TrimReason.REPEATS_NEXT_LINE)


def test_part_of_the_next_line_is_not_said() -> None:
    document = "def f(a):\n    ‸\n    return a + b\n"
    check("python", document, "c = 2\n    return a", "c = 2", TrimReason.REPEATS_SUFFIX)


def test_two_next_lines_spaced_otherwise() -> None:
    document = "def f(a):\n    ‸\n    xs=1\n    ys=2\n"
    check(
        "python", document, "c = 2\n    xs = 1\n    ys = 2", "c = 2", TrimReason.REPEATS_NEXT_LINE
    )


def test_the_same_line_deeper_is_no_repetition() -> None:
    document = "def f(a):\n    ‸\n    return a\n"
    check("python", document, "if not a:\n        return a", "if not a:\n        return a")


def test_next_line_behind_blank_lines() -> None:
    check(
        "python", "import os\n‸\n\n\ndef f():\n    pass\n", "import sys\ndef f():\n", "import sys"
    )


def test_line_above_is_not_said_again() -> None:
    document = "import numpy\nimport ‸\n"
    check("python", document, "numpy", "", TrimReason.REPEATS_PREVIOUS_LINE)


def test_short_lines_may_be_alike() -> None:
    check("json", '{\n  "a": [\n    0,\n    ‸\n  ]\n}\n', "0,\n    1\n  ]", "0,\n    1")


# Comments and strings.


def test_comment_is_one_line() -> None:
    check(
        "python", "# todo: ‸\nx = 1\n", "mend it\n# and this\n", "mend it", TrimReason.SINGLE_LINE
    )


def test_brackets_in_a_comment_are_text() -> None:
    check("python", "# a list ‸\n", "of 1) and 2)", "of 1) and 2)")


def test_docstring_is_one_line() -> None:
    document = 'def f():\n    """‸\n    """\n'
    check("python", document, 'Return one."""\n    return 1', "Return one.")


def test_docstring_is_closed_where_it_is_not() -> None:
    check("python", 'def f():\n    """‸\n', 'Return one."""\n    return 1', 'Return one."""')
