"""`sotto/conversations`, `sotto/conversation` and `sotto/deleteConversations`: what was kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from lsp.chat.history import History, HistoryError
from lsp.chat.protocol import ConversationInfo, ConversationParams, Deleted, KeptTurn
from lsp.errors import InvalidParamsError, RequestFailedError
from lsp.open_files import workspace_key
from lsp.session import Session

T = TypeVar("T")


async def conversations(session: Session, _params: object) -> list[ConversationInfo]:
    """Those of the open folder, the latest first."""
    return await _read(History(workspace_key(session)).conversations)


async def conversation(session: Session, params: ConversationParams) -> list[KeptTurn]:
    """All turns of one. Raises InvalidParamsError if there is none of that id."""
    history = History(workspace_key(session))
    turns = await _read(lambda: history.turns(params.conversation_id))
    if not turns:
        raise InvalidParamsError("There is no such conversation.")
    return turns


async def delete(session: Session, params: ConversationParams) -> Deleted:
    """One of them, or all of the open folder if none is named."""
    history = History(workspace_key(session))
    return Deleted(await _read(lambda: history.delete(params.conversation_id or None)))


async def _read(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except HistoryError as error:
        raise RequestFailedError(str(error)) from error
