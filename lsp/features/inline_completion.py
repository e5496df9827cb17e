"""`textDocument/inlineCompletion`: ghost text."""

from __future__ import annotations

from lsprotocol import types

from lsp.answer import Question, answer
from lsp.context.gates import Trigger
from lsp.protocol import ACCEPTED
from lsp.session import Session


async def inline_completion(
    session: Session, params: types.InlineCompletionParams
) -> types.InlineCompletionList:
    """Suggestions at the cursor; `items` is empty where there are none, never null.

    An editor may keep showing the former suggestion on null or on an error.
    """
    is_invoked = params.context.trigger_kind is types.InlineCompletionTriggerKind.Invoked
    selected = params.context.selected_completion_info
    request_id = session.request_id()
    given = await answer(
        session,
        Question(
            request_id=request_id,
            method=types.TEXT_DOCUMENT_INLINE_COMPLETION,
            uri=params.text_document.uri,
            position=params.position,
            trigger=Trigger.INVOKED if is_invoked else Trigger.AUTOMATIC,
            selected=selected,
        ),
    )
    place = selected.range if selected else types.Range(params.position, params.position)
    command = None
    if session.client.capabilities.reports_acceptance:
        command = types.Command("Accepted", ACCEPTED, arguments=[request_id])
    return types.InlineCompletionList(
        items=[
            types.InlineCompletionItem(insert_text=text, range=place, command=command)
            for text in given.texts
        ]
    )
