"""Raw model text → what may be shown as ghost text at a cursor.

The text is read as it comes, from left to right, and the first thing that must not be shown ends
it: everything before is kept, everything after is never looked at. That is what makes stopping
early safe: once a `Trimmer` is complete, more text cannot change its result.

Nothing here knows the model. What is shown is the beginning of what the model wrote, except that
white space at the beginning of lines may change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from lsp.context.brackets import Enclosure, Opener, closer_of, enclosure_of
from lsp.context.languages import BlockStyle
from lsp.context.lexer import LOOKAHEAD_CHARS, Lexer, Token, TokenKind, Zone
from lsp.context.overlap import find_overlap
from lsp.context.reindent import Indenter
from lsp.context.repetition import is_line_loop, is_telling, loop_end, squash
from lsp.context.surroundings import (
    Surroundings,
    columns,
    indent_of,
    surroundings_of,
    to_newlines,
)
from lsp.context.syntax import BlockState, InsertedBlock, zone_at
from lsp.document import Snapshot

MAX_LINES = 16
"""Lines one suggestion may have; more is hard to judge at a glance and slow to wait for."""


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
    INCOMPLETE = "incomplete"
    """The model was stopped by its token limit in the middle of this."""


@dataclass(frozen=True, slots=True)
class Trimmed:
    text: str
    """What to insert at the cursor, with the document's line endings; "" shows nothing."""
    reason: TrimReason | None
    """Why `text` is empty; None if it is not."""
    cut: TrimReason | None = None
    """The first rule that shortened the raw text; None if it was taken to its end."""


def trim(
    raw: str, snapshot: Snapshot, *, multiline: bool | None = None, truncated: bool = False
) -> Trimmed:
    """What of `raw` may be shown. `Trimmer` says what the parameters mean."""
    trimmer = Trimmer(snapshot, multiline=multiline)
    trimmer.feed(raw)
    return trimmer.result(truncated=truncated)


def is_complete(raw: str, snapshot: Snapshot, *, multiline: bool | None = None) -> bool:
    """Whether nothing that may follow `raw` can be shown, so that generation may stop."""
    return Trimmer(snapshot, multiline=multiline).feed(raw)


def wants_multiline(snapshot: Snapshot) -> bool:
    """Whether several lines may be suggested at this cursor; `Trimmer.multiline` without a raw."""
    return Trimmer(snapshot).multiline


# What must never reach an editor: control characters, broken characters, line separators the LSP
# does not count, marks that reorder text, and control tokens a model wrote out as text.
_FORBIDDEN = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffd\ud800-\udfff]"
)
_CONTROL_TOKEN = r"<\|[a-z]|<｜"  # noqa: S105 (a model's token, not a password)
_HEAD = re.compile(r"\s*(?:\w+|\S)")
_LAST_WORD = re.compile(r"[\w$]+$")
_CARRIES_ON = re.compile(r"[.?:&|+*/%=<>,)\]}\-]")
_ONLY_CLOSERS = re.compile(r"\s*[)\]};,]*")


@dataclass(frozen=True)
class _Place:
    """Where the suggestion goes: read once, used by every pass."""

    around: Surroundings
    enclosure: Enclosure
    block: InsertedBlock
    multiline: bool
    max_lines: int
    forbidden: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Cut:
    """The end of a suggestion: it keeps `n_lines` whole lines and `head` of the next."""

    n_lines: int
    head: str | None
    reason: TrimReason


class Trimmer:
    """Takes a model's text as it comes and says when no more of it can be shown.

        trimmer = Trimmer(snapshot)
        async for chunk in generation:
            if trimmer.feed(chunk.text):
                break
        shown = trimmer.result(truncated=hit_the_token_limit)

    `multiline`: None lets the text around the cursor decide; True allows several lines, False one.
    Reading the surroundings costs some 3 ms once; feeding costs the new line only.
    """

    def __init__(
        self, snapshot: Snapshot, *, multiline: bool | None = None, max_lines: int = MAX_LINES
    ) -> None:
        around = surroundings_of(snapshot)
        enclosure = enclosure_of(around, zone_at(around))
        if multiline is None:
            multiline = _wants_multiline(around, enclosure)
        # A file about such tokens (this project's, say) may have them suggested.
        is_about_tokens = "<|" in around.before or "<|" in around.after
        forbidden = _FORBIDDEN if is_about_tokens else f"{_FORBIDDEN}|{_CONTROL_TOKEN}"
        self._place = _Place(
            around,
            enclosure,
            InsertedBlock(around),
            multiline,
            max_lines if multiline else 1,
            re.compile(forbidden),
        )
        self._eol = snapshot.eol
        self._pass = _Pass(self._place)

    @property
    def multiline(self) -> bool:
        return self._place.multiline

    @property
    def is_complete(self) -> bool:
        return self._pass.cut is not None

    def feed(self, text: str) -> bool:
        """Takes more text; True when no more of it can be shown."""
        self._pass.feed(text)
        return self.is_complete

    def result(self, *, truncated: bool = False) -> Trimmed:
        """What may be shown of all that was fed.

        `truncated`: the model was stopped by a token limit, so its last line or word is unfinished
        and left out where something remains without it.
        """
        text, cut = self._pass.text(truncated=truncated)
        is_empty_input = not self._pass.has_input
        reason = cut
        while text:
            # What is left is judged like fresh text, until nothing changes any more.
            again = _Pass(self._place)
            again.feed(text)
            shorter, cut_again = again.text(truncated=False)
            if shorter == text:
                break
            text, reason = shorter, cut_again or reason
        if text:
            return Trimmed(text.replace("\n", self._eol), None, cut)
        if is_empty_input:
            return Trimmed("", TrimReason.NOTHING)
        reason = reason or TrimReason.WHITESPACE
        return Trimmed("", reason, cut or reason)


def _wants_multiline(around: Surroundings, enclosure: Enclosure) -> bool:
    """Several lines on a blank line, after what opens a block, and in an empty `{}`.

    One line in comments and strings, and wherever text stands right of the cursor.
    """
    if enclosure.zone is not Zone.CODE:
        return False
    before = around.line_prefix.rstrip()
    suffix = around.line_suffix.strip()
    if suffix:
        is_empty_braces = before.endswith("{") and suffix[0] == "}"
        return is_empty_braces and _ONLY_CLOSERS.fullmatch(suffix) is not None
    return not before or around.opens_block(around.line_prefix)


@dataclass(slots=True)
class _State:
    """What is known at the beginning of a line."""

    lexer: Lexer
    outer: list[Opener]
    """Brackets opened before the cursor that are still open."""
    inner: list[str]
    """Closing brackets owed by the suggestion."""
    in_first_quote: bool
    """Still in the string the cursor stands in."""

    def copy(self) -> _State:
        return _State(self.lexer.copy(), self.outer[:], self.inner[:], self.in_first_quote)


class _Pass:
    """One reading of a text, from left to right. `cut` is where it ended, once it has.

    Each line goes through the same checks in the same order, as soon as enough of it is there:
    its first word (does the block go on?), its brackets and loops, and as a whole its neighbours.
    """

    def __init__(self, place: _Place) -> None:
        self._place = place
        self._around = place.around
        self._language = place.around.language
        self._indenter = Indenter(place.around, place.enclosure)
        enclosure = place.enclosure
        lexer = Lexer(self._language)
        lexer.enter(enclosure.zone, enclosure.quote)
        self._state = _State(lexer, list(enclosure.openers), [], enclosure.quote is not None)
        row = self._around.before.count("\n")
        # Brackets opened above the cursor's line: to close one of those ends the unit.
        self._n_outside = sum(opener.line < row for opener in enclosure.openers)
        self._lines: list[str] = []
        self._line = ""
        self._pending_return = False
        self._follows_newline = False
        self._ends_with_line = False
        self.has_input = False
        self.cut: _Cut | None = None

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
                self.cut = self._judge(is_whole=True) or _Cut(
                    len(self._lines), self._shown(), TrimReason.CONTROL_CHARACTER
                )
            elif newline:
                self.cut = self._end_line()
            else:
                self.cut = self._judge(is_whole=False)

    def text(self, *, truncated: bool) -> tuple[str, TrimReason | None]:
        """What may be shown, with `\\n` as line ending, and the first rule that shortened it."""
        cut = self.cut or self._judge(is_whole=True)
        if cut is None and truncated:
            cut = self._unfinished()
        lines = self._lines if cut is None else self._lines[: cut.n_lines]
        head = self._shown() if cut is None else cut.head
        text = "\n".join(lines if head is None else [*lines, head])
        reason = None if cut is None else cut.reason
        text = self._stripped(text)
        while text:
            overlap = find_overlap(text, self._around, self._place.enclosure)
            if overlap is None:
                break
            reason = reason or TrimReason.REPEATS_SUFFIX
            text = self._stripped(text[: overlap.start])
        return text, reason

    def _unfinished(self) -> _Cut:
        """Leaves out what a token limit left unfinished: the last of several lines, or a word."""
        if any(line.strip() for line in self._lines):
            return _Cut(len(self._lines), None, TrimReason.INCOMPLETE)
        line = self._shown() or ""
        rest = _LAST_WORD.sub("", line)
        head = rest if rest.strip() else line
        return _Cut(len(self._lines), head, TrimReason.INCOMPLETE)

    def _stripped(self, text: str) -> str:
        """Without white space at the end, but for what separates it from the text that follows."""
        kept = text.rstrip()
        tail = text[len(kept) :]
        suffix = self._around.line_suffix
        if not kept or not tail or not suffix or suffix[0].isspace():
            return kept
        if "\n" not in tail:
            return kept if suffix[0] in ")]};,:" else text
        # `{‸}`: the body is on lines of its own, so the closing bracket gets one too.
        openers = self._place.enclosure.openers
        if openers and closer_of(self._language, openers[-1].bracket) == suffix[0]:
            return f"{kept}\n{indent_of(self._around.line_prefix)}"
        return kept

    def _shown(self) -> str | None:
        """The current line as it would be shown; None if it stands left of the cursor."""
        if not self._lines:
            return self._indenter.first(self._line, follows_newline=self._follows_newline)
        if self._state.lexer.zone is not Zone.CODE:
            return self._line
        return self._indenter.later(self._line)

    def _end_line(self) -> _Cut | None:
        if not self._lines and self._around.is_blank_line and not self._line.strip():
            # The cursor already is on a line of its own.
            self._line, self._follows_newline = "", True
            return None
        cut = self._judge(is_whole=True)
        if cut is not None:
            return cut
        line = self._shown() or ""
        self._ends_with_line = self._is_end_word(line)
        self._read(line + "\n", len(line) + 1, self._state)
        self._lines.append(line)
        self._line = ""
        n_lines = len(self._lines)
        if self._ends_with_line or len(self._state.outer) < self._n_outside:
            return _Cut(n_lines, None, TrimReason.BLOCK_ENDED)
        n_counted = n_lines - (not self._lines[0].strip() and self._place.multiline)
        if n_counted >= self._place.max_lines:
            reason = TrimReason.MAX_LINES if self._place.multiline else TrimReason.SINGLE_LINE
            return _Cut(n_lines, None, reason)
        return None

    # Judging one line.

    def _judge(self, *, is_whole: bool) -> _Cut | None:
        """Where the current line must end the suggestion, if it must.

        While a line is not whole its last characters are left alone: what they are depends on
        what follows.
        """
        n_lines = len(self._lines)
        head = _HEAD.match(self._line)
        if head is None:
            if is_whole and n_lines and not self._lines[-1] and (n_lines > 1):
                return _Cut(n_lines - 1, None, TrimReason.PARAGRAPH_ENDED)
            return None
        n_unstable = 0 if is_whole else LOOKAHEAD_CHARS
        if head.end() > len(self._line) - n_unstable:
            return None
        line = self._shown()
        if line is None:
            return _Cut(0, None, TrimReason.BLOCK_ENDED)
        if n_lines and self._state.lexer.zone is Zone.CODE:
            reason = self._ended_before(line, head.group().strip())
            if reason is not None:
                return _Cut(n_lines, None, reason)
        n_stable = len(line) - n_unstable
        stop = self._read(line, n_stable, self._state.copy())
        looped = loop_end(line[:n_stable])
        if looped is not None and (stop is None or looped <= stop[0]):
            return _Cut(n_lines, None, TrimReason.REPETITION)
        if stop is not None:
            return _Cut(n_lines, line[: stop[0]], stop[1])
        return self._judge_whole(line) if is_whole else None

    def _read(self, text: str, n_stable: int, state: _State) -> tuple[int, TrimReason] | None:
        """Reads brackets and quotes into `state`, up to the first that must not be shown."""
        for token in state.lexer.read(text):
            if token.index >= n_stable:
                return None
            reason = self._token(token, state)
            if reason is not None:
                return token.index, reason
        return None

    def _token(self, token: Token, state: _State) -> TrimReason | None:
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
        if word in self._language.ends and indent <= base:
            return TrimReason.BLOCK_ENDED if not self._is_end_word(line) else None
        if word in self._language.continues and indent >= base:
            return None
        nearest = state.outer[-1].bracket if state.outer else ""
        if nearest and (nearest in "([" or self._language.block is not BlockStyle.BRACES):
            return None
        text = "\n".join([*self._lines, line[: len(line) - len(line.lstrip())] + word])
        closers = [closer_of(self._language, opener.bracket) for opener in reversed(state.outer)]
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

    def _judge_whole(self, line: str) -> _Cut | None:
        """The rules that need all of a line: it says again what stands above or below."""
        around = self._around
        n_lines = len(self._lines)
        if n_lines:
            if not around.line_suffix.strip() and line.lstrip()[0] not in ")]}":
                is_next = _same(line, around.next_line)
                is_word = line.strip().rstrip(":") in self._language.continues
                if is_next and (is_telling(line, 4) or is_word):
                    return _Cut(n_lines, None, TrimReason.REPEATS_NEXT_LINE)
            n_looped = is_line_loop(self._lines, line)
            return _Cut(n_lines + 1 - n_looped, None, TrimReason.REPETITION) if n_looped else None
        full = around.line_prefix + line
        if around.line_suffix.strip() or not is_telling(full):
            return None
        if _same(full, around.next_line):
            return _Cut(0, None, TrimReason.REPEATS_NEXT_LINE)
        if _same(full, around.previous_line):
            return _Cut(0, None, TrimReason.REPEATS_PREVIOUS_LINE)
        return None


def _same(line: str, other: str) -> bool:
    """Whether two lines say the same at the same depth."""
    return squash(line) == squash(other) and columns(indent_of(line)) == columns(indent_of(other))
