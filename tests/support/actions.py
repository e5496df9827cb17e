"""Code actions as an editor meets them: capabilities, asking, choosing."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from lsp.changes import Span
from tests.support.client import TIMEOUT_S, Client, Json

RESOLVING: Json = {
    "codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}},
    "dataSupport": True,
    "resolveSupport": {"properties": ["edit"]},
}
"""`textDocument.codeAction` of an editor that can do the least that an edit needs."""

CAPABILITIES: Json = {
    "textDocument": {
        "codeAction": {
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}},
            "disabledSupport": True,
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit", "command"]},
            "honorsChangeAnnotations": True,
        }
    },
    "workspace": {
        "workspaceEdit": {
            "documentChanges": True,
            "failureHandling": "textOnlyTransactional",
            "resourceOperations": ["create"],
            "changeAnnotationSupport": {},
        }
    },
    "window": {"workDoneProgress": True, "showDocument": {"support": True}},
    "experimental": {"sotto": {"instructions": True}},
}
"""Of an editor that can do all that an action may ask for."""


def cut_selection(source: str) -> tuple[str, Span]:
    """A text without its marks, and what they enclose: `⟦selection⟧` or `▮` for a cursor."""
    if "▮" in source:
        start = source.index("▮")
        return source.replace("▮", "", 1), Span(start, start)
    start = source.index("⟦")
    end = source.index("⟧") - 1
    return source.replace("⟦", "", 1).replace("⟧", "", 1), Span(start, end)


def range_of(text: str, span: Span) -> Json:
    """In UTF-16 units, as the client says it counts."""
    return {"start": position_of(text, span.start), "end": position_of(text, span.end)}


def position_of(text: str, offset: int) -> Json:
    before = text[:offset].replace("\r\n", "\0\n").replace("\r", "\n").replace("\0", "\r")
    line = before.count("\n")
    column = before[before.rfind("\n") + 1 :]
    return {"line": line, "character": len(column.encode("utf-16-le")) // 2}


async def list_actions(
    client: Client,
    uri: str,
    text: str,
    span: Span,
    *,
    diagnostics: list[Json] | None = None,
    only: list[str] | None = None,
    trigger: int = 1,
) -> list[Json]:
    context: Json = {"diagnostics": diagnostics or [], "triggerKind": trigger}
    if only is not None:
        context["only"] = only
    return await client.request(
        "textDocument/codeAction",
        {"textDocument": {"uri": uri}, "range": range_of(text, span), "context": context},
    )


async def resolve(client: Client, action: Json) -> Any:
    """The resolved action. Raises ResponseError."""
    _, future = client.start_request("codeAction/resolve", action)
    async with asyncio.timeout(TIMEOUT_S):
        return await future


def apply_edit(text: str, edits: list[Json]) -> str:
    """The text after an editor's edits: all ranges are of the text before, in UTF-16 units."""
    places = sorted(
        (offset_of(text, e["range"]["start"]), offset_of(text, e["range"]["end"]), e["newText"])
        for e in edits
    )
    for (_, end, _), (start, _, _) in itertools.pairwise(places):
        assert end <= start, "edits overlap"
    for start, end, new in reversed(places):
        text = text[:start] + new + text[end:]
    return text


def offset_of(text: str, position: Json) -> int:
    """Character by character, as simply as possible."""
    line = column = 0
    for offset, character in enumerate(text):
        if (line, column) == (position["line"], position["character"]):
            return offset
        is_end = character == "\n" or (character == "\r" and text[offset + 1 : offset + 2] != "\n")
        line, column = (line + 1, 0) if is_end else (line, column + 1 + (character > "\uffff"))
    assert (line, column) == (position["line"], position["character"]), "outside the text"
    return len(text)
