"""Strings, comments and brackets, in one go and piece by piece."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lsp.context.languages import language_of
from lsp.context.lexer import LOOKAHEAD_CHARS, Lexer, TokenKind, Zone

untimed = settings(deadline=None)


def brackets(language_id: str, text: str) -> str:
    """The brackets that count as such."""
    kinds = (TokenKind.OPEN, TokenKind.CLOSE)
    return "".join(t.text for t in Lexer(language_of(language_id)).read(text) if t.kind in kinds)


def zone_after(language_id: str, text: str) -> Zone:
    lexer = Lexer(language_of(language_id))
    for _ in lexer.read(text):
        pass
    return lexer.zone


@pytest.mark.parametrize(
    ("language_id", "text", "found"),
    [
        ("python", "f(a[0], '(', \"[\")  # )", "([])"),
        ("python", '"""(\n("""()', "()"),
        ("python", "'it\\'s (' ()", "()"),
        ("python", "x = '(\ny = ()", "()"),
        ("javascript", "f(`(${a}`, '(') // )\n()", "()()"),
        ("javascript", "a = /[(]/; b = (c) / d(e)", "()()"),
        ("javascript", "f(/\\)/)", "()"),
        ("rust", "fn f<'a>(x: &'a str) { g('(', '\\'') }", "(){()}"),
        ("rust", 'r#"(" ("# ()', "()"),
        ("c", "/* ( */ f('(') /* )", "()"),
        ("c", '#define A "\\"(" \\\n()', "()"),
        ("go", "`(\\`()", "()"),
        ("lua", "--[[ ( ]] f() -- (", "()"),
        ("shellscript", "case a) ;; b#c $# {} # }", "{}"),
        ("json", '{"(": [1]}', "{[]}"),
        ("html", "<p>don't (</p>", ""),
        ("plaintext", "it's (", ""),
    ],
)
def test_brackets_in_code(language_id: str, text: str, found: str) -> None:
    assert brackets(language_id, text) == found


@pytest.mark.parametrize(
    ("language_id", "text", "zone"),
    [
        ("python", "x = 'a", Zone.STRING),
        ("python", "x = 'a\n", Zone.CODE),
        ("python", '"""a\n', Zone.STRING),
        ("python", "# a", Zone.COMMENT),
        ("python", "# a\n", Zone.CODE),
        ("c", "/* a\n", Zone.COMMENT),
        ("c", "/* a */", Zone.CODE),
        ("html", "<!-- a\n", Zone.COMMENT),
        ("markdown", "it's", Zone.CODE),
    ],
)
def test_zone_after(language_id: str, text: str, zone: Zone) -> None:
    assert zone_after(language_id, text) is zone


LANGUAGES = st.sampled_from(["python", "javascript", "rust", "c", "lua", "html", "ruby", "cpp"])
CODE = st.lists(
    st.sampled_from([*"ab ()[]{}'\"`/\\*#-!<>=\n", '"""', "//", "/*", "*/", "--[[", "r#"]),
    max_size=30,
).map("".join)


@untimed
@given(LANGUAGES, CODE)
@example("javascript", "=\n/a(/")
def test_lines_read_one_by_one_say_the_same(language_id: str, text: str) -> None:
    lines = text.splitlines(keepends=True)
    whole, by_line = Lexer(language_of(language_id)), Lexer(language_of(language_id))
    expected = [(token.kind, token.index) for token in whole.read(text)]
    found: list[tuple[TokenKind, int]] = []
    offset = 0
    for line in lines:
        found += [(token.kind, token.index + offset) for token in by_line.read(line)]
        offset += len(line)
    assert found == expected
    assert by_line.zone is whole.zone


@untimed
@given(LANGUAGES, CODE, CODE)
def test_what_follows_changes_nothing_said_before(language_id: str, text: str, more: str) -> None:
    line = text.replace("\n", "")
    n_stable = len(line) - LOOKAHEAD_CHARS
    first = [t for t in Lexer(language_of(language_id)).read(line) if t.index < n_stable]
    again = [t for t in Lexer(language_of(language_id)).read(line + more) if t.index < n_stable]
    assert first == again
