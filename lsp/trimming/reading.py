"""One reading of a suggestion, from left to right, and the rules that end it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from lsp.context.brackets import Opener, closer_of
from lsp.context.language import BlockStyle
from lsp.context.lexer import LOOKAHEAD_CHARS, Lexer, Token, TokenKind, Zone
from lsp.context.surroundings import columns, indent_of, to_newlines
from lsp.context.syntax import BlockState
from lsp.trimming.angles import surplus_angle
from lsp.trimming.neighbours import (
    is_idle_twice,
    is_same,
    repeat_two_below,
    repeats_above,
    repeats_below,
)
from lsp.trimming.place import Place
from lsp.trimming.reindent import Indenter
from lsp.trimming.repetition import is_line_loop, loop_end

_HEAD = re.compile(r"\s*(?:\w+|</|\S)")
_LAST_WORD = re.compile(r"[\w$]+$")
_CARRIES_ON = re.compile(r"[.?:&|+*/%=<>,)\]}\-]")


class TrimReason(StrEnum):
    """Why a suggestion was cut, or why nothing of it is left."""

    NOTHING = "nothing"
    WHITESPACE = "whitespace-only"
    SINGLE_LINE = "single-line"
    MAX_LINES = "max-lines"
    CONTROL_CHARACTER = "control-character"
    BLOCK_ENDED = "block-ended"
    PARAGRAPH_ENDED = "paragraph-ended"
    ALREADY_CLOSED = "already-closed"
    """A closing bracket or quote that already stands after the cursor."""
    UNBALANCED = "unbalanced"
    """A closing bracket that closes nothing."""
    REPEATS_SUFFIX = "repeats-suffix"
    REPEATS_NEXT_LINE = "repeats-next-line"
    REPEATS_PREVIOUS_LINE = "repeats-previous-line"
    REPETITION = "repetition"
    EMPTY_COMMENT = "empty-comment"
    INCOMPLETE = "incomplete"
    """The model was stopped by its token limit in the middle of this."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The end of a suggestion: it keeps `n_lines` whole lines and `head` of the next."""

    n_lines: int
    head: str | None
    reason: TrimReason


@dataclass(slots=True)
class State:
    """What is known at the beginning of a line."""

    lexer: Lexer
    outer: list[Opener]
    """Brackets opened before the cursor that are still open."""
    inner: list[str]
    """Closing brackets owed by the suggestion."""
    in_first_quote: bool
    """Still in the string the cursor stands in."""

    def copy(self) -> State:
        return State(self.lexer.copy(), self.outer[:], self.inner[:], self.in_first_quote)


class Reading:
    """One reading of a text, from left to right. `cut` is where it ended, once it has.

    Each line goes through the same checks in the same order, as soon as enough of it is there:
    its first word (does the block go on?), its brackets and loops, and as a whole its neighbours.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._around = place.around
        self._language = place.around.language
        self._indenter = Indenter(place.around, place.enclosure)
        enclosure = place.enclosure
        lexer = Lexer(self._language, self._around.line_prefix)
        lexer.enter(enclosure.zone, enclosure.quote)
        self._state = State(lexer, list(enclosure.openers), [], enclosure.quote is not None)
        row = self._around.before.count("\n")
        # Brackets opened above the cursor's line: to close one of those ends the unit.
        self._n_outside = sum(opener.line < row for opener in enclosure.openers)
        self._lines: list[str] = []
        self._line = ""
        # What is known of the current line already, so that it is found out once.
        self._n_loop_free = 0
        self._goes_on = False
        self._pending_return = False
        self._follows_newline = False
        self.has_input = False
        self.cut: Cut | None = None

    # Reading.

    def feed(self, text: str) -> None:
        """Takes text with any line endings."""
        self.has_input = self.has_input or bool(text)
        if self._pending_return:
            text = "\r" + text
        self._pending_return = text.endswith("\r")
        if self._pending_return:
            text = text[:-1]
        text = to_newlines(text)
        while text and self.cut is None:
            piece, newline, text = text.partition("\n")
            self._line += piece
            forbidden = self._place.forbidden.search(self._line)
            if forbidden is not None:
                self._line = self._line[: forbidden.start()]
                self.cut = self._judge(is_whole=True) or Cut(
                    len(self._lines), self._shown(), TrimReason.CONTROL_CHARACTER
                )
            elif newline:
                self.cut = self._end_line()
            else:
                self.cut = self._judge(is_whole=False)

    def finish(self) -> None:
        """No more text comes: a `\\r` at the end is a line ending and not half of one."""
        if self._pending_return:
            self.feed("\n")

    def text(self, *, truncated: bool) -> tuple[str, TrimReason | None]:
        """What was read, with `\\n` as line ending, and the rule that ended it, if one did."""
        cut = self.cut or self._judge(is_whole=True)
        if cut is None and truncated:
            cut = self._unfinished()
        lines = self._lines if cut is None else self._lines[: cut.n_lines]
        head = self._shown() if cut is None else cut.head
        text = "\n".join(lines if head is None else [*lines, head])
        reason = None if cut is None else cut.reason
        return text, reason

    def _unfinished(self) -> Cut:
        """Leaves out what a token limit left unfinished: the last of several lines, or a word."""
        if any(line.strip() for line in self._lines):
            return Cut(len(self._lines), None, TrimReason.INCOMPLETE)
        line = self._shown() or ""
        rest = _LAST_WORD.sub("", line)
        head = rest if rest.strip() else line
        return Cut(len(self._lines), head, TrimReason.INCOMPLETE)

    def _shown(self) -> str | None:
        """The current line as it would be shown; None if it stands left of the cursor."""
        if not self._lines:
            return self._indenter.first(self._line, follows_newline=self._follows_newline)
        if self._state.lexer.zone is not Zone.CODE:
            return self._line
        return self._indenter.later(self._line)

    def _end_line(self) -> Cut | None:
        if not self._lines and self._around.is_blank_line and not self._line.strip():
            # The cursor already is on a line of its own.
            self._line, self._follows_newline = "", True
            return None
        cut = self._judge(is_whole=True)
        if cut is not None:
            return cut
        line = self._shown() or ""
        ends_block = self._is_end_word(line)
        self._read(line + "\n", len(line) + 1, self._state)
        self._lines.append(line.rstrip())
        self._line, self._n_loop_free, self._goes_on = "", 0, False
        n_lines = len(self._lines)
        if ends_block or len(self._state.outer) < self._n_outside:
            return Cut(n_lines, None, TrimReason.BLOCK_ENDED)
        n_counted = n_lines - (not self._lines[0].strip() and self._place.multiline)
        if n_counted >= self._place.max_lines:
            reason = TrimReason.MAX_LINES if self._place.multiline else TrimReason.SINGLE_LINE
            return Cut(n_lines, None, reason)
        return None

    # Judging one line.

    def _judge(self, *, is_whole: bool) -> Cut | None:
        """Where the current line must end the suggestion, if it must.

        While a line is not whole its last characters are left alone: what they are depends on
        what follows.
        """
        n_lines = len(self._lines)
        is_code = self._state.lexer.zone is Zone.CODE
        head = _HEAD.match(self._line)
        if head is None:
            is_second_blank = is_whole and is_code and n_lines > 1 and not self._lines[-1]
            return Cut(n_lines - 1, None, TrimReason.PARAGRAPH_ENDED) if is_second_blank else None
        n_unstable = 0 if is_whole else LOOKAHEAD_CHARS
        # Only a later line needs all of its first word, to be told from `else` and `end`.
        n_needed = head.end() if n_lines else len(indent_of(self._line)) + 1
        if n_needed > len(self._line) - n_unstable:
            return None
        line = self._shown()
        if line is None:
            return Cut(0, None, TrimReason.BLOCK_ENDED)
        if n_lines and is_code and not self._goes_on:
            reason = self._ended_before(line, head.group().strip())
            if reason is not None:
                return Cut(n_lines, None, reason)
            self._goes_on = True
        n_stable = len(line) - n_unstable
        stop = self._read(line, n_stable, self._state.copy())
        if n_lines == 0 and self._place.angles_left is not None:
            angle = surplus_angle(line, self._around, self._place.angles_left)
            if angle is not None and angle < (n_stable if stop is None else stop[0]):
                stop = angle, TrimReason.ALREADY_CLOSED
        looped = loop_end(line[:n_stable], self._n_loop_free)
        if looped is not None and (stop is None or looped <= stop[0]):
            return Cut(n_lines, None, TrimReason.REPETITION)
        self._n_loop_free = n_stable
        if stop is not None:
            return Cut(n_lines, line[: stop[0]], stop[1])
        return self._judge_whole(line) if is_whole else None

    def _read(self, text: str, n_stable: int, state: State) -> tuple[int, TrimReason] | None:
        """Reads brackets and quotes into `state`, up to the first that must not be shown."""
        for token in state.lexer.read(text):
            if token.index >= n_stable:
                return None
            reason = self._token(token, state)
            if reason is not None:
                return token.index, reason
        return None

    def _token(self, token: Token, state: State) -> TrimReason | None:
        if token.kind is TokenKind.OPEN:
            state.inner.append(closer_of(self._language, token.text))
        elif token.kind is TokenKind.QUOTE_CLOSE and state.in_first_quote:
            state.in_first_quote = False
            return TrimReason.ALREADY_CLOSED if self._place.enclosure.is_quote_closed else None
        elif token.kind is TokenKind.CLOSE:
            if state.inner:
                return None if state.inner.pop() == token.text else TrimReason.UNBALANCED
            if not state.outer:
                return TrimReason.UNBALANCED
            opener = state.outer.pop()
            if closer_of(self._language, opener.bracket) != token.text:
                return TrimReason.UNBALANCED
            return TrimReason.ALREADY_CLOSED if opener.is_closed else None
        return None

    def _ended_before(self, line: str, word: str) -> TrimReason | None:
        """Why a line that begins with `word` no longer belongs to what was begun at the cursor."""
        state = self._state
        if state.inner or len(state.outer) > self._n_outside or word in ")]}":
            return None
        indent = columns(indent_of(line))
        is_blank_line = self._around.is_blank_line
        base = self._indenter.column
        if word in self._language.ends and (indent < base if is_blank_line else indent <= base):
            return TrimReason.BLOCK_ENDED if not self._is_end_word(line) else None
        words_above = self._lines[-1].split()
        if {word, *words_above[-1:]} & self._language.continues and indent >= base:
            return None
        nearest = state.outer[-1].bracket if state.outer else ""
        if nearest and (nearest in "([" or self._language.block is not BlockStyle.BRACES):
            return None
        text = "\n".join([*self._lines, line[: len(line) - len(line.lstrip())] + word])
        closers = [closer_of(self._language, opener.bracket) for opener in reversed(state.outer)]
        # Trees hang a comment anywhere, so it is judged by its indentation.
        is_comment = line.lstrip().startswith(self._language.line_comments)
        block = BlockState.UNKNOWN
        if not is_comment:
            block = self._place.block.state(text, "".join(closers))
        if block is BlockState.UNKNOWN:
            ends = indent < base if is_blank_line else indent <= base
            block = BlockState.ENDED if ends and not _CARRIES_ON.match(word) else BlockState.OPEN
        if block is BlockState.ENDED:
            return TrimReason.BLOCK_ENDED
        is_paragraph = is_blank_line and not self._lines[-1] and indent <= base
        if is_paragraph and (base == 0 or self._around.opens_block(self._lines[0])):
            return TrimReason.PARAGRAPH_ENDED
        return None

    def _is_end_word(self, line: str) -> bool:
        """Whether the line is the `end` that the unit needs and that does not follow it already."""
        word = _HEAD.match(line)
        if word is None or word.group().strip() not in self._language.ends or self._state.inner:
            return False
        indent = columns(indent_of(line))
        base = self._indenter.column
        if not self._lines or not (indent < base if self._around.is_blank_line else indent == base):
            return False
        below = _HEAD.match(self._around.next_line)
        has_end = below is not None and below.group().strip() in self._language.ends
        return not (has_end and columns(indent_of(self._around.next_line)) == indent)

    def _judge_whole(self, line: str) -> Cut | None:
        """The rules that need all of a line: it says again what stands above or below."""
        around, lines = self._around, self._lines
        n_lines = len(lines)
        is_code = self._state.lexer.zone is Zone.CODE
        full = line if n_lines else around.line_prefix + line
        above_at = max((idx for idx, text in enumerate(lines) if text), default=0)
        above = lines[above_at] if lines else ""
        if above_at == 0:
            above = around.line_prefix + above
        if not around.line_suffix.strip():
            # A later line's closing brackets are needed: what stands below already was cut before.
            is_closing = n_lines > 0 and line.lstrip()[0] in ")]}"
            if not is_closing and repeats_below(full, around, is_code=is_code):
                return Cut(n_lines, None, TrimReason.REPEATS_NEXT_LINE)
            if not is_closing and n_lines and repeat_two_below(above, line, around):
                return Cut(above_at, None, TrimReason.REPEATS_NEXT_LINE)
            if not n_lines and repeats_above(full, around.previous_line, is_code=is_code):
                return Cut(0, None, TrimReason.REPEATS_PREVIOUS_LINE)
        if not n_lines:
            return None
        if is_code and is_same(line, above) and is_idle_twice(line):
            return Cut(n_lines, None, TrimReason.REPETITION)
        n_looped = is_line_loop(lines, line)
        return Cut(n_lines + 1 - n_looped, None, TrimReason.REPETITION) if n_looped else None
