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

from lsp.context.language import Language, Quote
from lsp.context.languages import language_of
from lsp.context.lexer import Lexer, Zone
from lsp.document import Snapshot

BEFORE_CHARS = 16_000
"""Characters before the cursor that are looked at: some 400 lines of code, 1 to 2 ms to parse."""
AFTER_CHARS = 6_000
"""Characters after the cursor that are looked at."""

NEXT_LINES = 5
"""Lines below the cursor's that a suggestion is compared with."""

TAB_COLUMNS = 4
"""Only compared with itself: a tab counts as so many columns when a file mixes tabs and spaces."""

_INDENT = re.compile(r"[ \t]*")
_OUTER_LINE = re.compile(r"^[^\s)\]}*/'\"#]", re.MULTILINE)
_SCORED_CHARS = 6_000
_CODE_ENDS = frozenset("()[]{};:=")
_CHILDLESS_TAG = re.compile(r"<(?:br|hr|img|input|link|meta)\b|.*/>$", re.IGNORECASE)
# The middle of a block comment is indented by its own rules.
_INDENTED_LINE = re.compile(r"^([ \t]+)[^\s*]", re.MULTILINE)


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
        """Nothing but indentation before the cursor on its line. Other white space is none: a
        suggestion that was indented by it would be indented anew each time it is judged."""
        return indent_of(self.line_prefix) == self.line_prefix

    @cached_property
    def previous_line(self) -> str:
        """The nearest line above the cursor's that is not blank; "" if there is none."""
        lines = self.before[: len(self.before) - len(self.line_prefix)].rstrip()
        return lines[lines.rfind("\n") + 1 :]

    @cached_property
    def next_lines(self) -> tuple[str, ...]:
        """The `NEXT_LINES` nearest lines below the cursor's that are not blank, or fewer."""
        below = self.after[len(self.line_suffix) :]
        lines = [line.rstrip() for line in below.split("\n", 50)[1:] if line.strip()]
        return tuple(lines[:NEXT_LINES])

    @property
    def next_line(self) -> str:
        """The nearest line below the cursor's that is not blank; "" if there is none."""
        return self.next_lines[0] if self.next_lines else ""

    @cached_property
    def _indents(self) -> list[str]:
        """The indentation of the indented lines near the cursor; the cursor's own comes last."""
        indents = [match.group(1) for match in _INDENTED_LINE.finditer(self.before[-8_000:])]
        indents += [match.group(1) for match in _INDENTED_LINE.finditer(self.after)]
        if self.is_blank_line and self.line_prefix:
            indents.append(self.line_prefix)
        return indents

    @cached_property
    def has_indents(self) -> bool:
        """Whether the file shows how it is indented."""
        return bool(self._indents)

    @cached_property
    def indent_unit(self) -> str:
        """One step of indentation as this file has it: a tab, or so many spaces.

        The commonest step between neighbouring indented lines of the windows decides; a file
        without indented lines takes its language's habit.
        """
        indents = self._indents
        if not indents:
            return "\t" if self.language.uses_tabs else " " * self.language.indent_width
        # Where a file mixes the two, the cursor's own line decides.
        nearest = indents[-1:] if self.is_blank_line and self.line_prefix else indents
        n_tabs = sum(indent[0] == "\t" for indent in nearest)
        if 2 * n_tabs > len(nearest) or (n_tabs and self.language.uses_tabs):
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
        language = self.language
        if language.header and re.fullmatch(language.header, code.lstrip()):
            return True
        word = re.search(r"\w+$", code)
        return word is not None and word.group() in language.begins


def _is_opening_tag(code: str) -> bool:
    tag = code[max(0, code.rfind("<")) :]
    return re.match(r"<[A-Za-z]", tag) is not None and not _CHILDLESS_TAG.match(tag)


def surroundings_of(snapshot: Snapshot) -> Surroundings:
    """Cuts the windows. Costs the windows' length, not the document's."""
    text, offset = snapshot.text, snapshot.offset
    language = language_of(snapshot.language_id, snapshot.uri)
    start = max(0, offset - BEFORE_CHARS)
    before = to_newlines(text[start:offset])
    if start:
        before = _from_code(before, language)
    after = to_newlines(text[offset : offset + AFTER_CHARS])
    return Surroundings(language, before, after)


def _from_code(before: str, language: Language) -> str:
    """A window cut out of a document, from where reading may begin.

    That is a whole line outside strings and comments, and if there is one near, not indented.
    """
    before = before[before.find("\n") + 1 :]
    quote = _string_at_start(before, language)
    start = before.find("\n", before.find(quote.closing)) + 1 if quote is not None else 0
    outer = _OUTER_LINE.search(before, start, start + len(before) // 2)
    return before[outer.start() if outer is not None else start :]


def _string_at_start(before: str, language: Language) -> Quote | None:
    """The string or block comment of several lines in which the window probably begins."""
    for quote in (*language.block_comments, *language.strings):
        if not quote.multiline or quote.closing not in before:
            continue
        if quote.opening == quote.closing:
            is_inside = _code_score(before, language, quote) > _code_score(before, language, None)
        else:
            is_inside = quote.opening not in before[: before.find(quote.closing)]
        if is_inside:
            return quote
    return None


def _code_score(text: str, language: Language, quote: Quote | None) -> int:
    """How well it explains `text` that it begins in `quote`: code outside strings, prose inside."""
    lexer = Lexer(language)
    if quote is not None:
        lexer.enter(Zone.STRING, quote)
    score = 0
    for line in lines_of(text[:_SCORED_CHARS]):
        zone = lexer.zone
        for _ in lexer.read(line):
            pass
        if lexer.zone is zone and line.rstrip()[-1:] in _CODE_ENDS:
            score += 1 if zone is Zone.CODE else -1
    return score
