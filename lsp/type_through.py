"""The rest of a suggestion while the user types it, without asking the model.

A suggestion is remembered with what stood right around the cursor. It fits a later cursor when the
text there is that same neighbourhood with the beginning of the suggestion typed into it; what is
left of the suggestion is then the answer. Typing, accepting a word or a line, and deleting back to
an earlier point of the suggestion all look the same: only the text counts, never how it came about.

The neighbourhood is `CONTEXT_BEFORE_CHARS` before and `CONTEXT_AFTER_CHARS` after the cursor, or
less where the document begins or ends there. An edit farther away (an import added at the top)
leaves the suggestion where it is: it still inserts the same text between the same neighbours.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from itertools import takewhile

from lsp.context.brackets import closer_of
from lsp.context.language import Language
from lsp.context.languages import language_of
from lsp.context.lexer import Lexer, TokenKind
from lsp.document import Snapshot

CONTEXT_BEFORE_CHARS = 1024
CONTEXT_AFTER_CHARS = 256
MAX_SUGGESTIONS = 8
"""Per document; the oldest goes first."""
MAX_DOCUMENTS = 32
"""The one not asked for longest goes first."""
MAX_TEXT_CHARS = 8_192
"""Longer suggestions are not remembered."""
MAX_DEPARTURE_CHARS = 64
"""Typed since a suggestion from which its beginning departs; after more it says little."""
MAX_AUTO_CLOSED_CHARS = 64
"""Of closing brackets and white space an editor has added right of the cursor."""


@dataclass(frozen=True, slots=True)
class Remainder:
    text: str
    """What is left to suggest; never empty."""
    n_typed_chars: int
    """How much of the suggestion is in the document already."""


@dataclass(frozen=True, slots=True)
class _Suggestion:
    before: str
    after: str
    text: str


class TypeThrough:
    """The last suggestions of each document. Memory is bounded by the constants above."""

    def __init__(self) -> None:
        self._documents: OrderedDict[str, deque[_Suggestion]] = OrderedDict()

    def store(self, snapshot: Snapshot, text: str) -> None:
        """Remembers that `text` was suggested at the snapshot's cursor."""
        if not text or len(text) > MAX_TEXT_CHARS:
            return
        suggestion = _Suggestion(
            _before(snapshot, snapshot.offset), _after(snapshot, snapshot.offset), text
        )
        suggestions = self._documents.setdefault(snapshot.uri, deque(maxlen=MAX_SUGGESTIONS))
        if suggestion in suggestions:
            suggestions.remove(suggestion)
        suggestions.append(suggestion)
        self._documents.move_to_end(snapshot.uri)
        if len(self._documents) > MAX_DOCUMENTS:
            self._documents.popitem(last=False)

    def forget(self, uri: str) -> None:
        """Drops a document's suggestions: it was closed, or its text was replaced."""
        self._documents.pop(uri, None)

    def lookup(self, snapshot: Snapshot) -> Remainder | None:
        """What is left of a suggestion at this cursor, the newest first; None if none fits."""
        suggestions = self._documents.get(snapshot.uri)
        if not suggestions:
            return None
        self._documents.move_to_end(snapshot.uri)
        language = language_of(snapshot.language_id, snapshot.uri)
        for suggestion in reversed(suggestions):
            found = _fit(suggestion, snapshot, language)
            if found is not None:
                return found
        return None

    def departed_from(self, snapshot: Snapshot) -> str:
        """The rest of the last suggestion, where something else was typed than its beginning.

        "" where there is none, or it was made elsewhere. What the user means is often nearly that:
        the next suggestion can be drafted from it.
        """
        suggestions = self._documents.get(snapshot.uri)
        if not suggestions:
            return ""
        suggestion, cursor = suggestions[-1], snapshot.offset
        for start in range(cursor - 1, max(cursor - MAX_DEPARTURE_CHARS, 0) - 1, -1):
            if _before(snapshot, start) == suggestion.before:
                pairs = zip(snapshot.text[start:cursor], suggestion.text, strict=False)
                n_same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
                return suggestion.text[n_same:]
        return ""


def _before(snapshot: Snapshot, offset: int) -> str:
    return snapshot.text[max(0, offset - CONTEXT_BEFORE_CHARS) : offset]


def _after(snapshot: Snapshot, offset: int) -> str:
    return snapshot.text[offset : offset + CONTEXT_AFTER_CHARS]


def _fit(suggestion: _Suggestion, snapshot: Snapshot, language: Language) -> Remainder | None:
    """The remainder with the most typed, of all ways in which the suggestion fits."""
    text, typed_text, cursor = suggestion.text, snapshot.text, snapshot.offset
    for n_typed in range(min(len(text) - 1, cursor), -1, -1):
        # The last character alone rules out nearly all lengths.
        if n_typed and text[n_typed - 1] != typed_text[cursor - 1]:
            continue
        start = cursor - n_typed
        if not typed_text.startswith(text[:n_typed], start):
            continue
        if _before(snapshot, start) != suggestion.before:
            continue
        rest = _rest(suggestion, n_typed, snapshot, language)
        if rest:
            return Remainder(rest, n_typed)
    return None


def _rest(
    suggestion: _Suggestion, n_typed: int, snapshot: Snapshot, language: Language
) -> str | None:
    """What is left when `n_typed` characters are typed; None if the text after does not fit."""
    cursor = snapshot.offset
    if _after(snapshot, cursor) == suggestion.after:
        return suggestion.text[n_typed:]
    if n_typed == 0:
        return None
    for end in range(cursor + 1, min(cursor + MAX_AUTO_CLOSED_CHARS, len(snapshot.text)) + 1):
        char = snapshot.text[end - 1]
        if char.isalnum():
            return None
        if not char.isspace() and _after(snapshot, end) == suggestion.after:
            added = snapshot.text[cursor:end]
            return _until_closed(suggestion.text, n_typed, added, language)
    return None


def _until_closed(text: str, n_typed: int, added: str, language: Language) -> str | None:
    """What is left before the suggestion closes what the editor has already closed with `added`.

    None unless `added` consists, but for white space, of closing marks for what the typed part
    leaves open, innermost first. An editor may have left some out; those are taken to be the inner
    ones, as the suggestion then still closes them itself.
    """
    marks = "".join(added.split())
    first: int | None = None
    for mark, index in reversed(_closings(text, n_typed, language)):
        if marks.endswith(mark):
            marks = marks[: -len(mark)]
            first = index
    if marks or first is None:
        return None
    rest = text[n_typed:first]
    # The line break before the closing mark is there already, too.
    return rest.rstrip() if added[0].isspace() else rest


def _closings(text: str, n_typed: int, language: Language) -> list[tuple[str, int]]:
    """The marks that close what is open after `n_typed` characters, and where `text` has them."""
    lexer = Lexer(language)
    stack: list[tuple[str, int]] = []
    found: list[tuple[str, int]] = []
    for token in lexer.read(text):
        if token.kind is TokenKind.OPEN:
            stack.append((closer_of(language, token.text), token.index))
        elif token.kind is TokenKind.QUOTE_OPEN:
            quote = lexer.quote
            stack.append((quote.closing if quote else token.text, token.index))
        elif stack and stack[-1][0] == token.text:
            mark, opened_at = stack.pop()
            if opened_at < n_typed <= token.index:
                found.append((mark, token.index))
    return found
