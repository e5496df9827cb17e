"""Opening, changing, saving and closing: keeps the server's copies in step with the editor's."""

from __future__ import annotations

import logging

from lsprotocol import types

from lsp.document_store import Document
from lsp.json_values import as_object
from lsp.positions import locate
from lsp.session import Session

logger = logging.getLogger(__name__)


def did_open(session: Session, params: types.DidOpenTextDocumentParams) -> None:
    item = params.text_document
    opened = session.documents.open(
        uri=item.uri, language_id=item.language_id, version=item.version, text=item.text
    )
    session.jobs.supersede(item.uri, by="document-opened")
    if opened.was_open:
        logger.warning("%s was opened twice; its text is taken anew.", item.uri)
    if opened.document.is_oversize:
        logger.info("%s is too large to be kept; nothing is suggested in it.", item.uri)


def did_change(session: Session, params: types.DidChangeTextDocumentParams) -> None:
    """Apply all changes in the order they came, each to the result of the one before it."""
    uri, version = params.text_document.uri, params.text_document.version
    document = session.documents.get(uri)
    if document is None:
        session.client.log_warning(f"{uri} was changed but is not open; the change was ignored.")
        return
    session.documents.use(uri)
    session.jobs.supersede(uri, by="document-changed")
    if version < document.version:
        _suspect(session, document, f"its version went from {document.version} back to {version}")
    document.version = version
    for change in params.content_changes:
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            document.set_text(change.text)
        else:
            _apply(session, document, change)


def did_save(session: Session, params: types.DidSaveTextDocumentParams) -> None:
    """Nothing to do: the text is known from the changes. Registered so that editors may send it."""


def did_close(session: Session, params: types.DidCloseTextDocumentParams) -> None:
    uri = params.text_document.uri
    session.jobs.supersede(uri, by="document-closed")
    session.type_through.forget(uri)
    if not session.documents.close(uri):
        logger.warning("%s was closed but is not open.", uri)


def on_malformed(session: Session, method: str, params: object) -> None:
    """A notification that had to be dropped. If it was a change, the text is not known any more."""
    if method != types.TEXT_DOCUMENT_DID_CHANGE:
        return
    identifier = as_object((as_object(params) or {}).get("textDocument")) or {}
    document = session.documents.get(str(identifier.get("uri")))
    if document is not None:
        session.jobs.supersede(document.uri, by="document-changed")
        _suspect(session, document, "a change to it was malformed")


def _apply(
    session: Session, document: Document, change: types.TextDocumentContentChangePartial
) -> None:
    """Apply one change of a range, clamped into the text as the protocol says.

    Editors may end a range beyond the text to mean its end. Any other range outside the text
    shows that the editor's text is another one.
    """
    start = locate(document.text, document.lines, change.range.start, session.encoding)
    end = locate(document.text, document.lines, change.range.end, session.encoding)
    first, last = sorted((start.offset, end.offset))
    covers_all = start.is_exact and (first, last) == (0, len(document.text))
    ends_at_end = last == len(document.text) and change.range.end.line >= document.lines.n_lines
    is_in_text = start.is_exact and (end.is_exact or ends_at_end) and first == start.offset
    document.replace(first, last, change.text)
    if not is_in_text and not covers_all and not document.is_oversize:
        _suspect(session, document, "a change lay outside its text")


def _suspect(session: Session, document: Document, why: str) -> None:
    """Suggest nothing in the document until its whole text arrives; say so once."""
    if document.suspicion is not None:
        return
    document.suspicion = why
    session.client.log_warning(
        f"Sotto's copy of {document.uri} may differ from the editor's: {why}. Nothing is suggested "
        "in it until it is reopened."
    )
