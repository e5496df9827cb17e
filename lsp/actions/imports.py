"""Imports in an answer go to the file's own, wherever those are."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tree_sitter import Node

from lsp.actions.definitions import line_end
from lsp.actions.source_tree import SourceTree, tree_of
from lsp.changes import Change, Span, joined
from lsp.context.language import Language

_IMPORTS = frozenset({"import_statement", "import_from_statement", "future_import_statement"})
_HEADS = frozenset({"comment", "hash_bang_line"})
_FUTURE = re.compile(r"from\s+__future__\b")
_ENCODING = re.compile(r"#.*coding[:=]")
_LINE_FOLLOWS = re.compile(r"(?:\r\n?|\n)[^\S\r\n]*\S")


def is_import(node: Node) -> bool:
    return node.type in _IMPORTS


def imported(tree: SourceTree, node: Node) -> frozenset[tuple[str, str]]:
    """What an import of Python names, with its module (`a.b`), and what it is called from here on;
    `*` for everything."""
    prefix = "__future__." if node.type == "future_import_statement" else ""
    module = node.child_by_field_name("module_name")
    if module is not None:
        prefix = tree.cut(module) if tree.cut(module).endswith(".") else f"{tree.cut(module)}."
    found: set[tuple[str, str]] = set()
    for child in node.children_by_field_name("name"):
        name, alias = child.child_by_field_name("name"), child.child_by_field_name("alias")
        full = tree.cut(name or child)
        called = tree.cut(alias) if alias else full if prefix else full.partition(".")[0]
        found.add((prefix + full, called))
    if any(child.type == "wildcard_import" for child in node.named_children):
        found.add((f"{prefix}*", "*"))
    return frozenset(found)


def split_imports(code: str, old: str, language: Language) -> tuple[tuple[str, ...], str]:
    """The imports an answer begins with, and the rest. None are split off where the old text began
    with imports, too, or where they are all there is."""
    tree, old_tree = tree_of(code, language), tree_of(old, language)
    if tree is None or old_tree is None or _leading_imports(old_tree):
        return (), code
    found = _leading_imports(tree)
    rest = code[tree.span(found[-1]).end :].strip("\n") if found else ""
    if not rest.strip():
        return (), code
    return tuple(tree.cut(node) for node in found), rest


def added_imports(tree: SourceTree, imports: tuple[str, ...], eol: str) -> tuple[Change, ...]:
    """The changes that add those the document does not have yet."""
    own = [node for node in tree.root.named_children if is_import(node)]
    present = {tree.cut(node) for node in own}
    known = frozenset[tuple[str, str]]().union(*(imported(tree, node) for node in own))
    new = [
        line.replace("\n", eol)
        for line in dict.fromkeys(imports)
        if line not in present and not _is_covered(line, known, tree.language)
    ]
    if not new:
        return ()
    # Python takes those of `__future__` only before all others.
    early = [line for line in new if _FUTURE.match(line)]
    late = [line for line in new if not _FUTURE.match(line)]
    # Those after the first other statement are there for a reason of their own.
    block = own[: _n_joined(tree, own)]
    if not block:
        gap = [""] if early and late else []
        return joined([_at_head(tree, [*early, *gap, *late], eol)])
    changes = [_below(tree, block[-1], late, eol)]
    futures = [node for node in block if node.type == "future_import_statement"]
    if early and not futures:
        changes.insert(0, _at_head(tree, early, eol))
    elif early:
        changes.insert(0, _below(tree, futures[-1], early, eol))
    return joined(changes)


def _below(tree: SourceTree, node: Node, lines: Sequence[str], eol: str) -> Change:
    end = line_end(tree.text, tree.span(node).end)
    return Change(Span(end, end), "".join(eol + line for line in lines))


def _at_head(tree: SourceTree, lines: Sequence[str], eol: str) -> Change:
    """Above all code, with a blank line between."""
    head = _head(tree)
    if head is None:
        start = 1 if tree.text.startswith("\ufeff") else 0
        return Change(Span(start, start), "".join(line + eol for line in [*lines, ""]))
    below = _below(tree, head, ["", *lines], eol)
    needs_gap = _LINE_FOLLOWS.match(tree.text, below.span.end)
    return Change(below.span, below.text + eol if needs_gap else below.text)


def _is_covered(line: str, known: frozenset[tuple[str, str]], language: Language) -> bool:
    """Whether all that a line of Python imports is imported under the same names."""
    tree = tree_of(line, language)
    if tree is None:
        return False
    named = [imported(tree, node) for node in tree.root.named_children if is_import(node)]
    return any(named) and all(names <= known for names in named)


def _leading_imports(tree: SourceTree) -> list[Node]:
    found: list[Node] = []
    for node in tree.root.named_children:
        if not is_import(node):
            break
        found.append(node)
    return found


def _n_joined(tree: SourceTree, imports: list[Node]) -> int:
    """How many of the imports stand together at the file's beginning."""
    starts = {node.start_byte for node in imports}
    n_joined = 0
    for node in tree.root.named_children:
        if node.start_byte in starts:
            n_joined += 1
        elif node.type not in _HEADS and not is_docstring(node):
            break
    return n_joined


def is_docstring(node: Node) -> bool:
    """Whether it is a string that stands by itself."""
    inner = node.named_children
    return node.type == "expression_statement" and len(inner) == 1 and inner[0].type == "string"


def _head(tree: SourceTree) -> Node | None:
    """What comes before imports: a `#!` line, a licence, the module's docstring."""
    last: Node | None = None
    for node in tree.root.named_children:
        if not is_docstring(node) and not (node.type in _HEADS and _stays_first(tree, node)):
            break
        last = node
        if is_docstring(node):
            break
    return last


def _stays_first(tree: SourceTree, comment: Node) -> bool:
    """Whether it is no comment on the code below it: one that programs look for in the first lines,
    or one that stands apart."""
    text = tree.cut(comment)
    if text.startswith("#!") or (comment.start_point.row < 2 and _ENCODING.match(text)):
        return True
    following = comment.next_named_sibling
    if following is None or following.type in _HEADS or is_docstring(following):
        return True
    return following.start_point.row > comment.end_point.row + 1
