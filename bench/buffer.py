"""The editor's own copy of an open file."""

from __future__ import annotations

from bench.trace import Event, apply


class Buffer:
    """Text, version and cursor as the editor sees them."""

    def __init__(self, uri: str, language: str, text: str) -> None:
        self.uri = uri
        self.language = language
        self.text = text
        self.version = 1
        self.cursor = 0

    def position(self, offset: int) -> dict[str, int]:
        """An offset as an LSP position in UTF-16 units."""
        start = self.text.rfind("\n", 0, offset) + 1
        column = len(self.text[start:offset].encode("utf-16-le")) // 2
        return {"line": self.text.count("\n", 0, start), "character": column}

    def apply(self, event: Event) -> None:
        """Do what the event says. The version is the sender's business."""
        self.text, self.cursor = apply(self.text, event)
