"""What a syntax tree says of the cursor and of an insertion. Broken code is its normal input.

Two questions are answered, and each answer may be "I do not know", for then the lexer and the
indentation decide: is the cursor in code, a string or a comment; and is the statement or block in
which an insertion began at an end.

Only the windows of `lsp.context.surroundings` are parsed, at most 22 000 characters, whatever the
size of the file: about 2 ms once, then under 1 ms for each line inserted, as the tree is reused.
"""

from __future__ import annotations

from enum import StrEnum

from tree_sitter import Node, Tree

from lsp.context.languages import parser_of
from lsp.context.lexer import Zone
from lsp.context.surroundings import Surroundings

_STRINGS = ("string", "char_literal", "character_literal", "rune_literal", "heredoc_body", "regex")
_INTERPOLATIONS = ("interpolation", "template_substitution", "command_substitution", "expansion")
# These begin with their first statement, without a mark of their own.
_UNMARKED_BLOCKS = frozenset(
    {"block", "body_statement", "block_body", "then", "statement_list", "element", "text"}
)


class BlockState(StrEnum):
    OPEN = "open"
    ENDED = "ended"
    UNKNOWN = "unknown"


def zone_at(around: Surroundings) -> Zone | None:
    """What the cursor stands in; None without a grammar and where the code there is broken."""
    parser = parser_of(around.language)
    if parser is None or not around.before:
        return None
    before = _encoded(around.before)
    root = parser.parse(before + _encoded(around.after)).root_node
    cursor = len(before)
    node = root.descendant_for_byte_range(cursor - 1, cursor)
    while node is not None:
        if node.is_error:
            return None
        if node.type.startswith(_INTERPOLATIONS) and node.start_byte < cursor < node.end_byte:
            # Code in a string: the lexer's simpler view, all of it a string, does less harm.
            return None
        if "comment" in node.type and _is_inside_comment(node, cursor):
            return Zone.COMMENT
        if any(name in node.type for name in _STRINGS) and node.start_byte < cursor < node.end_byte:
            return Zone.STRING
        node = node.parent
    return None if _is_line_broken(root, around, cursor) else Zone.CODE


def _is_line_broken(root: Node, around: Surroundings, cursor: int) -> bool:
    """Whether the parser had to guess about the cursor's line, as it does while one types it."""
    start = cursor - len(_encoded(around.line_prefix.lstrip()))
    end = cursor + len(_encoded(around.line_suffix.rstrip()))
    node = root.descendant_for_byte_range(start, max(start, end))
    return node is None or node.has_error


def _is_inside_comment(node: Node, cursor: int) -> bool:
    """At the end of a line comment one still writes in it, at the end of a block comment not."""
    if cursor < node.end_byte:
        return node.start_byte < cursor
    text = node.text or b""
    return node.start_byte < cursor and not text.endswith((b"*/", b"-->", b"\n"))


class InsertedBlock:
    """Follows an insertion at the cursor, line by line.

    On a line with code before the cursor the unit is the statement that begins on that line; on a
    blank line it is the block around the cursor. The text after the cursor is not parsed: whether
    it still fits is for brackets and indentation to say.
    """

    def __init__(self, around: Surroundings) -> None:
        self._parser = parser_of(around.language)
        self._before = _encoded(around.before)
        self._is_blank_line = around.is_blank_line
        self._row = around.before.count("\n")
        self._end = (self._row, len(self._before) - (self._before.rfind(b"\n") + 1))
        # The last character before the cursor that is not white space.
        self._last_byte = len(self._before.rstrip()) - 1
        self._base: Tree | None = None

    def state(self, inserted: str, closers: str) -> BlockState:
        """Whether what comes last in `inserted` is still part of the unit.

        `inserted` ends with the first word of the line in question; `closers` are the brackets
        still owed to the text before the cursor. With them the parser need not guess.
        """
        tree = self._parse(inserted, "\n" + closers)
        if tree is None:
            return BlockState.UNKNOWN
        unit = self._block(tree, inserted) if self._is_blank_line else self._statement(tree)
        if unit is None or unit.has_error or not unit.is_named:
            return BlockState.UNKNOWN
        if unit.parent is not None and unit.parent.is_error:
            return BlockState.UNKNOWN
        last_line = len(self._before) + len(_encoded(inserted[: inserted.rfind("\n") + 1]))
        return BlockState.ENDED if unit.end_byte <= last_line else BlockState.OPEN

    def _parse(self, inserted: str, closers: str) -> Tree | None:
        if self._parser is None:
            return None
        if self._base is None:
            self._base = self._parser.parse(self._before)
        inserted += closers
        source = self._before + _encoded(inserted)
        tree = self._base.copy()
        end = len(self._before)
        row = self._row + inserted.count("\n")
        column = len(source) - (source.rfind(b"\n") + 1)
        tree.edit(end, end, len(source), self._end, self._end, (row, column))
        return self._parser.parse(source, tree)

    def _statement(self, tree: Tree) -> Node | None:
        """The outermost node that begins on the cursor's line and holds what is left of it."""
        if self._last_byte < 0:
            return None
        node = tree.root_node.descendant_for_byte_range(self._last_byte, self._last_byte + 1)
        return _climb(node, self._row)

    def _block(self, tree: Tree, inserted: str) -> Node | None:
        """The node around the first inserted statement; at the top level the root, with no end."""
        start = len(self._before) + len(_encoded(inserted)) - len(_encoded(inserted.lstrip()))
        node = tree.root_node.descendant_for_byte_range(start, start + 1)
        first = _climb(node, node.start_point.row) if node is not None else None
        return first.parent if first is not None else None


def _climb(node: Node | None, row: int) -> Node | None:
    """From a leaf up to the whole statement that begins on `row`."""
    while node is not None and node.parent is not None:
        parent = node.parent
        if parent.parent is None or parent.start_point.row != row or parent.is_error:
            break
        is_block = parent.type in _UNMARKED_BLOCKS and node.is_named
        if is_block and parent.start_byte == node.start_byte:
            break
        node = parent
    return node


def _encoded(text: str) -> bytes:
    # An editor may send half a surrogate pair; it must not stop the parse.
    return text.encode("utf-8", "replace")
