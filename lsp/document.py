"""`Snapshot`: a document and a cursor at one moment, in Python string offsets. No LSP types."""

from __future__ import annotations

from dataclasses import dataclass

_EOL_SAMPLE_CHARS = 65_536


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one request sees. Taken when the request arrives and never changed after.

    `offset` is an index into `text`, 0 to `len(text)`, and never lies between the two characters
    of a `\\r\\n`. Lines are LSP lines: only `\\n`, `\\r\\n` and `\\r` end one; a form feed or
    U+2028 does not. No property splits the document; the costliest copies one side of the cursor.
    """

    uri: str
    version: int
    language_id: str
    text: str
    offset: int

    @property
    def prefix(self) -> str:
        """All text before the cursor."""
        return self.text[: self.offset]

    @property
    def suffix(self) -> str:
        """All text after the cursor."""
        return self.text[self.offset :]

    @property
    def line_start(self) -> int:
        """Offset of the first character of the cursor's line."""
        start = self.text.rfind("\n", 0, self.offset) + 1
        # Searching only behind the last \n keeps this short in files without lone \r.
        return max(start, self.text.rfind("\r", start, self.offset) + 1)

    @property
    def line_end(self) -> int:
        """Offset of the end of the cursor's line, its line ending not included."""
        end = self.text.find("\n", self.offset)
        end = len(self.text) if end == -1 else end
        carriage_return = self.text.find("\r", self.offset, end)
        return end if carriage_return == -1 else carriage_return

    @property
    def line_prefix(self) -> str:
        """The cursor's line, up to the cursor."""
        return self.text[self.line_start : self.offset]

    @property
    def line_suffix(self) -> str:
        """The cursor's line from the cursor on, without its line ending."""
        return self.text[self.offset : self.line_end]

    @property
    def line_number(self) -> int:
        """Zero-based line of the cursor."""
        text, end = self.text, self.offset
        return text.count("\n", 0, end) + text.count("\r", 0, end) - text.count("\r\n", 0, end)

    @property
    def eol(self) -> str:
        """The document's dominant line ending: "\\n", "\\r\\n" or "\\r"; "\\n" where it has none.

        Judged by the document's first 64 Ki characters.
        """
        text, end = self.text, _EOL_SAMPLE_CHARS
        n_crlf = text.count("\r\n", 0, end)
        n_lf = text.count("\n", 0, end) - n_crlf
        n_cr = text.count("\r", 0, end) - n_crlf
        most = max(n_lf, n_crlf, n_cr)
        if most == n_lf:
            return "\n"
        return "\r\n" if most == n_crlf else "\r"
