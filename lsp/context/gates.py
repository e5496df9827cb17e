"""Cheap checks before any work is done: may a suggestion be asked for here at all?

Each refusal has a name, for `sotto/recentRequests`, and a sentence for people. No check reads more
than the cursor's line and `BINARY_WINDOW_CHARS` around it, whatever the size of the document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from lsp.document import Snapshot

MAX_DOCUMENT_CHARS = 10_000_000
MAX_LINE_CHARS = 5_000
"""Longer lines are data or minified code."""
MIN_CONTEXT_CHARS = 4
"""Characters other than white space in the document, before a model has anything to go by."""
BINARY_WINDOW_CHARS = 8_192
MAX_GARBLED_SHARE = 0.02
"""Share of control and replacement characters above which a text is no text."""

_EDITABLE_SCHEMES = frozenset(
    {"file", "untitled", "vscode-notebook-cell", "vscode-remote", "vscode-vfs", "memfs", ""}
)
_GARBLED = re.compile("[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):")
# Closing brackets and quotes, then at most one mark that ends a statement or opens a block.
_INERT_SUFFIX = re.compile(r"[)\]}>\"'`]*[;,:]?[{(\[]?(?:\*/|-->|</[\w.:\-]*>|;)?")


class Trigger(StrEnum):
    AUTOMATIC = "automatic"
    """The user typed or moved."""
    INVOKED = "invoked"
    """The user asked, by a key or a command."""


class GateReason(StrEnum):
    """Why no suggestion was asked for. `sentence` says it to a person."""

    SELECTION = "selection"
    READ_ONLY = "read-only"
    LANGUAGE_DISABLED = "language-disabled"
    DOCUMENT_TOO_LARGE = "document-too-large"
    LINE_TOO_LONG = "line-too-long"
    BINARY = "binary"
    TOO_LITTLE_TEXT = "too-little-text"
    MID_IDENTIFIER = "mid-identifier"
    TEXT_AFTER_CURSOR = "text-after-cursor"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    GateReason.SELECTION: "Text is selected.",
    GateReason.READ_ONLY: "The document is read-only or not a file.",
    GateReason.LANGUAGE_DISABLED: "Suggestions are switched off for this language.",
    GateReason.DOCUMENT_TOO_LARGE: "The document is too large.",
    GateReason.LINE_TOO_LONG: "The line is too long; it looks like data or minified code.",
    GateReason.BINARY: "The document does not look like text.",
    GateReason.TOO_LITTLE_TEXT: "There is too little text to go by.",
    GateReason.MID_IDENTIFIER: "The cursor is inside a word.",
    GateReason.TEXT_AFTER_CURSOR: "There is more than closing brackets right of the cursor.",
}


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What the user's settings may change."""

    disabled_languages: frozenset[str] = field(default_factory=frozenset[str])
    """LSP language ids."""
    max_document_chars: int = MAX_DOCUMENT_CHARS
    max_line_chars: int = MAX_LINE_CHARS


def should_suggest(
    snapshot: Snapshot,
    trigger: Trigger,
    *,
    has_selection: bool = False,
    limits: GateLimits = GateLimits(),
) -> GateReason | None:
    """Why not to suggest here, or None to go on.

    Where the user asked for it, what only makes a suggestion unlikely to help does not count. What
    makes it wrong or costly does.
    """
    if has_selection:
        return GateReason.SELECTION
    if not is_editable(snapshot.uri):
        return GateReason.READ_ONLY
    if snapshot.language_id in limits.disabled_languages:
        return GateReason.LANGUAGE_DISABLED
    if len(snapshot.text) > limits.max_document_chars:
        return GateReason.DOCUMENT_TOO_LARGE
    line = _line_around(snapshot, limits.max_line_chars)
    if line is None:
        return GateReason.LINE_TOO_LONG
    if _looks_binary(snapshot):
        return GateReason.BINARY
    if trigger is Trigger.INVOKED:
        return None
    if _has_too_little_text(snapshot):
        return GateReason.TOO_LITTLE_TEXT
    return _beside_cursor(*line)


def is_editable(uri: str) -> bool:
    """Whether the document is one a person edits, by its URI's scheme.

    Views such as `git:`, `output:` or a debug console are not. A Windows path's drive is no scheme.
    """
    match = _SCHEME.match(uri)
    return match is None or match.group(1).lower() in _EDITABLE_SCHEMES


def _line_around(snapshot: Snapshot, max_chars: int) -> tuple[str, str] | None:
    """The line before and after the cursor, or None if it is longer than `max_chars`.

    Looks no farther than that, so a line of 50 MB costs nothing.
    """
    text, offset = snapshot.text, snapshot.offset
    before = text[max(0, offset - max_chars - 1) : offset]
    after = text[offset : offset + max_chars + 1]
    before = before[max(before.rfind("\n"), before.rfind("\r")) + 1 :]
    ends = [end for end in (after.find("\n"), after.find("\r")) if end != -1]
    after = after[: min(ends)] if ends else after
    return None if len(before) + len(after) > max_chars else (before, after)


def _looks_binary(snapshot: Snapshot) -> bool:
    """A NUL at the top (as git judges) or near the cursor, or too much that is no character."""
    text, offset = snapshot.text, snapshot.offset
    start = max(0, offset - BINARY_WINDOW_CHARS)
    for window in (text[:BINARY_WINDOW_CHARS], text[start : offset + BINARY_WINDOW_CHARS]):
        if "\0" in window:
            return True
        if len(_GARBLED.findall(window)) > MAX_GARBLED_SHARE * len(window):
            return True
    return False


def _has_too_little_text(snapshot: Snapshot) -> bool:
    start = max(0, snapshot.offset - 256)
    window = snapshot.text[start : snapshot.offset + 256]
    return len("".join(window.split())) < MIN_CONTEXT_CHARS


def _beside_cursor(before: str, after: str) -> GateReason | None:
    if after[:1].isalnum() or after[:1] == "_":
        is_inside = before[-1:].isalnum() or before[-1:] == "_"
        return GateReason.MID_IDENTIFIER if is_inside else GateReason.TEXT_AFTER_CURSOR
    return None if _INERT_SUFFIX.fullmatch("".join(after.split())) else GateReason.TEXT_AFTER_CURSOR
