"""A loop that appends ⇄ a comprehension, in Python, where both do exactly the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from lsp.actions.definitions import Definition, indent_at
from lsp.actions.place import Place, statement_at
from lsp.actions.source_tree import SourceTree, parents, walk
from lsp.changes import Change, Span
from lsp.context.surroundings import surroundings_of

_MAX_LINE = 88
_EMPTY = {"[]": ("append", "[", "]"), "list()": ("append", "[", "]"), "set()": ("add", "{", "}")}
_BARE_LOOPS = frozenset({"expression_list", "conditional_expression", "lambda", "yield"})
_NEVER = frozenset({"await", "yield", "named_expression", "comment", "lambda", "ERROR"})
_LATER = frozenset({"try_statement", "with_statement"})
"""Around these someone may see a list that is not finished."""


@dataclass(frozen=True)
class _Loop:
    """`for target in iterable: if condition: …`, as far as it is read."""

    target: Node
    iterable: Node
    conditions: tuple[Node, ...]
    element: Node


def loop_as_comprehension(place: Place) -> tuple[Change, ...]:
    """For the loop at the cursor and the empty list (or set) right before it."""
    tree, function = place.tree, place.function
    loop_node = _nearest(place, "for_statement")
    if tree is None or function is None or loop_node is None:
        return ()
    before = loop_node.prev_named_sibling
    made = _empty_collection(tree, before)
    if before is None or made is None:
        return ()
    name, (method, opening, closing) = made
    loop = _read_loop(tree, loop_node, name, method)
    if loop is None or not _is_exact(tree, function, loop_node, loop, name):
        return ()
    head = tree.text[tree.span(before).start : tree.span(_value(before)).start]
    parts = [
        tree.cut(loop.element),
        f"for {tree.cut(loop.target)} in {tree.cut(loop.iterable)}",
        *(f"if {_condition(tree, condition)}" for condition in loop.conditions),
    ]
    whole = Span(tree.span(before).start, tree.span(loop_node).end)
    indent = indent_at(tree.text, whole.start)
    line = f"{head}{opening}{' '.join(parts)}{closing}"
    if len(indent + line) > _MAX_LINE or "\n" in line:
        eol, unit = place.snapshot.eol, _unit(place)
        inner = "".join(f"{indent}{unit}{part}{eol}" for part in parts)
        line = f"{head}{opening}{eol}{inner}{indent}{closing}"
    return (Change(whole, line),)


def comprehension_as_loop(place: Place) -> tuple[Change, ...]:
    """For a statement `name = [… for …]` at the cursor."""
    tree, function = place.tree, place.function
    node = _nearest(place, "list_comprehension") or _nearest(place, "set_comprehension")
    if tree is None or function is None or node is None:
        return ()
    statement = statement_at(node)
    assignment = node.parent
    left = assignment.child_by_field_name("left") if assignment else None
    is_plain = assignment is not None and assignment.type == "assignment"
    if statement is None or left is None or left.type != "identifier" or not is_plain:
        return ()
    name = tree.cut(left)
    bound = {
        tree.cut(part)
        for clause in node.named_children
        if clause.type == "for_in_clause"
        for part in walk(clause.child_by_field_name("left") or clause)
        if part.type == "identifier"
    }
    inside = tree.span(node)
    elsewhere = {tree.cut(n) for n in _identifiers(function.node) if tree.span(n) not in inside}
    within = {tree.cut(n) for n in _identifiers(node)}
    has_async = any(part.type == "async" for part in walk(node))
    if bound & elsewhere or name in within or has_async or _has(node, _NEVER):
        return ()
    if any(outer.type in _LATER for outer in parents(node)):
        return ()
    return (Change(tree.span(statement), _loop_text(place, tree, statement, node, name)),)


def _loop_text(place: Place, tree: SourceTree, statement: Node, node: Node, name: str) -> str:
    eol, unit = place.snapshot.eol, _unit(place)
    indent = indent_at(tree.text, tree.span(statement).start)
    head = tree.text[tree.span(statement).start : tree.span(node).start]
    is_list = node.type == "list_comprehension"
    lines = [head + ("[]" if is_list else "set()")]
    depth = 0
    for clause in node.named_children[1:]:
        lines.append(f"{indent}{unit * depth}{tree.cut(clause)}:")
        depth += 1
    element = tree.cut(node.named_children[0])
    lines.append(f"{indent}{unit * depth}{name}.{'append' if is_list else 'add'}({element})")
    return eol.join(lines)


def _nearest(place: Place, kind: str) -> Node | None:
    """The innermost such node around the selection, unless a whole function is between."""
    for node in parents(place.node) if place.node else ():
        if node.type == kind:
            return node
        if node.type in ("function_definition", "class_definition"):
            return None
    return _on_line(place, kind)


def _on_line(place: Place, kind: str) -> Node | None:
    """The one such node in the statement at the cursor."""
    statement = statement_at(place.node)
    found = [node for node in walk(statement) if node.type == kind] if statement else []
    return found[0] if len(found) == 1 else None


def _empty_collection(
    tree: SourceTree, node: Node | None
) -> tuple[str, tuple[str, str, str]] | None:
    """The name and kind of `name = []`, with or without a type."""
    if node is None or node.type != "expression_statement" or len(node.named_children) != 1:
        return None
    assignment = node.named_children[0]
    left, right = (assignment.child_by_field_name(side) for side in ("left", "right"))
    if assignment.type != "assignment" or left is None or right is None:
        return None
    kind = _EMPTY.get(tree.cut(right))
    return (tree.cut(left), kind) if left.type == "identifier" and kind else None


def _value(statement: Node) -> Node:
    value = statement.named_children[0].child_by_field_name("right")
    assert value is not None
    return value


def _read_loop(tree: SourceTree, node: Node, name: str, method: str) -> _Loop | None:
    target, iterable = (node.child_by_field_name(side) for side in ("left", "right"))
    if target is None or iterable is None or node.child_by_field_name("alternative"):
        return None
    if iterable.type in _BARE_LOOPS or node.children[0].type == "async":
        return None
    conditions: list[Node] = []
    body = node.child_by_field_name("body")
    while True:
        inner = body.named_children if body else []
        if len(inner) != 1:
            return None
        if inner[0].type != "if_statement":
            element = _appended(tree, inner[0], name, method)
            return _Loop(target, iterable, tuple(conditions), element) if element else None
        condition = inner[0].child_by_field_name("condition")
        if condition is None or inner[0].child_by_field_name("alternative"):
            return None
        conditions.append(condition)
        body = inner[0].child_by_field_name("consequence")


def _appended(tree: SourceTree, statement: Node, name: str, method: str) -> Node | None:
    """The one argument of `name.append(…)`."""
    call = statement.named_children[0] if len(statement.named_children) == 1 else None
    if statement.type != "expression_statement" or call is None or call.type != "call":
        return None
    called, arguments = (call.child_by_field_name(part) for part in ("function", "arguments"))
    if called is None or arguments is None or tree.cut(called) != f"{name}.{method}":
        return None
    given = arguments.named_children
    if arguments.type != "argument_list" or len(given) != 1:
        return None
    return (
        None
        if given[0].type in ("list_splat", "dictionary_splat", "keyword_argument")
        else given[0]
    )


def _is_exact(tree: SourceTree, function: Definition, node: Node, loop: _Loop, name: str) -> bool:
    """Nothing uses the list while it grows, or a loop variable afterwards."""
    if _has(node, _NEVER) or any(outer.type in _LATER for outer in parents(node)):
        return False
    before = node.prev_named_sibling
    between = tree.text[tree.span(before).end : tree.span(node).start] if before else ""
    if between.strip() or "\n\n" in between.replace("\r", ""):
        return False
    parts = [loop.iterable, loop.element, *loop.conditions]
    used = {tree.cut(part) for root in parts for part in _identifiers(root)}
    bound = {tree.cut(part) for part in _identifiers(loop.target)}
    if name in used or not re.fullmatch(r"[\w, ()]+", tree.cut(loop.target)):
        return False
    span = tree.span(node)
    outside = [part for part in _identifiers(function.node) if tree.span(part) not in span]
    # In a loop around this one, what stands before it comes after it too.
    return not any(tree.cut(part) in bound for part in outside)


def _identifiers(node: Node) -> Iterator[Node]:
    return (part for part in walk(node) if part.type == "identifier")


def _has(node: Node, kinds: frozenset[str]) -> bool:
    return any(part.type in kinds for part in walk(node))


def _condition(tree: SourceTree, node: Node) -> str:
    text = tree.cut(node)
    return f"({text})" if node.type in ("conditional_expression", "lambda") else text


def _unit(place: Place) -> str:
    return surroundings_of(place.snapshot).indent_unit
