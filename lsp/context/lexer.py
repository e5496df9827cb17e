"""A small lexer for any language in the table: where strings, comments and brackets are.

It never fails, and what it says of a character depends on that character, on what came before it
and on at most `LOOKAHEAD_CHARS` after it. So a stream can be judged as it comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from lsp.context.language import Language, Quote

LOOKAHEAD_CHARS = 3
"""`<!--` and `--[[` are the longest tokens: their first character needs three more."""

_TAIL_CHARS = 2

_REGEX = Quote("/", "/")
# A slash is a regular expression where a value may begin. What comes before it is looked at and not
# matched, since it may be in what was read before: the end of the line above.
_VALUE_FOLLOWS = r"[(,=:\[!&|?{};]"
_REGEX_OPENING = rf"(?:(?<={_VALUE_FOLLOWS})|(?<={_VALUE_FOLLOWS}\s))/(?![/*\s])"
_CHARACTER = Quote("'", "'")


class Zone(StrEnum):
    CODE = "code"
    STRING = "string"
    COMMENT = "comment"


class TokenKind(StrEnum):
    OPEN = "open"
    CLOSE = "close"
    QUOTE_OPEN = "quote-open"
    QUOTE_CLOSE = "quote-close"


@dataclass(frozen=True, slots=True)
class Token:
    kind: TokenKind
    index: int
    """Where it begins in the text given to `Lexer.read`."""
    text: str


@cache
def _code_pattern(language: Language) -> re.Pattern[str]:
    """Finds the next thing in code that matters; the group's name says what it is."""
    comments = [re.escape(quote.opening) for quote in language.block_comments]
    strings = sorted((q.opening for q in language.strings), key=len, reverse=True)
    # A letter that opens a string (Rust's r, C++'s R) must not be the end of a longer word.
    quotes = [rf"\b{re.escape(s)}" if s[0].isalpha() else re.escape(s) for s in strings]
    lines = [_line_comment(language, text) for text in language.line_comments]
    groups = {
        "block": comments,
        "line": lines,
        "quote": quotes,
        "char": [r"'(?=\\|[^\\'\n]')"] if language.char_literals else [],
        "regex": [_REGEX_OPENING] if language.regex_literals else [],
        "bracket": [f"[{re.escape(language.brackets)}]"] if language.brackets else [],
    }
    parts = [f"(?P<{name}>{'|'.join(items)})" for name, items in groups.items() if items]
    # Prose has nothing that matters: a pattern that never matches.
    return re.compile("|".join(parts) or "(?!)")


def _line_comment(language: Language, text: str) -> str:
    """In shells and YAML a `#` inside a word is no comment."""
    loose = text == "#" and language.id in {"shellscript", "yaml"}
    return r"(?<![^\s;])#" if loose else re.escape(text)


@cache
def _string_pattern(quote: Quote) -> re.Pattern[str]:
    skipped = r"\\(?s:.)|" if quote.escapes else ""
    return re.compile(rf"{skipped}(?P<close>{re.escape(quote.closing)})|(?P<newline>\n)")


LexerState = tuple[str, Quote | None, bool]


class Lexer:
    """Carries its state from one `read` to the next; `copy` lets a reader look ahead."""

    __slots__ = ("_comment", "_tail", "language", "quote")

    def __init__(self, language: Language, tail: str = "") -> None:
        """`tail`: what comes right before the first text read."""
        self.language = language
        self._tail = tail[-_TAIL_CHARS:]
        self.quote: Quote | None = None
        """The string or comment the position is in."""
        self._comment = False

    def copy(self) -> Lexer:
        return Lexer.resumed(self.language, self.state)

    @property
    def state(self) -> LexerState:
        """All that what comes next depends on; for `resumed`, and to key caches."""
        return self._tail, self.quote, self._comment

    @classmethod
    def resumed(cls, language: Language, state: LexerState) -> Lexer:
        lexer = cls(language)
        lexer._tail, lexer.quote, lexer._comment = state
        return lexer

    @property
    def zone(self) -> Zone:
        if self._comment:
            return Zone.COMMENT
        return Zone.CODE if self.quote is None else Zone.STRING

    def enter(self, zone: Zone, quote: Quote | None) -> None:
        """Sets the state from what a better judge (a syntax tree) knows."""
        self._comment = zone is Zone.COMMENT
        self.quote = quote

    def read(self, text: str) -> Iterator[Token]:
        """Reads `text` to its end and yields its brackets in code and its quotes, in order."""
        # Whether a slash begins a regular expression is for what comes before it to say.
        n_tail, text = len(self._tail), self._tail + text
        self._tail = text[-_TAIL_CHARS:]
        position = n_tail
        while position < len(text):
            if self.quote is None and not self._comment:
                match = _code_pattern(self.language).search(text, position)
                if match is None:
                    return
                yield from self._code(match, n_tail)
            elif self.quote is None:
                newline = text.find("\n", position)
                if newline == -1:
                    return
                self._comment = False
                position = newline + 1
                continue
            else:
                match = _string_pattern(self.quote).search(text, position)
                if match is None:
                    return
                yield from self._string(match, self.quote, n_tail)
            position = match.end()

    def _code(self, match: re.Match[str], n_tail: int) -> Iterator[Token]:
        text = match.group()
        match match.lastgroup:
            case "line":
                self._comment = True
            case "block":
                self._comment = True
                self.quote = _quote_opened(self.language.block_comments, text)
            case "quote":
                self.quote = _quote_opened(self.language.strings, text)
                yield Token(TokenKind.QUOTE_OPEN, match.start() - n_tail, text)
            case "char":
                self.quote = _CHARACTER
                yield Token(TokenKind.QUOTE_OPEN, match.start() - n_tail, text)
            case "regex":
                self.quote = _REGEX
                yield Token(TokenKind.QUOTE_OPEN, match.start() - n_tail, text)
            case _:
                opens = self.language.brackets.index(text) % 2 == 0
                yield Token(
                    TokenKind.OPEN if opens else TokenKind.CLOSE, match.start() - n_tail, text
                )

    def _string(self, match: re.Match[str], quote: Quote, n_tail: int) -> Iterator[Token]:
        if match.lastgroup == "close":
            if not self._comment:
                yield Token(TokenKind.QUOTE_CLOSE, match.start() - n_tail, quote.closing)
            self.quote, self._comment = None, False
        elif match.lastgroup == "newline" and not quote.multiline:
            self.quote = None


def _quote_opened(quotes: tuple[Quote, ...], text: str) -> Quote:
    return next(quote for quote in quotes if quote.opening == text)
