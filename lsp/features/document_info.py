"""`sotto/documentInfo`: the server's copy of a document, to be compared with the editor's."""

from __future__ import annotations

import hashlib

from lsp.errors import InvalidParamsError
from lsp.protocol import DocumentInfo, DocumentInfoParams
from lsp.session import Session


async def document_info(session: Session, params: DocumentInfoParams) -> DocumentInfo:
    """Raises InvalidParamsError if the document is not open."""
    document = session.documents.get(params.text_document.uri)
    if document is None:
        raise InvalidParamsError("The document is not open.")
    encoded = document.text.encode("utf-8", "surrogatepass")
    return DocumentInfo(
        uri=document.uri,
        version=document.version,
        n_chars=None if document.is_oversize else len(document.text),
        sha256=None if document.is_oversize else hashlib.sha256(encoded).hexdigest(),
        suspicion=document.suspicion,
    )
