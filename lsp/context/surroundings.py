"""What stands around the cursor: two bounded windows of the document, lines, indentation.

Everything that judges a suggestion looks at these windows and never at the whole document, so the
cost of a keystroke does not grow with the file. Line endings are `\\n` in here, whatever they are
in the document.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import cached_property

from lsp.context.languages import Language, language_of
from lsp.document import Snapshot

BEFORE_CHARS = 24_000
"""Characters before the cursor that are looked at: some 600 lines of code, 2 ms to parse."""
AFTER_CHARS = 8_000
"""Characters after the cursor that are looked at."""

TAB_COLUMNS = 4
"""Only compared with itself: a tab counts as so many columns when a file mixes tabs and spaces."""

_INDENT = re.compile(r"[ \t]*")
_CHILDLESS_TAG = re.compile(r"<(?:br|hr|img|input|link|meta)\b|.*/>$", re.IGNORECASE)
_INDENTED_LINE = re.compile(r"^([ \t]+)\S", re.MULTILINE)


def to_newlines(text: str) -> str:
    """`text` with every line ending as `\\n`."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def lines_of(text: str) -> list[str]:
    """The lines, each with its `\n`. Unlike `str.splitlines` it cuts at nothing else."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def indent_of(line: str) -> str:
    """The white space a line begins with."""
    match = _INDENT.match(line)
    return match.group() if match else ""


def columns(indent: str) -> int:
    """The width of leading white space; tabs go to the next multiple of `TAB_COLUMNS`."""
    return len(indent.expandtabs(TAB_COLUMNS))


@dataclass(frozen=True)
class Surroundings:
    """The windows around one cursor."""

    language: Language
    before: str
    """The document up to the cursor, at most `BEFORE_CHARS`, from the start of a line."""
    after: str
    """The document from the cursor on, at most `AFTER_CHARS`."""

    @cached_property
    def line_prefix(self) -> str:
        return self.before[self.before.rfind("\n") + 1 :]

    @cached_property
    def line_suffix(self) -> str:
        return self.after.partition("\n")[0]

    @cached_property
    def line_indent(self) -> int:
        """Columns of white space at the start of the cursor's line, up to the cursor."""
        return columns(indent_of(self.line_prefix))

    @cached_property
    def is_blank_line(self) -> bool:
        """Nothing but white space before the cursor on its line."""
        return not self.line_prefix.strip()

    @cached_property
    def previous_line(self) -> str:
        """The nearest line above the cursor's that is not blank; "" if there is none."""
        lines = self.before[: len(self.before) - len(self.line_prefix)].rstrip()
        return lines[lines.rfind("\n") + 1 :]

    @cached_property
    def next_line(self) -> str:
        """The nearest line below the cursor's that is not blank; "" if there is none."""
        below = self.after[len(self.line_suffix) :]
        start = len(below) - len(below.lstrip())
        start = below.rfind("\n", 0, start) + 1
        return below[start:].partition("\n")[0].rstrip()

    @cached_property
    def indent_unit(self) -> str:
        """One step of indentation as this file has it: a tab, or so many spaces.

        The smallest step between neighbouring indented lines of the windows decides; a file
        without indented lines takes its language's habit.
        """
        indents = [m.group(1) for m in _INDENTED_LINE.finditer(self.before[-8_000:])]
        indents += [m.group(1) for m in _INDENTED_LINE.finditer(self.after)]
        if not indents:
            return "\t" if self.language.uses_tabs else " " * self.language.indent_width
        n_tabs = sum(indent[0] == "\t" for indent in indents)
        if 2 * n_tabs > len(indents):
            return "\t"
        widths = [0, *(len(indent) for indent in indents if "\t" not in indent)]
        steps = [b - a for a, b in itertools.pairwise(widths) if b - a in (2, 3, 4, 8)]
        if not steps:
            return " " * self.language.indent_width
        return " " * min(set(steps), key=lambda step: (-steps.count(step), step))

    @cached_property
    def unit_columns(self) -> int:
        return columns(self.indent_unit)

    def opens_block(self, line: str) -> bool:
        """Whether a line, as it stands, begins a block on the next line."""
        code = line.rstrip()
        if not code:
            return False
        if code[-1] in self.language.opens_block:
            return code[-1] != ">" or _is_opening_tag(code)
        words = re.findall(r"\w+", code)
        begins = self.language.begins
        return bool(words) and bool(begins) and (words[0] in begins or words[-1] in begins)


def _is_opening_tag(code: str) -> bool:
    tag = code[max(0, code.rfind("<")) :]
    return re.match(r"<[A-Za-z]", tag) is not None and not _CHILDLESS_TAG.match(tag)


def surroundings_of(snapshot: Snapshot) -> Surroundings:
    """Cuts the windows. Costs the windows' length, not the document's."""
    text, offset = snapshot.text, snapshot.offset
    start = max(0, offset - BEFORE_CHARS)
    before = to_newlines(text[start:offset])
    if start:
        # Half a line would be read as a whole one; so would the second half of a \r\n.
        cut = before.find("\n")
        before = before[cut + 1 :] if cut != -1 else before
    after = to_newlines(text[offset : offset + AFTER_CHARS])
    return Surroundings(language_of(snapshot.language_id, snapshot.uri), before, after)
