"""A conversation as a Markdown file, for editors that have no panel for it.

    ## You

    @src/stock.py:3-9

    Why is this slow?

    ## Sotto

    …

What stands under the last `## You` is the next question. A line of its own that begins with `@`
attaches a file, or lines of it, to the whole conversation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lsp.chat.protocol import Attachment, Message, Range
from lsp.records import RecordPosition

YOU = "## You"
ANSWER = "## Sotto"

_ROLES = {YOU: "user", ANSWER: "assistant"}
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_ATTACHED = re.compile(
    r"^@(?P<path>[^\s:][^:\n]*?)(?::(?P<first>\d{1,9})(?:-(?P<last>\d{1,9}))?)?[ \t\r]*$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Page:
    """What was said so far. The last message is the user's if there is a question to answer."""

    messages: tuple[Message, ...]

    @property
    def asks(self) -> bool:
        return bool(self.messages) and self.messages[-1].role == "user"


def beginning(question: str = "", *, attached: str = "") -> str:
    """The text of a new page, with room for the answer or for a question."""
    parts = [YOU, f"@{attached}" if attached else "", question]
    return "\n\n".join(part for part in parts if part) + "\n\n"


def reference(path: str, lines: tuple[int, int] | None) -> str:
    """What follows the `@`; lines count from 1."""
    return f"{path}:{lines[0]}-{lines[1]}" if lines else path


def read_page(text: str) -> Page:
    """Messages that are empty are left out, with what stands before the first heading."""
    messages: list[Message] = []
    attachments: dict[Attachment, None] = {}
    for role, section in _sections(text):
        content = section
        if role == "user":
            attachments |= dict.fromkeys(map(_attachment, _ATTACHED.finditer(section)))
            content = _ATTACHED.sub("", section)
        if content.strip():
            messages.append(Message("user" if role == "user" else "assistant", content.strip()))
    if messages and messages[-1].role == "user":
        last = messages.pop()
        messages.append(Message("user", last.content, attachments=tuple(attachments)))
    return Page(tuple(messages))


def _sections(text: str) -> list[tuple[str, str]]:
    """Role and text of each heading; one in a code block is none."""
    sections: list[tuple[str, str]] = []
    fence = ""
    for line in re.split(r"(?<=\n)", text):
        if found := _FENCE.match(line):
            if not fence:
                fence = found[1]
            elif found[1].startswith(fence):
                fence = ""
        role = None if fence else _ROLES.get(line.strip())
        if role:
            sections.append((role, ""))
        elif sections:
            sections[-1] = (sections[-1][0], sections[-1][1] + line)
    return sections


def _attachment(found: re.Match[str]) -> Attachment:
    if found["first"] is None:
        return Attachment(kind="file", uri=found["path"])
    first = max(int(found["first"]), 1)
    last = max(int(found["last"] or first), first)
    return Attachment(
        kind="selection",
        uri=found["path"],
        range=Range(RecordPosition(first - 1, 0), RecordPosition(last, 0)),
    )
