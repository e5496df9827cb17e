"""Which brackets are open at the cursor, and which of them the text after it already closes.

The answer decides whether a closing bracket in a suggestion is one too many. Counting alone is
wrong as soon as the file is broken elsewhere, so indentation has a say: a bracket that stands first
on its line closes what was opened on a line with the same indentation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from lsp.context.language import Language, Quote
from lsp.context.lexer import Lexer, LexerState, TokenKind, Zone
from lsp.context.surroundings import Surroundings, columns, indent_of, lines_of

MAX_DEPTH = 40
"""Brackets and closers beyond this many are not paired; nobody nests so deep on purpose."""


_EXACT = 3
"""The weight of a closer that stands first on a line as deep as its opener's."""


@dataclass(frozen=True, slots=True)
class Opener:
    """A bracket that is open at the cursor."""

    bracket: str
    indent: int
    """Columns of its line's indentation."""
    line: int
    is_closed: bool = False
    """The text after the cursor closes it."""


@dataclass(frozen=True, slots=True)
class _Closer:
    bracket: str
    indent: int
    is_first: bool
    """It stands first on its line, so its indentation means something."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """What the cursor stands in."""

    openers: tuple[Opener, ...]
    """Outermost first."""
    zone: Zone
    quote: Quote | None
    """The string (or block comment) the cursor is in."""
    is_quote_closed: bool
    """The text right of the cursor ends that string."""


def closer_of(language: Language, bracket: str) -> str:
    return language.brackets[language.brackets.index(bracket) + 1]


def enclosure_of(around: Surroundings, zone: Zone | None = None) -> Enclosure:
    """Reads both windows. `zone` is a syntax tree's judgement of the cursor, where there is one."""
    above = around.before[: len(around.before) - len(around.line_prefix)]
    opened, state = _read_above(around.language, above)
    lexer = Lexer.resumed(around.language, state)
    openers = _openers(lexer, list(opened), around.line_prefix, above.count("\n"))
    if zone is not None and zone is not lexer.zone:
        # The window began inside a string, or one is broken: what was counted is worth nothing.
        lexer.enter(zone, _likely_quote(around) if zone is Zone.STRING else None)
        openers = []
    is_closed = lexer.quote is not None and _closes(lexer.quote, around)
    at_cursor = lexer.copy()
    if lexer.quote is not None and not is_closed:
        lexer.enter(Zone.CODE, None)
    closers = _closers(lexer, around)
    return Enclosure(
        tuple(_paired(around.language, openers[-MAX_DEPTH:], closers[:MAX_DEPTH])),
        at_cursor.zone,
        at_cursor.quote,
        is_closed,
    )


def _likely_quote(around: Surroundings) -> Quote | None:
    """The string the cursor is in, where only the tree saw its beginning."""
    quotes = around.language.strings
    on_line = [quote for quote in quotes if quote.opening in around.line_prefix]
    if on_line:
        return max(on_line, key=lambda quote: around.line_prefix.rfind(quote.opening))
    return next((quote for quote in quotes if quote.multiline), None)


@lru_cache(maxsize=8)
def _read_above(language: Language, text: str) -> tuple[tuple[Opener, ...], LexerState]:
    """What whole lines leave open: the same at every key of the line below them."""
    lexer = Lexer(language)
    return tuple(_openers(lexer, [], text, 0)), lexer.state


def _openers(lexer: Lexer, stack: list[Opener], text: str, first_line: int) -> list[Opener]:
    """The brackets left open at the end of `text`, outermost first; in `stack` those before it."""
    for number, line in enumerate(lines_of(text), first_line):
        may_be_stale = bool(stack) and stack[-1].bracket in "([" and lexer.zone is Zone.CODE
        if may_be_stale and _begins_statement(line, lexer.language):
            _drop_stale(stack, columns(indent_of(line)))
        for token in lexer.read(line):
            if token.kind is TokenKind.OPEN:
                stack.append(Opener(token.text, columns(indent_of(line)), number))
            elif token.kind is TokenKind.CLOSE:
                _close(stack, lexer.language, token.text)
    return stack


def _begins_statement(line: str, language: Language) -> bool:
    """Whether a line begins something, and does not end what is open."""
    word = re.match(r"\s*(\w+|\S)", line)
    return word is not None and word.group(1) not in (*")]}", *language.ends)


def _drop_stale(stack: list[Opener], indent: int) -> None:
    """Forgets `(` and `[` that an earlier, broken statement left open.

    Code inside them is indented deeper than the line they are on.
    """
    while stack and stack[-1].bracket in "([" and indent <= stack[-1].indent:
        stack.pop()


def _close(stack: list[Opener], language: Language, closer: str) -> None:
    """Takes off what `closer` closes, and what is left open inside it; a stray one does nothing."""
    for idx in range(len(stack) - 1, -1, -1):
        if closer_of(language, stack[idx].bracket) == closer:
            del stack[idx:]
            return


def _closes(quote: Quote, around: Surroundings) -> bool:
    """Whether the string open at the cursor ends right of it.

    With equal marks at both ends that is an odd number of them; the rest are other strings'. A mark
    as common as `"` is only counted on the cursor's line, even where strings may go on below.
    """
    is_long = quote.multiline and (len(quote.closing) > 1 or quote.closing == "`")
    text = around.after if is_long else around.line_suffix
    if quote.opening != quote.closing:
        closing, opening = text.find(quote.closing), text.find(quote.opening)
        return closing != -1 and not 0 <= opening < closing
    n_escaped = text.count("\\" + quote.closing) if quote.escapes else 0
    return (text.count(quote.closing) - n_escaped) % 2 == 1


def _closers(lexer: Lexer, around: Surroundings) -> list[_Closer]:
    """The brackets after the cursor that close something before it, in order."""
    first, newline, below = around.after.partition("\n")
    stack: list[str] = []
    found = _closers_in(lexer, stack, first + newline, around.line_prefix)
    return [*found, *_read_below(lexer.language, lexer.state, tuple(stack), below)]


@lru_cache(maxsize=8)
def _read_below(
    language: Language, state: LexerState, opened: tuple[str, ...], text: str
) -> list[_Closer]:
    """Of the lines below the cursor's: mostly the same at every key."""
    return _closers_in(Lexer.resumed(language, state), list(opened), text)


def _closers_in(lexer: Lexer, stack: list[str], text: str, head: str = "") -> list[_Closer]:
    """`head` stands before the first line; `stack` holds what would close brackets opened since
    the cursor."""
    found: list[_Closer] = []
    for line in lines_of(text):
        indent = columns(indent_of(head + line))
        for token in lexer.read(line):
            if token.kind is TokenKind.OPEN:
                stack.append(closer_of(lexer.language, token.text))
            elif token.kind is TokenKind.CLOSE and token.text in stack:
                del stack[len(stack) - 1 - stack[::-1].index(token.text) :]
            elif token.kind is TokenKind.CLOSE:
                is_first = not (head + line[: token.index]).strip()
                found.append(_Closer(token.text, indent, is_first))
                if len(found) == MAX_DEPTH:
                    return found
        head = ""
    return found


def _paired(language: Language, openers: list[Opener], closers: list[_Closer]) -> list[Opener]:
    """The openers, each with whether a closer belongs to it.

    The best pairing in order (a longest common subsequence with weights). Where several are equally
    good the inner brackets stay open, for those are what the user is writing, unless indentation
    speaks for the inner one.
    """
    inner_first = openers[::-1]
    n_openers, n_closers = len(inner_first), len(closers)
    best = [[0] * (n_closers + 1) for _ in range(n_openers + 1)]
    for i in range(n_openers - 1, -1, -1):
        for j in range(n_closers - 1, -1, -1):
            weight = _weight(language, inner_first[i], closers[j])
            paired = weight + best[i + 1][j + 1] if weight else 0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], paired)
    result: list[Opener] = []
    j = 0
    for i, opener in enumerate(inner_first):
        # Skip closers that belong to brackets farther out, or to nothing.
        while j < n_closers and best[i][j] == best[i][j + 1] and best[i][j] != best[i + 1][j]:
            j += 1
        weight = _weight(language, opener, closers[j]) if j < n_closers else 0
        is_best = weight > 0 and best[i][j] == weight + best[i + 1][j + 1]
        if is_best and (weight == _EXACT or best[i][j] != best[i + 1][j]):
            opener = Opener(opener.bracket, opener.indent, opener.line, is_closed=True)  # noqa: PLW2901 (the same bracket)
            j += 1
        result.append(opener)
    return result[::-1]


def _weight(language: Language, opener: Opener, closer: _Closer) -> int:
    """How well a closer fits an opener; 0 if it cannot belong to it."""
    if closer_of(language, opener.bracket) != closer.bracket:
        return 0
    if not closer.is_first:
        return 2
    if closer.indent == opener.indent:
        return _EXACT
    return 1 if closer.indent > opener.indent else 0
