"""`completionItem/resolve`: the whole suggestion as documentation, for lists that show one line."""

from __future__ import annotations

import re

from lsprotocol import types

from lsp.json_values import as_object
from lsp.markdown import fence_for
from lsp.session import Session


async def resolve(session: Session, item: types.CompletionItem) -> types.CompletionItem:
    """Needs nothing but the item itself; one that is not ours comes back as it was."""
    data = as_object(item.data)
    if data is None or not isinstance(item.text_edit, types.TextEdit):
        return item
    text = item.text_edit.new_text
    if session.client.capabilities.markdown_documentation:
        language = re.sub(r"[^\w+#.-]", "", str(data.get("languageId", "")))
        fence = fence_for(text)
        item.documentation = types.MarkupContent(
            types.MarkupKind.Markdown, f"{fence}{language}\n{text}\n{fence}"
        )
    else:
        item.documentation = types.MarkupContent(types.MarkupKind.PlainText, text)
    return item
