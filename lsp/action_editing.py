"""Does what an action promised: an edit that fits the text as it is when it is done."""

from __future__ import annotations

from lsprotocol import types
from pygls.uris import from_fs_path

from lsp.action_asking import asker_for
from lsp.action_requests import ActionData, Asked, find, told
from lsp.actions.perform import perform, perform_exactly
from lsp.actions.proposal import OtherFile, Proposal, RefusedError
from lsp.actions.sorting_imports import sort_imports
from lsp.actions.works import Exact, SortImports
from lsp.changes import reanchored
from lsp.line_index import LineIndex
from lsp.open_files import open_documents, workspace
from lsp.project.workspace import UnreadableError
from lsp.session import Session
from lsp.workspace_edits import ChangedText, workspace_edit

_CHANGED = "The code was changed while the model wrote; nothing was changed. Ask again."


async def edit_for(session: Session, data: ActionData) -> types.WorkspaceEdit:
    """Raises RequestFailedError, of which the user was told."""
    asked = find(session, data)
    proposal = await _proposal(session, asked)
    changed = [_in_document(session, asked, proposal)]
    if proposal.other is not None:
        changed.append(_in_other(session, proposal.other))
    return workspace_edit(
        changed,
        title=asked.offer.title,
        description=proposal.other.path.name if proposal.other is not None else None,
        is_sure=proposal.is_sure,
        encoding=session.encoding,
        capabilities=session.client.capabilities,
    )


async def _proposal(session: Session, asked: Asked) -> Proposal:
    work = asked.offer.work
    if isinstance(work, Exact):
        return perform_exactly(work)
    if isinstance(work, SortImports):
        try:
            return await sort_imports(asked.place, session.folders)
        except RefusedError as refusal:
            raise told(session, str(refusal)) from refusal
    project = workspace(session)
    async with asker_for(session, asked) as asker:
        return await perform(work, asked.place, asker, project)


def _in_document(session: Session, asked: Asked, proposal: Proposal) -> ChangedText:
    """For the document as it is now: whatever was typed elsewhere moves the changes with it."""
    snapshot = asked.place.snapshot
    document = session.documents.get(snapshot.uri)
    if document is None or document.suspicion is not None:
        raise told(session, "The document was closed meanwhile; nothing was changed.")
    changes = proposal.changes
    if proposal.region is not None:
        moved = reanchored(changes, snapshot.text, document.text, proposal.region)
        if moved is None:
            raise told(session, _CHANGED)
        changes = moved
    return ChangedText(document.uri, document.text, document.lines, changes, document.version)


def _in_other(session: Session, other: OtherFile) -> ChangedText:
    """For another file, if that is as it was."""
    document = open_documents(session).get(other.path)
    uri = document.uri if document is not None else from_fs_path(str(other.path))
    assert uri is not None, "it has a path"
    if other.old is None:
        if not session.client.capabilities.creates_files:
            raise told(session, "This editor cannot create a file from a code action.")
        if workspace(session).exists(other.path):
            raise told(session, f"{other.path.name} is there meanwhile; nothing was changed.")
        return ChangedText(uri, "", LineIndex(""), other.changes, is_new=True)
    if document is not None:
        if document.suspicion is not None or document.text != other.old:
            raise told(session, f"{other.path.name}: {_CHANGED}")
        return ChangedText(uri, document.text, document.lines, other.changes, document.version)
    try:
        text = workspace(session).original(other.path).removeprefix("\ufeff")
    except UnreadableError as error:
        raise told(session, str(error)) from error
    if text != other.old:
        raise told(session, f"{other.path.name}: {_CHANGED}")
    return ChangedText(uri, text, LineIndex(text), other.changes)
