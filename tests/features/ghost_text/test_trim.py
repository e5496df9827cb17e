"""What is shown of what a model says, case by case: a document with its cursor, `says`, `shows`.

`shows` is what would be inserted at the cursor; "" shows nothing.
"""

from __future__ import annotations

import pytest

from lsp.ghost_text import TrimReason, is_complete, trim
from tests.support.cursor import at_cursor


def check(
    language_id: str,
    document: str,
    says: str,
    shows: str,
    why: TrimReason | None = None,
    *,
    truncated: bool = False,
) -> None:
    """`why` is the rule that emptied it or else the first that shortened it."""
    trimmed = trim(says, at_cursor(document, language_id), truncated=truncated)
    assert trimmed.text == shows, trimmed
    if why is not None:
        assert (trimmed.reason or trimmed.cut) == why


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


# Where a block ends: Python.


def test_function_body() -> None:
    document = "def add(a, b):\n    ‸\n"
    check("python", document, "return a + b\n\n\ndef sub(a, b):\n    return", "return a + b")


def test_body_after_the_colon() -> None:
    document = "def add(a, b):‸\n\nx = 1\n"
    check("python", document, "\n    return a + b\n\nadd(1, 2)", "\n    return a + b")


def test_dedent_ends_the_block() -> None:
    document = "def f(a):\n    for x in a:\n        ‸\n"
    says = "if x:\n            go(x)\n        stop(x)\n    return a\n"
    shows = "if x:\n            go(x)\n        stop(x)"
    check("python", document, says, shows, TrimReason.BLOCK_ENDED)


def test_else_goes_on() -> None:
    document = "if a:‸\n"
    says = "\n    go()\nelse:\n    stop()\nmore()"
    check("python", document, says, "\n    go()\nelse:\n    stop()", TrimReason.BLOCK_ENDED)


def test_open_bracket_goes_on_whatever_the_indentation() -> None:
    document = "x = [‸\n"
    check("python", document, "\n    1,\n  2,\n]\ny = 1", "\n    1,\n  2,\n]")


def test_docstring_goes_on_whatever_the_indentation() -> None:
    document = "def f():\n    ‸\n"
    says = '"""A.\n\nB.\n    """\n    return 1\n\ndef g'
    check("python", document, says, '"""A.\n\nB.\n    """\n    return 1')


def test_paragraph_at_the_top_level() -> None:
    says = "import os\nimport sys\n\nx = 1"
    check("python", "‸", says, "import os\nimport sys", TrimReason.PARAGRAPH_ENDED)


def test_function_at_the_top_level() -> None:
    says = "def f():\n    a = 1\n\n    return a\n\n\ndef g():"
    check("python", "x = 1\n\n\n‸\n", says, "def f():\n    a = 1\n\n    return a")


def test_one_method_at_a_time() -> None:
    document = "class A:\n    ‸\n"
    says = "def f(self):\n        pass\n\n    def g(self):\n        pass\n"
    check("python", document, says, "def f(self):\n        pass", TrimReason.PARAGRAPH_ENDED)


def test_never_more_than_max_lines() -> None:
    document = "def f():\n    ‸\n"
    says = "\n    ".join(f"x{n} = {n}" for n in range(40))
    shows = "\n    ".join(f"x{n} = {n}" for n in range(16))
    check("python", document, says, shows, TrimReason.MAX_LINES)


# Where a block ends: braces.


def test_braces_closed_below() -> None:
    document = "function f() {\n  ‸\n}\n"
    check("javascript", document, "go();\n}\n\nfunction g() {", "go();", TrimReason.ALREADY_CLOSED)


def test_braces_not_closed_below() -> None:
    document = "function f() {‸\n\nfunction g() {\n}\n"
    check("javascript", document, "\n  go();\n}\n\nfunction h() {", "\n  go();\n}")


def test_between_braces() -> None:
    check("javascript", "if (a) {‸}\n", "\n  go();\n}\nstop();", "\n  go();\n")


def test_between_braces_in_a_block() -> None:
    document = "function f() {\n  if (a) {‸}\n}\n"
    check("javascript", document, "\n    go();\n  }\n}", "\n    go();\n  ")


def test_else_after_a_brace_goes_on() -> None:
    document = "if (a) {‸\n"
    says = "\n  go();\n} else {\n  stop();\n}\nmore();"
    check("javascript", document, says, "\n  go();\n} else {\n  stop();\n}", TrimReason.BLOCK_ENDED)


def test_else_on_the_next_line_goes_on() -> None:
    document = "if (a)\n{‸\n"
    says = "\n  go();\n}\nelse\n{\n  stop();\n}\nmore();"
    check("c", document, says, "\n  go();\n}\nelse\n{\n  stop();\n}", TrimReason.BLOCK_ENDED)


def test_callback_ends_with_its_call() -> None:
    document = "list.map((x) => {‸\n"
    check("typescript", document, "\n  return x;\n});\nnext();", "\n  return x;\n});")


def test_callback_between_auto_closed_brackets() -> None:
    document = "list.map((x) => {‸})\n"
    check("typescript", document, "\n  return x;\n});\nnext();", "\n  return x;\n")


def test_method_in_an_unclosed_class() -> None:
    document = "class A {\n  f() {‸\n"
    says = "\n    return 1;\n  }\n\n  g() {\n  }\n}"
    check("typescript", document, says, "\n    return 1;\n  }", TrimReason.BLOCK_ENDED)


def test_match_arms() -> None:
    document = "fn f(x: i32) -> i32 {\n    match x {‸\n    }\n}\n"
    says = "\n        0 => 1,\n        _ => { 2 }\n    }\n}"
    check("rust", document, says, "\n        0 => 1,\n        _ => { 2 }")


def test_go_switch_keeps_its_cases() -> None:
    document = "func f(x int) {\n\tswitch x {‸\n\t}\n}\n"
    says = "\n\tcase 1:\n\t\tgo()\n\tdefault:\n\t\tstop()\n\t}\n}"
    check("go", document, says, "\n\tcase 1:\n\t\tgo()\n\tdefault:\n\t\tstop()")


def test_struct_fields() -> None:
    document = "struct point {\n  int x;\n  ‸\n};\n"
    check("c", document, "int y;\n};\n\nint main", "int y;", TrimReason.ALREADY_CLOSED)


def test_json_object_ends() -> None:
    document = '{\n  "a": {‸\n}\n'
    check("json", document, '\n    "b": 1\n  },\n  "c": 2\n}', '\n    "b": 1\n  },')


def test_json_value() -> None:
    check("json", '{\n  "a": ‸\n}\n', '[1, 2],\n  "b": 3', "[1, 2],", TrimReason.SINGLE_LINE)


def test_json_string_is_closed() -> None:
    check(
        "json", '{\n  "name": "‸"\n}\n', 'sotto",\n  "version"', "sotto", TrimReason.ALREADY_CLOSED
    )


# Where a block ends: words, tags, nothing.


def test_ruby_end_is_needed() -> None:
    check("ruby", "def f\n  ‸\n", "go\nend\n\ndef g\nend", "go\nend", TrimReason.BLOCK_ENDED)


def test_ruby_end_is_there() -> None:
    check("ruby", "def f\n  ‸\nend\n", "go\nend\n\ndef g", "go", TrimReason.BLOCK_ENDED)


def test_ruby_inner_end_goes_on() -> None:
    document = "def f\n  ‸\nend\n"
    check("ruby", document, "if a\n    go\n  end\n  stop\nend", "if a\n    go\n  end\n  stop")


def test_shell_fi_is_needed() -> None:
    check("shellscript", "if [ -f x ]; then‸\n", "\n  go\nfi\nstop", "\n  go\nfi")


def test_html_element() -> None:
    document = "<ul>\n  <li>‸</li>\n</ul>\n"
    check("html", document, "one</li>\n  <li>two", "one")


def test_html_end_tag_is_needed() -> None:
    document = "<ul>‸\n<p>more</p>\n"
    check("html", document, "\n  <li>one</li>\n</ul>\n<p>other", "\n  <li>one</li>\n</ul>")


def test_html_block() -> None:
    document = "<ul>\n  ‸\n</ul>\n"
    check("html", document, "<li>one</li>\n  <li>two</li>\n</ul>", "<li>one</li>\n  <li>two</li>")


def test_prose_is_one_paragraph() -> None:
    check("plaintext", "Dear all,\n\n‸\n", "this is it :)\nBye\n\nPS", "this is it :)\nBye")


def test_unknown_language_by_indentation_and_lines() -> None:
    document = "BEGIN\n    ‸\nEND\n"
    check("cobol", document, "MOVE A TO B\n    ADD 1\nEND\n", "MOVE A TO B\n    ADD 1")


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


@pytest.mark.parametrize("bad", ["\0", "\x1b", "\ufffd", "\u2028", "\u202e", "<|fim_pad|>"])
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
