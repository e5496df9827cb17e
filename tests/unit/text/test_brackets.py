"""Which brackets are open at the cursor and which of them are closed after it."""

from __future__ import annotations

import pytest

from lsp.context.brackets import enclosure_of
from lsp.context.lexer import Zone
from lsp.context.surroundings import surroundings_of
from tests.support.cursor import at_cursor


def opened(document: str, language_id: str = "javascript") -> str:
    """The open brackets, outermost first; those that are closed below in upright form: `(+`."""
    openers = enclosure_of(surroundings_of(at_cursor(document, language_id))).openers
    return " ".join(opener.bracket + ("+" if opener.is_closed else "") for opener in openers)


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ("f(‸)", "(+"),
        ("f(‸", "("),
        ("f(g(‸))", "(+ (+"),
        ("f(g(‸)", "(+ ("),
        ("f(a, g(b), ‸)", "(+"),
        ("if (f(‸) {\n}", "(+ ("),
        ("f([‸)", "(+ ["),
        ("f(')‸)", "(+"),
        ("{‸}", "{+"),
        ("f(‸\n)\n", "(+"),
        ("f(\n  ‸\n  )\n", "(+"),
        ("class A {\n  f() {‸\n  }\n}\n", "{+ {+"),
        ("class A {\n  f() {‸\n}\n", "{+ {"),
        ("class A {\n  f() {‸\n\n  g() {\n  }\n}\n", "{+ {"),
        ("f(a,\n\nfunction g() {\n  return h(‸)\n}\n", "{+ (+"),
        ("a = [\n  1,\n  ‸\n];\n", "[+"),
        ("f(() => {\n  ‸\n});\n", "(+ {+"),
        ("f(‸) + (g)", "(+"),
        ("f(‸ (g))", "(+"),
        (")) } f(‸)", "(+"),
    ],
)
def test_open_brackets(document: str, found: str) -> None:
    assert opened(document) == found


def test_ruby_end_is_no_new_statement() -> None:
    assert opened("f(lambda do |x|\n  x\nend‸\n", "ruby") == "("


@pytest.mark.parametrize(
    ("document", "zone", "is_closed"),
    [
        ('f("a‸")', Zone.STRING, True),
        ('f("a‸)', Zone.STRING, False),
        ('f("a‸, "b")', Zone.STRING, False),
        ('f("a‸", "b")', Zone.STRING, True),
        ('f("a‸\\"")', Zone.STRING, True),
        ('f("a‸\\")', Zone.STRING, False),
        ('x = """a‸\nb"""\n', Zone.STRING, True),
        ('x = """a‸\n"""b"""\n', Zone.STRING, False),
        ("f(‸)", Zone.CODE, False),
        ("# a‸", Zone.COMMENT, False),
    ],
)
def test_strings(document: str, zone: Zone, is_closed: bool) -> None:
    enclosure = enclosure_of(surroundings_of(at_cursor(document, "python")))
    assert enclosure.zone is zone
    assert enclosure.is_quote_closed is is_closed


def test_a_tree_that_knows_better() -> None:
    around = surroundings_of(at_cursor("# don't\nit's ‸", "javascript"))
    assert enclosure_of(around).zone is Zone.STRING
    assert enclosure_of(around, Zone.CODE).zone is Zone.CODE
    assert enclosure_of(around, Zone.COMMENT).zone is Zone.COMMENT
