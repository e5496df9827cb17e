"""What an editor and the server exchange about a conversation; mirrored in `docs/protocol.md`."""

from __future__ import annotations

from typing import Literal

import msgspec

from lsp.records import RecordPosition


class Range(msgspec.Struct, frozen=True):
    """As the protocol's, in the client's code units."""

    start: RecordPosition
    end: RecordPosition


class Diagnostic(msgspec.Struct, frozen=True, rename="camel"):
    """What another server or a linter said, as the editor knows it."""

    uri: str
    range: Range
    message: str
    severity: int | None = None
    """1 error, 2 warning, 3 information, 4 hint."""
    source: str | None = None


class Attachment(msgspec.Struct, frozen=True, rename="camel"):
    """Something of the project that goes with a message."""

    kind: Literal["selection", "file", "symbol", "diagnostics", "diff", "search"]
    uri: str = ""
    """Of the document; for all kinds but `diff` and `search`."""
    range: Range | None = None
    """Of the selection; `diagnostics` are those that touch it, if it is given."""
    name: str = ""
    """Of the symbol."""
    query: str = ""
    """Of the search: plain text."""


class Step(msgspec.Struct, frozen=True):
    """A tool that was used on the way to an answer."""

    content: str
    """What the model said before."""
    tool: str
    arguments: dict[str, object]
    result: str
    """As the model was told it."""
    failed: bool = False
    """Refused, or it did not work; `result` says why."""
    reasoning: str = ""
    """What the model thought before, for templates that want it back until the turn is over."""


class Message(msgspec.Struct, frozen=True, rename="camel"):
    """One message of the conversation so far. All of an answer's parts are sent back as they
    came, so that the model finds its cache again."""

    role: Literal["user", "assistant"]
    content: str
    attachments: tuple[Attachment, ...] = ()
    """Of the last message."""
    context: str = ""
    """Of an earlier message of the user: what was attached, as the answer to it said."""
    steps: tuple[Step, ...] = ()
    """Of an answer."""


class ChatParams(msgspec.Struct, frozen=True, rename="camel"):
    messages: tuple[Message, ...]
    """The whole conversation; the last message is the user's."""
    use_tools: bool = False
    """Whether the model may look around in the project and propose edits."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """All there are, for attachments and tools."""
    conversation_id: str = ""
    """Under which the turns are kept; any text of the client's. Empty keeps nothing."""
    partial_result_token: int | str | None = None
    """Without it the answer comes at once, when it is finished."""


class TextDelta(msgspec.Struct, frozen=True, tag_field="kind", tag="text"):
    """The next piece of the answer, in Markdown."""

    text: str


class ReasoningDelta(msgspec.Struct, frozen=True, tag_field="kind", tag="reasoning"):
    """The next piece of what the model thinks before it answers; to be folded away."""

    text: str


class ContextAttached(msgspec.Struct, frozen=True, tag_field="kind", tag="context"):
    """What was attached to the question, before the first piece of the answer."""

    titles: tuple[str, ...]


class StepBegun(msgspec.Struct, frozen=True, tag_field="kind", tag="step"):
    """A tool is used now."""

    number: int
    tool: str
    arguments: dict[str, object]


class StepEnded(msgspec.Struct, frozen=True, tag_field="kind", tag="stepEnd"):
    number: int
    summary: str
    """One line for a person."""
    failed: bool


Event = TextDelta | ReasoningDelta | ContextAttached | StepBegun | StepEnded
"""What comes in `$/progress` while an answer is made."""


class ChatUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over all steps of an answer."""

    n_prompt_tokens: int = 0
    n_reused_tokens: int = 0
    """Of the prompts, found in the cache."""
    n_decoded_tokens: int = 0
    tokens_per_second: float | None = None
    """Of writing, without reading the prompt; None where nothing was written."""
    n_dropped_messages: int = 0
    """Of the oldest, for which there was no room in the last prompt."""
    total_ms: float = 0.0


class ProposedEdit(msgspec.Struct, frozen=True, kw_only=True):
    """A change to one file that nobody has made yet."""

    uri: str
    path: str
    """Inside its folder, for people."""
    diff: str
    """Unified; empty where the edit was refused."""
    edit: dict[str, object] | None
    """A `WorkspaceEdit` with the document's version; null where it was refused."""
    refusal: str | None = None
    """Why there is no edit: a sentence for a person."""


class ChatAnswer(msgspec.Struct, frozen=True, kw_only=True):
    content: str
    reasoning: str
    steps: tuple[Step, ...]
    context: str
    """What was attached to the question, to be sent back with it (`Message.context`)."""
    finish_reason: Literal["stop", "length", "step-budget"]
    """`length`: the answer was cut off by `chat.maxTokens` or the context's end."""
    notes: tuple[str, ...]
    """For the person: what was left out or did not work."""
    edits: tuple[ProposedEdit, ...]
    """What the model proposed with its tools."""
    usage: ChatUsage


class EditsParams(msgspec.Struct, frozen=True, rename="camel"):
    """A reply whose code blocks are to be applied."""

    content: str
    uri: str = ""
    """The document meant by blocks that name no file."""


class Edits(msgspec.Struct, frozen=True):
    edits: tuple[ProposedEdit, ...]


class Deleted(msgspec.Struct, frozen=True):
    n_deleted_turns: int


class ConversationParams(msgspec.Struct, frozen=True, rename="camel"):
    conversation_id: str = ""
    """Empty means all conversations of the open folders."""


class ConversationInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that was kept."""

    conversation_id: str
    title: str
    """The beginning of its first question."""
    updated: str
    """UTC, ISO 8601."""
    n_turns: int


class KeptTurn(msgspec.Struct, frozen=True, kw_only=True):
    """One question and what became of it."""

    question: Message
    answer: Message | None
    """None if it was not finished."""
    reasoning: str
    asked: str
    """UTC, ISO 8601."""
    outcome: Literal["pending", "finished", "stopped", "failed"]
    """`pending` for an answer that is being made, or whose server died."""
