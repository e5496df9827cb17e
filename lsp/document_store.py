"""The server's copies of the open documents, edited in step with the editor's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lsp.document import Snapshot
from lsp.line_index import LineIndex

MAX_CHARS = 16 * 1024 * 1024
"""Longer documents are known by name only: their text is dropped, so memory stays bounded."""


class Document:
    """One open document. Offsets are indexes into `text`; positions are `lsp.positions`' business.

    A document is *suspect* once there is evidence that the editor's text is another one; it stays
    so until its whole text arrives. It is *oversize* once it grew beyond `MAX_CHARS`; its text is
    then empty until a whole text that fits arrives.
    """

    __slots__ = ("is_oversize", "language_id", "lines", "suspicion", "text", "uri", "version")

    def __init__(self, *, uri: str, language_id: str, version: int, text: str) -> None:
        self.uri = uri
        self.language_id = language_id
        self.version = version
        self.suspicion: str | None = None
        self.set_text(text)

    def set_text(self, text: str) -> None:
        """Take a whole text; it ends every suspicion."""
        self.is_oversize = len(text) > MAX_CHARS
        self.text = "" if self.is_oversize else text
        self.lines = LineIndex(self.text)
        self.suspicion = None

    def replace(self, start: int, end: int, inserted: str) -> None:
        """Replace `[start, end)`. An oversize document ignores it, having no text to edit."""
        if self.is_oversize:
            return
        if (start, end) == (0, len(self.text)):
            self.set_text(inserted)
            return
        start, end, inserted = _join_surrogates(self.text, start, end, inserted)
        if len(self.text) - (end - start) + len(inserted) > MAX_CHARS:
            self.is_oversize = True
            self.text = ""
            self.lines = LineIndex("")
            return
        self.text = "".join((self.text[:start], inserted, self.text[end:]))
        self.lines.replace(start, end, len(inserted), self.text)

    def snapshot(self, offset: int) -> Snapshot:
        return Snapshot(
            uri=self.uri,
            version=self.version,
            language_id=self.language_id,
            text=self.text,
            offset=offset,
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """What `DocumentStore.open` did."""

    document: Document
    was_open: bool


class DocumentStore:
    """All open documents, by uri."""

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}
        self._by_use: dict[str, None] = {}
        """Their uris, the one used last at the end."""

    def open(self, *, uri: str, language_id: str, version: int, text: str) -> Opened:
        """Add a document; one that is open already is replaced, as its text is now known anew."""
        was_open = uri in self._documents
        document = Document(uri=uri, language_id=language_id, version=version, text=text)
        self._documents[uri] = document
        self.use(uri)
        return Opened(document=document, was_open=was_open)

    def get(self, uri: str) -> Document | None:
        return self._documents.get(uri)

    def close(self, uri: str) -> bool:
        """Forget a document. False if it was not open."""
        self._by_use.pop(uri, None)
        return self._documents.pop(uri, None) is not None

    def use(self, uri: str) -> None:
        """The user works in this document now."""
        self._by_use.pop(uri, None)
        self._by_use[uri] = None

    def latest_first(self) -> Iterator[Document]:
        """The open documents, the one used last at the beginning."""
        return (self._documents[uri] for uri in reversed(self._by_use))

    def __iter__(self) -> Iterator[Document]:
        """In the order they were opened."""
        return iter(self._documents.values())

    def __len__(self) -> int:
        return len(self._documents)


def _join_surrogates(text: str, start: int, end: int, inserted: str) -> tuple[int, int, str]:
    """Widen an edit that would leave the halves of one character side by side.

    An editor that counts UTF-16 units may insert one half after the other; in a Python string
    they would stay two characters, and every later position on the line would be off by one.
    """
    if start > 0 and "\ud800" <= text[start - 1] <= "\udbff":
        start -= 1
        inserted = text[start] + inserted
    if inserted and "\ud800" <= inserted[-1] <= "\udbff" and end < len(text):
        inserted += text[end]
        end += 1
    if any("\ud800" <= char <= "\udfff" for char in (inserted[:1], inserted[-2:-1])):
        units = inserted.encode("utf-16-le", "surrogatepass")
        inserted = units.decode("utf-16-le", "surrogatepass")
    return start, end, inserted
