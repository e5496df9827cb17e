"""`sotto/proposeEdits`: a reply's code blocks as edits that the user may accept."""

from __future__ import annotations

from pygls.uris import to_fs_path

from lsp.chat.protocol import Edits, EditsParams
from lsp.open_files import proposals
from lsp.session import Session


async def propose_edits(session: Session, params: EditsParams) -> Edits:
    """Edits for each file, and what was refused; nothing is written."""
    proposed = proposals(session)
    proposed.apply_reply(params.content, to_fs_path(params.uri) or "" if params.uri else "")
    return Edits(proposed.edits())
