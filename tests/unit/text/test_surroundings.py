"""The windows around a cursor, their lines and their indentation."""

from __future__ import annotations

import pytest

from lsp.context.brackets import enclosure_of
from lsp.context.lexer import Zone
from lsp.context.surroundings import (
    AFTER_CHARS,
    BEFORE_CHARS,
    columns,
    lines_of,
    surroundings_of,
)
from lsp.context.syntax import zone_at
from tests.support.cursor import at_cursor


def test_lines_around() -> None:
    around = surroundings_of(at_cursor("a\n\nb\n\n  c ‸ d\n\n  e\nf\n"))
    assert around.line_prefix == "  c "
    assert around.line_suffix == " d"
    assert around.previous_line == "b"
    assert around.next_lines == ("  e", "f")
    assert around.line_indent == 2


def test_the_only_line() -> None:
    around = surroundings_of(at_cursor("‸"))
    assert (around.previous_line, around.next_line) == ("", "")
    assert around.is_blank_line


@pytest.mark.parametrize("eol", ["\n", "\r\n", "\r"])
def test_line_endings_are_newlines(eol: str) -> None:
    around = surroundings_of(at_cursor(f"a{eol}  ‸{eol}b{eol}"))
    assert around.before == "a\n  "
    assert around.after == "\nb\n"


def test_only_lsp_line_endings_end_lines() -> None:
    text = "a\x0cb\u2028c\x85d\n"
    assert lines_of(text) == [text]
    assert lines_of("a\n\nb") == ["a\n", "\n", "b"]
    assert lines_of("") == []


@pytest.mark.parametrize(
    ("document", "unit"),
    [
        ("if a:\n    b\n    c\n‸", "    "),
        ("if a:\n  b\n  if c:\n    d\n‸", "  "),
        ("if a:\n\tb\n‸", "\t"),
        ("if a:\n\tb\n    c\n\td\n‸", "\t"),
        ("if a:\n\tb\n\tc\n    ‸", "    "),
        ("a\n‸", "    "),
        ("a\n    * b\n   * c\n‸", "    "),
    ],
)
def test_indent_unit(document: str, unit: str) -> None:
    assert surroundings_of(at_cursor(document)).indent_unit == unit


def test_columns() -> None:
    assert columns("\t") == columns("    ") == columns("  \t") == 4


@pytest.mark.parametrize(
    ("language_id", "line", "opens"),
    [
        ("python", "if a:  ", True),
        ("python", "x = a[1:2]", False),
        ("python", "f(", True),
        ("c", "int f() {", True),
        ("c", "int f()", False),
        ("ruby", "def f", True),
        ("ruby", "a.each do |x|", True),
        ("ruby", "def ", False),
        ("ruby", "end", False),
        ("shellscript", "if a; then", True),
        ("lua", "local function f(a)", True),
        ("lua", "local x", False),
        ("lua", "f(function(a)", True),
        ("html", "<ul class='a'>", True),
        ("html", "<li>a</li>", False),
        ("html", "<br>", False),
        ("html", "<img src='a'/>", False),
        ("plaintext", "a:", False),
        ("python", "", False),
    ],
)
def test_opens_block(language_id: str, line: str, opens: bool) -> None:
    assert surroundings_of(at_cursor("‸", language_id)).opens_block(line) is opens


def test_the_windows_are_bounded() -> None:
    around = surroundings_of(at_cursor("x = 1\n" * 50_000 + "‸" + "y = 2\n" * 50_000))
    assert BEFORE_CHARS / 2 < len(around.before) <= BEFORE_CHARS
    assert len(around.after) == AFTER_CHARS
    assert around.before.startswith("x = 1\n")


@pytest.mark.parametrize("n_lines", range(8))
def test_a_window_that_begins_in_a_docstring(n_lines: int) -> None:
    docstring = '    """Say it.\n\n    It (really says: it.\n    Don\'t ask, it does.\n    """\n'
    function = f"def f(a):\n{docstring}    x = g(a, [1, 2])\n    return h(x)\n\n\n"
    document = "a\n" * n_lines + function * 300 + "def g():\n    ‸\n"
    around = surroundings_of(at_cursor(document))
    enclosure = enclosure_of(around, zone_at(around))
    assert enclosure.zone is Zone.CODE
    assert enclosure.openers == ()


def test_a_window_that_begins_in_a_block_comment() -> None:
    comment = "/*\n" + " * it's (a word\n" * 2_000 + " */\n"
    around = surroundings_of(at_cursor(f"{comment}int f() {{\n  ‸\n}}\n", "c"))
    assert around.before == "int f() {\n  "
