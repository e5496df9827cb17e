"""Which open documents may help with another."""

from __future__ import annotations

from lsp.context.related import MAX_CHARS, MAX_CHARS_EACH, related_texts
from lsp.document_store import DocumentStore


def store(*documents: tuple[str, str, str]) -> DocumentStore:
    documents_ = DocumentStore()
    for uri, language, text in documents:
        documents_.open(uri=uri, language_id=language, version=1, text=text)
    return documents_


def test_other_documents_of_the_language_the_latest_first() -> None:
    documents = store(
        ("file:///a.py", "python", "a"),
        ("file:///b.py", "python", "b"),
        ("file:///c.js", "javascript", "c"),
        ("file:///d.py", "python", "d"),
        ("file:///e.py", "python", ""),
    )
    assert related_texts("file:///d.py", "python", documents) == ("b", "a")
    assert related_texts("file:///c.js", "javascript", documents) == ()


def test_the_texts_are_the_documents_own_so_that_they_are_indexed_once() -> None:
    documents = store(("file:///a.py", "python", "a = 1\n" * 20), ("file:///b.py", "python", "b"))
    (first,) = related_texts("file:///b.py", "python", documents)
    (second,) = related_texts("file:///b.py", "python", documents)
    assert first is second


def test_what_does_not_fit_is_left_out_whole() -> None:
    documents = store(
        ("file:///small.py", "python", "s"),
        ("file:///huge.py", "python", "h" * (MAX_CHARS_EACH + 1)),
        *((f"file:///{n}.py", "python", "n" * MAX_CHARS_EACH) for n in range(5)),
        ("file:///open.py", "python", "o"),
    )
    texts = related_texts("file:///open.py", "python", documents)
    assert sum(map(len, texts)) <= MAX_CHARS
    assert [len(text) for text in texts] == [MAX_CHARS_EACH] * 4
