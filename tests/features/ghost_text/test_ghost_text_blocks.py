"""Where a suggestion of several lines ends, language by language.

Each case is a document with its cursor, what the model says, and what is then inserted there;
"" shows nothing.
"""

from __future__ import annotations

from lsp.ghost_text import TrimReason
from tests.support.ghost_text import check

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


def test_blank_lines_in_a_string_end_nothing() -> None:
    document = "def f():\n    ‸\n"
    check("python", document, 'x = """a\n\n\nb"""\n\n\ny = 1', 'x = """a\n\n\nb"""')


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
