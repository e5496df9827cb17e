"""`sotto/didMoveCursor`: where the user looks, for what may be typed there next."""

from __future__ import annotations

from lsprotocol import types

from lsp.protocol import CursorParams
from lsp.session import Session
from lsp.warm_up import cursor_moved


def did_move_cursor(session: Session, params: CursorParams) -> None:
    """Evaluates the prompt there once the cursor rests."""
    position = types.Position(params.position.line, params.position.character)
    cursor_moved(session, params.text_document.uri, position)
