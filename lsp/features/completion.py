"""`textDocument/completion`: the suggestion for editors without ghost text."""

from __future__ import annotations

import re

from lsprotocol import types

from lsp.answer import Question, answer
from lsp.context.gates import Trigger
from lsp.document import Snapshot
from lsp.markdown import fence_for
from lsp.positions import n_units
from lsp.session import Session

_WORD = re.compile(r"\w*\Z")
_MAX_LABEL_CHARS = 60


async def completion(session: Session, params: types.CompletionParams) -> types.CompletionList:
    """The suggestion as the first item of the list, which is asked for again at every key."""
    enabled = session.settings.completion.enabled
    if enabled == "never" or (enabled == "auto" and session.client.capabilities.inline_completion):
        return types.CompletionList(is_incomplete=False, items=[])
    given = await answer(
        session,
        Question(
            request_id=session.request_id(),
            method=types.TEXT_DOCUMENT_COMPLETION,
            uri=params.text_document.uri,
            position=params.position,
            # Editors send the same kind for every key, so asking by hand cannot be told apart.
            trigger=Trigger.AUTOMATIC,
        ),
    )
    items = [
        _item(session, given.snapshot, params.position, text, rank)
        for rank, text in enumerate(given.texts)
        if given.snapshot is not None
    ]
    return types.CompletionList(is_incomplete=True, items=items)


def _item(
    session: Session, snapshot: Snapshot, cursor: types.Position, text: str, rank: int
) -> types.CompletionItem:
    """An item that replaces the word before the cursor by itself and the suggestion.

    Editors filter by that word, so an item that only inserted would be filtered away.
    """
    match = _WORD.search(snapshot.line_prefix)
    word = match[0] if match else ""
    start = types.Position(cursor.line, cursor.character - n_units(word, session.encoding))
    return types.CompletionItem(
        label=_label(word + text),
        kind=types.CompletionItemKind.Text,
        detail="Sotto",
        filter_text=word or None,
        sort_text=f" {rank}",  # A space sorts before every other item's text.
        preselect=rank == 0,
        insert_text_format=types.InsertTextFormat.PlainText,
        # The text is indented already; an editor that adjusted it would indent it twice.
        insert_text_mode=types.InsertTextMode.AsIs
        if session.client.capabilities.insert_text_mode
        else None,
        text_edit=types.TextEdit(types.Range(start, cursor), word + text),
        documentation=_documentation(session, snapshot, word + text),
    )


def _documentation(session: Session, snapshot: Snapshot, text: str) -> types.MarkupContent:
    """The whole suggestion, for lists that show one line.

    It is part of the item and not left to `completionItem/resolve`: Emacs resolves an accepted item
    while its label stands in the text, and leaves the label there if a key comes before the answer.
    """
    if not session.client.capabilities.markdown_documentation:
        return types.MarkupContent(types.MarkupKind.PlainText, text)
    language = re.sub(r"[^\w+#.-]", "", snapshot.language_id)
    fence = fence_for(text)
    return types.MarkupContent(types.MarkupKind.Markdown, f"{fence}{language}\n{text}\n{fence}")


def _label(text: str) -> str:
    """The first line with text in it, shortened; `…` where more follows."""
    lines = [line.strip() for line in re.split(r"\r\n|\n|\r", text)]
    shown = next((line for line in lines if line), "")
    has_more = sum(bool(line) for line in lines) > 1
    if len(shown) > _MAX_LABEL_CHARS:
        return shown[: _MAX_LABEL_CHARS - 1] + "…"
    return f"{shown} …" if has_more else shown
