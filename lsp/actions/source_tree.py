"""A whole document as a syntax tree, in offsets of Python strings.

`lsp.context.syntax` looks at a window around a cursor, as it runs at every key. An action needs the
whole document, once for each version of it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache

from tree_sitter import Node

from lsp.changes import Span
from lsp.context.language import Language
from lsp.context.languages import parser_of

MAX_CHARS = 1 << 18
"""Documents longer than this are not parsed: editors ask at every move of the cursor."""

_LONE_RETURN = re.compile(r"\r(?!\n)")


class SourceTree:
    """One text and its tree. Broken code has a tree too."""

    def __init__(self, text: str, language: Language, root: Node) -> None:
        self.text = text
        self.language = language
        self.root = root
        self._offsets = _OffsetMap(text)

    def span(self, node: Node) -> Span:
        chars = self._offsets.chars
        start, end = chars(node.start_byte), chars(node.end_byte)
        # To grammars the `\r` of a `\r\n` belongs to a comment before it, and what ends there.
        if start < end and self.text.startswith("\r\n", end - 1):
            end -= 1
        return Span(start, end)

    def cut(self, node: Node) -> str:
        """The text of a node."""
        return self.span(node).cut(self.text)

    def around(self, span: Span) -> Node:
        """The smallest named node that holds the span."""
        start, end = self._offsets.bytes(span.start), self._offsets.bytes(span.end)
        return self.root.named_descendant_for_byte_range(start, end) or self.root

    @property
    def n_errors(self) -> int:
        """Places where the parser had to guess."""
        return sum(1 for node in walk(self.root) if node.is_error or node.is_missing)


class _OffsetMap:
    """Bytes of UTF-8 ⇄ characters. Costs only the characters that are not ASCII."""

    def __init__(self, text: str) -> None:
        self._bytes: list[int] = []
        """Where each wider character ends, in bytes."""
        self._chars: list[int] = []
        self._extra = [0]
        """Bytes beyond one each, before and after every wider character."""
        if text.isascii():
            return
        for match in re.finditer(r"[^\x00-\x7f]", text):
            extra = self._extra[-1] + _width(match.group()) - 1
            self._extra.append(extra)
            self._chars.append(match.end())
            self._bytes.append(match.end() + extra)

    def chars(self, n_bytes: int) -> int:
        return n_bytes - self._extra[bisect_right(self._bytes, n_bytes)]

    def bytes(self, n_chars: int) -> int:
        return n_chars + self._extra[bisect_left(self._chars, n_chars + 1)]


def _width(character: str) -> int:
    return len(character.encode("utf-8", "replace"))


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in the text's order."""
    cursor = node.walk()
    while True:
        current = cursor.node
        if current is not None:
            yield current
        if cursor.goto_first_child() or cursor.goto_next_sibling():
            continue
        while cursor.goto_parent():
            if cursor.goto_next_sibling():
                break
        else:
            return


def parents(node: Node) -> Iterator[Node]:
    """The node, then what holds it, up to the root."""
    current: Node | None = node
    while current is not None:
        yield current
        current = current.parent


@lru_cache(maxsize=4)
def tree_of(text: str, language: Language) -> SourceTree | None:
    """The tree, or None without a grammar or for too long a text.

    Kept for the last few texts: an editor asks about one version of a document many times.
    """
    parser = parser_of(language)
    if parser is None or len(text) > MAX_CHARS:
        return None
    # The grammars do not take a lone \r for a line's end. The lengths stay the same.
    source = _LONE_RETURN.sub("\n", text)
    return SourceTree(text, language, parser.parse(source.encode("utf-8", "replace")).root_node)
