"""What a file defines, by its syntax tree: functions, classes and the like, with their lines."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tree_sitter import Node

from lsp.context.languages import language_of, parser_of

MAX_CHARS = 1 << 20
_DEFINITION = re.compile(
    r"(?:function|method|class|struct|enum|interface|trait|module|namespace|type|object|record"
    r"|constructor|impl|mod|singleton|macro)\w*"
)
_KINDS = re.compile(r"\w+_(?:definition|declaration|item|specifier|spec|signature|alias)")
_WRAPPERS = frozenset({"decorated_definition", "export_statement"})
_RUBY = frozenset({"method", "class", "module", "singleton_method"})


@dataclass(frozen=True, slots=True)
class Symbol:
    name: str
    kind: str
    first_line: int
    """Counted from 1, as is the last."""
    last_line: int
    depth: int
    """How many other definitions it stands in."""


def outline(text: str, path: str, language_id: str = "plaintext") -> list[Symbol] | None:
    """The definitions of a file in their order; None without a grammar for its language."""
    parser = parser_of(language_of(language_id, path))
    if parser is None or len(text) > MAX_CHARS:
        return None
    symbols: list[Symbol] = []
    root = parser.parse(text.encode("utf-8", "replace")).root_node
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        symbol = _symbol(node, depth)
        if symbol is not None:
            symbols.append(symbol)
            depth += 1
        waiting += [(child, depth) for child in reversed(node.named_children)]
    return symbols


def _symbol(node: Node, depth: int) -> Symbol | None:
    kind = node.type
    is_kind = kind in _RUBY or bool(_KINDS.fullmatch(kind) and _DEFINITION.match(kind))
    name = _name(node) if is_kind else None
    if name is None:
        return None
    outer = node
    while outer.parent is not None and outer.parent.type in (
        "decorated_definition",
        "export_statement",
    ):
        outer = outer.parent
    word = kind.partition("_")[0]
    return Symbol(name, word, outer.start_point.row + 1, node.end_point.row + 1, depth)


def _name(node: Node) -> str | None:
    found = node.child_by_field_name("name")
    declarator = node.child_by_field_name("declarator")
    while found is None and declarator is not None:  # C: the name is inside
        found = declarator.child_by_field_name("name")
        if declarator.type.endswith("identifier"):
            found = declarator
        declarator = declarator.child_by_field_name("declarator")
    if found is None or found.text is None:
        return None
    return found.text.decode("utf-8", "replace")[:200]
