"""What a tree says of the cursor, and when a block has ended; broken code included."""

from __future__ import annotations

import pytest

from lsp.context.lexer import Zone
from lsp.context.surroundings import surroundings_of
from lsp.context.syntax import BlockState, InsertedBlock, zone_at
from tests.support.cursor import at_cursor


@pytest.mark.parametrize(
    ("language_id", "document", "zone"),
    [
        ("python", "x = 1‸\n", Zone.CODE),
        ("python", 'x = "a‸b"\n', Zone.STRING),
        ("python", 'x = "a"‸\n', Zone.CODE),
        ("python", 'x = ‸"a"\n', Zone.CODE),
        ("python", "x = 1  # a‸\n", Zone.COMMENT),
        ("python", "x = 1  ‸# a\n", Zone.CODE),
        ("python", '"""a\n‸\nb"""\n', Zone.STRING),
        ("python", "x = (‸\n", None),
        ("python", 'x = f"{a‸}"\n', None),
        ("javascript", "/* a‸ */ b\n", Zone.COMMENT),
        ("javascript", "/* a */‸ b\n", Zone.CODE),
        ("javascript", "// a‸\n", Zone.COMMENT),
        ("javascript", "f(/a(‸/)\n", Zone.STRING),
        ("rust", "let c = '‸x';\n", Zone.STRING),
        ("go", "package a\n\nvar x = `a‸`\n", Zone.STRING),
        ("html", "<!-- a‸ -->\n", Zone.COMMENT),
        ("html", "<p>don't‸</p>\n", Zone.CODE),
        ("plaintext", "a‸\n", None),
        ("python", "‸", None),
    ],
)
def test_zone(language_id: str, document: str, zone: Zone | None) -> None:
    assert zone_at(surroundings_of(at_cursor(document, language_id))) is zone


@pytest.mark.parametrize(
    ("language_id", "document", "inserted", "state"),
    [
        ("python", "if a:‸", "\n    b()\nc", BlockState.ENDED),
        ("python", "if a:‸", "\n    b()\n    c", BlockState.OPEN),
        ("python", "def f():\n    ‸", "a\n    b", BlockState.OPEN),
        ("python", "def f():\n    ‸", "a\nb", BlockState.ENDED),
        ("python", "def f():\n    if a:\n        ‸", "a\n    b", BlockState.ENDED),
        ("python", "‸", "a\nb", BlockState.OPEN),
        ("python", "x = (‸", "\n  a\nb", BlockState.UNKNOWN),
        ("javascript", "if (a) {‸", "\n  b();\n}\nc", BlockState.ENDED),
        ("javascript", "a(() => {‸", "\n  b();\n});\nc", BlockState.ENDED),
        ("rust", "fn f() {\n    g();\n}\n\nfn h() {‸", "\n    g();\n}\nfn", BlockState.ENDED),
        ("plaintext", "a‸", "\nb", BlockState.UNKNOWN),
    ],
)
def test_block(language_id: str, document: str, inserted: str, state: BlockState) -> None:
    block = InsertedBlock(surroundings_of(at_cursor(document, language_id)))
    assert block.state(inserted, "") is state
    assert block.state(inserted, "") is state, "asking changes nothing"


def test_brackets_owed_to_the_text_before() -> None:
    document = "class A {\n  f() {‸"
    block = InsertedBlock(surroundings_of(at_cursor(document, "typescript")))
    assert block.state("\n    g();\n  }\n  h", "}") is BlockState.ENDED


def test_half_a_surrogate_pair_is_no_reason_to_fail() -> None:
    around = surroundings_of(at_cursor("x = '\ud83d‸'\n"))
    assert zone_at(around) is Zone.STRING
    assert InsertedBlock(around).state("\ud83d\n", "") in BlockState
