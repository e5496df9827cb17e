"""Where the end of a suggestion says again what already stands after the cursor."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lsp.context.brackets import Enclosure, closer_of
from lsp.context.lexer import Lexer, TokenKind
from lsp.context.surroundings import Surroundings, columns, indent_of
from lsp.trimming.angles import closes_angle

_MAX_CHARS = 400
"""Non-blank characters of either side that are compared."""

_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Overlap:
    start: int
    """The suggestion may keep what comes before this index."""
    is_hopeless: bool = False
    """It repeats the rest of the line but cannot be cut there without breaking its brackets."""


def find_overlap(
    text: str, around: Surroundings, enclosure: Enclosure, *, has_angles: bool = False
) -> Overlap | None:
    """The longest end of `text` that equals the beginning of the text after the cursor.

    White space is not compared. On the cursor's line any whole token counts; when the rest of the
    line is blank, the repetition must begin a line of `text`, at the indentation it has below. What
    closes a bracket, be it opened in `text` or before the cursor, is never a repetition: closing
    brackets that stand after the cursor already have been cut before. `has_angles`: so have angle
    brackets, see `lsp.trimming.angles`.
    """
    has_line_suffix = bool(around.line_suffix.strip())
    below = around.after if has_line_suffix else around.after[len(around.line_suffix) :]
    below = below[: 4 * _MAX_CHARS]
    tail = "".join(text.split())[-_MAX_CHARS:]
    head = "".join(below.split())[:_MAX_CHARS]
    lengths = range(min(len(tail), len(head)), 0, -1)
    repeated = [n_chars for n_chars in lengths if tail.endswith(head[:n_chars])]
    if not repeated:
        return None
    said = [idx for idx, char in enumerate(text) if not char.isspace()]
    there = [idx for idx, char in enumerate(below) if not char.isspace()]
    whole = balance_of(text, around, enclosure)
    is_hopeless = False
    for n_chars in repeated:
        start, end = said[-n_chars], there[n_chars - 1] + 1
        if _splits_word(text, start) or _splits_word(below, end):
            continue
        if not has_line_suffix and not _same_indent(text, start, around):
            continue
        kept = balance_of(text[:start], around, enclosure)
        breaks_angles = has_angles and closes_angle(text, start, around)
        fewer_closed = len(kept.opened) > len(whole.opened) or kept.n_closing < whole.n_closing
        if fewer_closed or breaks_angles:
            is_hopeless |= has_line_suffix and n_chars > 1 and bool(_WORD.search(text, start))
            continue
        return Overlap(start)
    return Overlap(0, is_hopeless=True) if is_hopeless else None


def _splits_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and bool(_WORD.match(text[at - 1]) and _WORD.match(text[at]))


def _same_indent(text: str, start: int, around: Surroundings) -> bool:
    """Whether the repetition begins a line of the suggestion, as deep as the line below is."""
    line_start = text.rfind("\n", 0, start) + 1
    if text[line_start:start].strip():
        return False
    indent = columns(text[line_start:start])
    if line_start == 0:
        if not around.is_blank_line:
            return False
        indent = columns(around.line_prefix + text[:start])
    return indent == columns(indent_of(around.next_line))


@dataclass(frozen=True, slots=True)
class Balance:
    opened: tuple[int, ...]
    """Where the text has brackets and quotes that it opens and does not close."""
    n_closing: int
    """Closing brackets for what was opened before it."""


def balance_of(text: str, around: Surroundings, enclosure: Enclosure) -> Balance:
    """What a suggestion at the cursor opens and closes."""
    language = around.language
    lexer = Lexer(language, around.line_prefix)
    lexer.enter(enclosure.zone, enclosure.quote)
    stack: list[tuple[str, int]] = []
    quote_at = 0
    n_closing = 0
    for token in lexer.read(text):
        if token.kind is TokenKind.OPEN:
            stack.append((closer_of(language, token.text), token.index))
        elif token.kind is TokenKind.QUOTE_OPEN:
            quote_at = token.index
        elif token.kind is TokenKind.CLOSE:
            partners = [idx for idx, (closer, _) in enumerate(stack) if closer == token.text]
            n_closing += not partners
            del stack[partners[-1] if partners else len(stack) :]
    is_new_quote = lexer.quote is not None and enclosure.quote is None
    opened = [index for _, index in stack] + ([quote_at] if is_new_quote else [])
    return Balance(tuple(opened), n_closing)
