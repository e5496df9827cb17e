"""The project as a session has it: its folders, and the editor's own texts of open files."""

from __future__ import annotations

import os
from pathlib import Path

from pygls.uris import to_fs_path

from lsp.chat.proposals import Proposals
from lsp.document_store import Document
from lsp.project.workspace import Workspace
from lsp.session import Session


def workspace(session: Session) -> Workspace:
    """The project as it is now; what the user types from here on does not change it."""
    known = open_documents(session)
    texts = {path: document.text for path, document in known.items() if not document.is_oversize}
    return Workspace(session.folders, open_text=texts.get)


def proposals(session: Session) -> Proposals:
    """The same, with what a model proposes for it."""
    versions = {path: document.version for path, document in open_documents(session).items()}
    return Proposals(workspace(session), version=versions.get, encoding=session.encoding)


def open_documents(session: Session) -> dict[Path, Document]:
    """By their files, with links followed."""
    return {path: document for document in session.documents if (path := _path(document))}


def workspace_key(session: Session) -> str:
    """Under which conversations are kept."""
    return str(session.folders[0]) if session.folders else ""


def _path(document: Document) -> Path | None:
    path = to_fs_path(document.uri) if document.uri.startswith("file:") else None
    return Path(os.path.realpath(path)) if path else None
