"""`codeAction/resolve`: the edit of an action that was chosen."""

from __future__ import annotations

from lsprotocol import types

from lsp.action_editing import edit_for
from lsp.action_requests import read_data
from lsp.session import Session


async def resolve(session: Session, action: types.CodeAction) -> types.CodeAction:
    """An action without our data, one with a command say, comes back as it was."""
    if action.data is None or action.edit is not None:
        return action
    action.edit = await edit_for(session, read_data(action.data))
    return action
