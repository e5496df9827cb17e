"""Gives suggested lines the indentation the file has and the cursor allows.

Models err in a few ways that can be told from the text alone: they repeat the indentation the
cursor already stands in, begin deeper than any statement may stand there, indent the body relative
to the cursor instead of the line, or use tabs in a file of spaces.
"""

from __future__ import annotations

from lsp.context.brackets import Enclosure
from lsp.context.language import BlockStyle
from lsp.context.surroundings import Surroundings, columns, indent_of

# These may stand at the indentation of the line that opened their block.
_LABELS = ("case", "default", "public", "private", "protected", "when", "in")


class Indenter:
    """For one suggestion: `first` for its first line, then `later` for each line after it."""

    def __init__(self, around: Surroundings, enclosure: Enclosure) -> None:
        self._around = around
        self._enclosure = enclosure
        self._shift: int | None = None
        self._dropped = 0
        self._first_line = ""
        self.column = around.line_indent
        """Columns at which the line stands that the suggestion begins in."""

    def first(self, line: str, *, follows_newline: bool) -> str | None:
        """The first line that has text, or None if it belongs left of the cursor.

        `follows_newline`: the model ended the cursor's blank line first, so its white space is all
        of the indentation and not an addition to the cursor's.
        """
        raw = indent_of(line)
        text = line[len(raw) :]
        around = self._around
        if not around.is_blank_line:
            if around.line_prefix[-1:].isspace() and text:
                line = text
            self._first_line = around.line_prefix + line
            return line
        self._first_line = text
        wanted = columns(around.line_prefix + self._in_file_style(raw))
        if follows_newline:
            wanted = columns(self._in_file_style(raw))
            if wanted < around.line_indent:
                return None
        self.column = max(around.line_indent, min(wanted, self._deepest(wanted)))
        self._dropped = wanted - self.column
        added = self.column - around.line_indent
        return (self._indent(added) if added else "") + text

    def later(self, line: str) -> str:
        """A line after the first, which is known by now; a blank line comes back empty."""
        raw = indent_of(line)
        text = line[len(raw) :]
        if not text:
            return ""
        styled = self._in_file_style(raw)
        if self._shift is None:
            self._shift = self._shift_for(columns(styled), text)
        if self._shift == 0:
            return styled + text
        return self._indent(max(0, columns(styled) + self._shift)) + text

    def _deepest(self, wanted: int) -> int:
        """The deepest column at which a statement may begin on the cursor's line."""
        around = self._around
        openers = self._enclosure.openers
        if openers and openers[-1].bracket in "([" and around.line_indent == 0:
            # Inside brackets a line may be aligned with anything.
            return wanted
        if around.language.block is BlockStyle.FLAT:
            return wanted
        previous = columns(indent_of(around.previous_line))
        if around.opens_block(around.previous_line):
            return previous + around.unit_columns
        return previous

    def _shift_for(self, column: int, text: str) -> int:
        """Columns by which all lines after the first move, judged by the first of them."""
        opens = self._around.opens_block(self._first_line)
        if self._dropped:
            # Was the excess in the first line alone, or is the whole suggestion too deep?
            n_deeper = 1 if opens else 0
            return -self._dropped if column >= self.column + self._dropped + n_deeper else 0
        # Inside ( and [ the lines stand as they like.
        opens = opens and self._first_line.rstrip()[-1] not in "(["
        is_body = text[0] not in ")]}" and not text.startswith(_LABELS)
        if opens and is_body and 0 < column <= self.column:
            return self.column + self._around.unit_columns - column
        return 0

    def _in_file_style(self, indent: str) -> str:
        if not self._around.has_indents:
            return indent
        unit = self._around.indent_unit
        if unit == "\t":
            return indent.replace(" " * self._around.language.indent_width, "\t")
        return indent.replace("\t", unit)

    def _indent(self, n_columns: int) -> str:
        if self._around.indent_unit != "\t":
            return " " * n_columns
        return "\t" * (n_columns // columns("\t")) + " " * (n_columns % columns("\t"))
