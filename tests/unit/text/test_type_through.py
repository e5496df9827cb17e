"""Type-through as editors drive it: auto-closed brackets, partial acceptance, bounds."""

from __future__ import annotations

import pytest

from lsp.document import Snapshot
from lsp.type_through import (
    MAX_DEPARTURE_CHARS,
    MAX_DOCUMENTS,
    MAX_SUGGESTIONS,
    MAX_TEXT_CHARS,
    TypeThrough,
)
from tests.support.cursor import at_cursor, typed
from tests.support.type_through import remainder


def check(
    document: str,
    suggested: str,
    now: str,
    rest: str | None,
    language_id: str = "python",
) -> None:
    """`suggested` was shown in `document`; now the document looks like `now`."""
    memory = TypeThrough()
    memory.store(at_cursor(document, language_id), suggested)
    assert remainder(memory, at_cursor(now, language_id)) == rest


def test_the_same_cursor_again() -> None:
    check("x = ‸\n", "foo(a)", "x = ‸\n", "foo(a)")


def test_typing_into_it() -> None:
    check("x = ‸\n", "foo(a)", "x = fo‸\n", "o(a)")


def test_typing_all_of_it() -> None:
    check("x = ‸\n", "foo", "x = foo‸\n", None)


def test_typing_something_else() -> None:
    check("x = ‸\n", "foo(a)", "x = fa‸\n", None)


def test_deleting_before_where_it_began() -> None:
    check("x = ‸\n", "foo(a)", "x =‸\n", None)


def test_moving_away_in_the_same_text() -> None:
    check("x = ‸\n", "foo(a)", "x =‸ \n", None)


def test_a_word_or_a_line_was_accepted() -> None:
    check("def f():\n    ‸\n", "if a:\n        go()", "def f():\n    if a:\n‸\n", "        go()")


def test_something_was_typed_behind_the_cursor() -> None:
    check("x = ‸\n", "foo(a)", "x = foo‸ + 1\n", None)


def test_crlf() -> None:
    check("def f():\r\n    ‸\r\n", "a\r\n    b", "def f():\r\n    a‸\r\n", "\r\n    b")


@pytest.mark.parametrize(
    ("suggested", "line", "rest"),
    [
        ("foo(a, b)", "foo(‸)", "a, b"),
        ("foo(a, b)", "foo(a,‸)", " b"),
        ("foo(a, b)", "foo(a, b‸)", None),
        ("foo(a).bar(b)", "foo(‸)", "a"),
        ("foo(a).bar(b)", "foo(a)‸", ".bar(b)"),
        ("foo(a).bar(b)", "foo(a).bar(‸)", "b"),
        ('foo("a", b)', 'foo("‸")', "a"),
        ('foo("a", b)', 'foo("a"‸)', ", b"),
        ('foo("a", b)', 'foo("‸"', "a"),
        ("foo([a], b)", "foo([‸])", "a"),
        ("foo([a], b)", "foo([‸)", "a], b"),
        ("foo(bar(a))", "foo(bar(‸))", "a"),
        ("foo(bar(a))", "foo(bar(‸)", "a)"),
        ("foo(a)", "foo(‸]", None),
        ("foo(a)", "foo(‸))", None),
        ("foo(a)", "foo(‸ b)", None),
        ("foo(a", "foo(‸)", None),
        ('"""Doc."""', '"""‸"""', "Doc."),
    ],
)
def test_the_editor_closed_what_was_opened(suggested: str, line: str, rest: str | None) -> None:
    check("x = ‸\n", suggested, f"x = {line}\n", rest)


def test_the_editor_opened_a_block() -> None:
    document = "function f() ‸\n"
    says = "{\n  go();\n}"
    check(document, says, "function f() {‸}\n", "\n  go();\n", "javascript")
    check(document, says, "function f() {\n  ‸\n}\n", "go();", "javascript")


def test_a_bracket_that_was_there_is_not_the_editors() -> None:
    check("f(‸)\n", "g(a)", "f(g(‸)\n", "a)")
    check("f(‸)\n", "g(a)", "f(g(‸))\n", "a")


def test_the_newest_that_fits_wins() -> None:
    memory = TypeThrough()
    snapshot = at_cursor("x = ‸\n")
    memory.store(snapshot, "foo(a)")
    memory.store(typed(snapshot, "f"), "un(b)")
    assert remainder(memory, typed(snapshot, "f")) == "un(b)"
    assert remainder(memory, typed(snapshot, "fo")) == "o(a)"
    assert remainder(memory, typed(snapshot, "fu")) == "n(b)"


def test_an_import_added_at_the_top_changes_nothing() -> None:
    memory = TypeThrough()
    body = "y = 1\n" * 400
    memory.store(at_cursor(f"{body}x = ‸\n"), "foo(a)")
    assert remainder(memory, at_cursor(f"import foo\n{body}x = fo‸\n")) == "o(a)"


def test_how_much_was_typed() -> None:
    memory = TypeThrough()
    snapshot = at_cursor("x = ‸\n")
    memory.store(snapshot, "foo")
    found = memory.lookup(typed(snapshot, "fo"))
    assert found is not None
    assert (found.text, found.n_typed_chars) == ("o", 2)


def test_a_closed_document_is_forgotten() -> None:
    memory = TypeThrough()
    snapshot = at_cursor("x = ‸\n")
    memory.store(snapshot, "foo")
    memory.forget(snapshot.uri)
    memory.forget("file:///never-seen")
    assert remainder(memory, snapshot) is None


def test_nothing_is_not_remembered() -> None:
    memory = TypeThrough()
    snapshot = at_cursor("x = ‸\n")
    memory.store(snapshot, "")
    memory.store(snapshot, "a" * (MAX_TEXT_CHARS + 1))
    assert remainder(memory, snapshot) is None


def test_memory_is_bounded_per_document() -> None:
    memory = TypeThrough()
    snapshot = at_cursor("x = ‸\n")
    for n in range(MAX_SUGGESTIONS + 1):
        memory.store(typed(snapshot, f"{n}"), "rest")
    assert remainder(memory, typed(snapshot, "0")) is None
    assert remainder(memory, typed(snapshot, "1")) == "rest"


def test_memory_is_bounded_over_documents() -> None:
    memory = TypeThrough()

    def document(number: int) -> Snapshot:
        return at_cursor("x = ‸\n", uri=f"file:///{number}.py")

    for number in range(MAX_DOCUMENTS):
        memory.store(document(number), "foo")
    # Asking for the first keeps it; the second is then the one unused for longest.
    assert remainder(memory, document(0)) == "foo"
    memory.store(document(MAX_DOCUMENTS), "foo")
    assert remainder(memory, document(0)) == "foo"
    assert remainder(memory, document(1)) is None


@pytest.mark.parametrize(
    ("now", "rest"),
    [
        ("x = bar‸\n", "foo(a)"),
        ("x = fob‸\n", "o(a)"),
        ("x = foo(b‸\n", "a)"),
        ("x = ‸\n", ""),
        ("y = bar‸\n", ""),
        ("x = " + "b" * MAX_DEPARTURE_CHARS + "‸\n", "foo(a)"),
        ("x = " + "b" * (MAX_DEPARTURE_CHARS + 1) + "‸\n", ""),
    ],
)
def test_what_is_left_of_it_when_something_else_was_typed(now: str, rest: str) -> None:
    memory = TypeThrough()
    memory.store(at_cursor("x = ‸\n"), "foo(a)")
    assert memory.departed_from(at_cursor(now)) == rest


def test_of_a_document_without_suggestions_nothing_is_left() -> None:
    assert TypeThrough().departed_from(at_cursor("x = 1‸\n")) == ""
