"""Our own methods, beside the protocol's: their names, parameters and results.

Mirrored in `docs/protocol.md`; a test holds the two together.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from inference import DraftCounts

STATUS = "sotto/status"
"""Request without parameters → `Status`; also a notification with one whenever it changes."""
RECENT_REQUESTS = "sotto/recentRequests"
"""Request without parameters → a list of `lsp.records.RequestRecord`, oldest first."""
DID_MOVE_CURSOR = "sotto/didMoveCursor"
"""Notification with `CursorParams`."""
DOCUMENT_INFO = "sotto/documentInfo"
"""Request with `DocumentInfoParams` → `DocumentInfo`."""
CHAT = "sotto/chat"
"""Request with `lsp.chat.protocol.ChatParams` → `ChatAnswer`."""
PROPOSE_EDITS = "sotto/proposeEdits"
"""Request with `lsp.chat.protocol.EditsParams` → `Edits`."""
CONVERSATIONS = "sotto/conversations"
"""Request without parameters → a list of `lsp.chat.protocol.ConversationInfo`, latest first."""
CONVERSATION = "sotto/conversation"
"""Request with `lsp.chat.protocol.ConversationParams` → a list of `KeptTurn`."""
DELETE_CONVERSATIONS = "sotto/deleteConversations"
"""Request with `lsp.chat.protocol.ConversationParams` → `Deleted`."""

REWRITE = "sotto.rewrite"
"""Command with one `lsp.action_requests.ActionData`, for editors that ask for the instruction: they
add it and send `codeAction/resolve`. The server does not serve it."""
APPLY = "sotto.apply"
"""Command with one `lsp.action_requests.ActionData`, for editors that cannot resolve an action: the
edit comes by `workspace/applyEdit`."""
EXPLAIN = "sotto.explain"
"""Command with one `lsp.action_requests.ActionData`, or with a place: nothing, a path, or a path
and its first and last line, counted from 1."""
ASK = "sotto.ask"
"""Command with a place, as above, and a question behind it."""
CHAT_PAGE = "sotto.chat"
"""Command without arguments: answers the question written in a page, or opens one."""
STOP = "sotto.stop"
"""Command without arguments: cancels everything that shows its progress."""
ACCEPTED = "sotto.accepted"
"""Command with the id of the request whose suggestion was accepted; ghost text carries it."""


class StatusModel(msgspec.Struct, frozen=True, kw_only=True):
    """The model that answers."""

    name: str
    path: str
    arch: str
    n_params: int
    quantization: str
    n_ctx: int
    """Tokens one request may use, prompt and answer together."""
    is_builtin: bool
    supports_chat: bool
    """Whether it can hold a conversation."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    state: str
    """`stopped`, `loading`, `ready`, `failed` or `closed`; suggestions come only when `ready`."""
    model: StatusModel | None
    """None until one is ready."""
    backend: str
    threads: int
    rss_bytes: int
    """Memory the server's process holds."""
    drafters: dict[str, DraftCounts]
    """What each drafter has drafted since the model was loaded, and how much of it was right."""
    version: str
    """Sotto's."""
    message: str | None
    """For a person: why the state is `failed`, why the model was unloaded, or why not the
    configured one runs."""


class TextDocument(msgspec.Struct, frozen=True):
    uri: str


class Position(msgspec.Struct, frozen=True):
    """In the negotiated encoding's units."""

    line: Annotated[int, msgspec.Meta(ge=0)]
    character: Annotated[int, msgspec.Meta(ge=0)]


class CursorParams(msgspec.Struct, frozen=True, rename="camel"):
    text_document: TextDocument
    position: Position


class DocumentInfoParams(msgspec.Struct, frozen=True, rename="camel"):
    text_document: TextDocument


class DocumentInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The server's copy of a document, for comparison with the editor's."""

    uri: str
    version: int
    n_chars: int | None
    """Unicode characters; None if the document is too large to be kept."""
    sha256: str | None
    """Of the text as UTF-8, in hexadecimal; None if the document is too large to be kept."""
    suspicion: str | None
    """Why the copy may differ from the editor's; None if there is no sign of it."""
