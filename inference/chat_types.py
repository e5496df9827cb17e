"""What a conversation with a model consists of. No behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class ChatRole(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the model asked for."""

    name: str
    arguments: Mapping[str, object] = msgspec.field(default_factory=dict[str, object])
    """JSON values."""


class ChatMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message. Nothing in its texts can become a control token."""

    role: ChatRole
    content: str = ""
    reasoning: str = ""
    """Of an assistant: what it thought before it answered. Most templates leave out that of
    earlier turns."""
    tool_calls: tuple[ToolCall, ...] = ()
    """Of an assistant."""
    tool_name: str = ""
    """Of a tool's result: which tool it was."""


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the model may ask for. Its texts are the program's own and taken as part of the
    template: nothing from outside may be in them."""

    name: str
    description: str
    parameters: Mapping[str, object]
    """JSON schema of an object."""


class ChatPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation whose next message the model writes, by the template in its file."""

    messages: tuple[ChatMessage, ...]
    """At most one of the system, which comes first; at least one of the user. Of a conversation
    that is too long the oldest turns are left out, in strides, so that its beginning stays the
    same for many turns (`Usage.n_dropped_messages`)."""
    tools: tuple[Tool, ...] = ()
    thinks: bool | None = None
    """Whether the model thinks before it answers, where its template knows that; None leaves it
    to the template."""
    prefill: str = ""
    """The beginning of the answer: the model goes on after it. Not part of the result's text."""
