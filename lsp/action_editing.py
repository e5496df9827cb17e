"""Does what an action promised: an edit that fits the text as it is when it is done."""

from __future__ import annotations

from lsprotocol import types

from lsp.action_asking import asker_for
from lsp.action_requests import ActionData, Asked, find, told
from lsp.actions.perform import perform, perform_exactly
from lsp.actions.proposal import Proposal, RefusedError
from lsp.actions.sorting_imports import sort_imports
from lsp.actions.works import Exact, SortImports
from lsp.changes import reanchored
from lsp.session import Session
from lsp.workspace_edits import workspace_edit


async def edit_for(session: Session, data: ActionData) -> types.WorkspaceEdit:
    """Raises RequestFailedError, of which the user was told."""
    asked = find(session, data)
    return _edit(session, asked, await _proposal(session, asked))


async def _proposal(session: Session, asked: Asked) -> Proposal:
    work = asked.offer.work
    if isinstance(work, Exact):
        return perform_exactly(work)
    if isinstance(work, SortImports):
        try:
            return await sort_imports(asked.place, session.folders)
        except RefusedError as refusal:
            raise told(session, str(refusal)) from refusal
    async with asker_for(session, asked) as asker:
        return await perform(work, asked.place, asker, session.folders)


def _edit(session: Session, asked: Asked, proposal: Proposal) -> types.WorkspaceEdit:
    """For the document as it is now: whatever was typed elsewhere moves the changes with it."""
    snapshot = asked.place.snapshot
    document = session.documents.get(snapshot.uri)
    if document is None or document.suspicion is not None:
        raise told(session, "The document was closed meanwhile; nothing was changed.")
    changes = proposal.changes
    if proposal.region is not None:
        moved = reanchored(changes, snapshot.text, document.text, proposal.region)
        if moved is None:
            raise told(
                session,
                "The code was changed while the model wrote; nothing was changed. Ask again.",
            )
        changes = moved
    return workspace_edit(
        uri=document.uri,
        version=document.version,
        text=document.text,
        lines=document.lines,
        changes=changes,
        new_file=proposal.new_file,
        title=asked.offer.title,
        is_sure=proposal.is_sure,
        encoding=session.encoding,
        capabilities=session.client.capabilities,
    )
