"""`sotto/chat`: one turn of a conversation; the answer streams in `$/progress`."""

from __future__ import annotations

from lsp.chat.protocol import ChatAnswer, ChatParams, Event
from lsp.chat_asking import answer
from lsp.session import Session


async def chat(session: Session, params: ChatParams) -> ChatAnswer:
    """Raises InvalidParamsError, or RequestFailedError with a sentence for the person."""

    def tell(event: Event) -> None:
        if params.partial_result_token is not None:
            session.client.report_partial(params.partial_result_token, event)

    return await answer(session, params, tell)
