"""Names that one function alone knows, and all places where they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tree_sitter import Node

from lsp.actions.definitions import Definition
from lsp.actions.grammars import node_types
from lsp.actions.place import Place
from lsp.actions.source_tree import SourceTree, parents, walk
from lsp.changes import Change, Span

_PARAMETERS = node_types(
    "parameters lambda_parameters formal_parameters required_parameter optional_parameter"
)
_BINDERS = {
    "python": node_types(
        "assignment augmented_assignment for_statement for_in_clause named_expression "
        "as_pattern_target"
    ),
    "javascript": node_types("variable_declarator"),
    "typescript": node_types("variable_declarator"),
    "typescriptreact": node_types("variable_declarator"),
}
_SCOPES = node_types(
    "function_definition lambda list_comprehension set_comprehension dictionary_comprehension "
    "generator_expression class_definition arrow_function function_declaration "
    "function_expression method_definition class_declaration catch_clause"
)
_SEES_NAMES = re.compile(r"\b(?:locals|vars|eval|exec)\s*\(")


@dataclass(frozen=True)
class LocalName:
    function: Definition
    name: str
    occurrences: tuple[Span, ...]
    """In the text's order."""


def local_name_at(place: Place) -> LocalName | None:
    """The local variable at the cursor, or that is selected, if every use of it is certain."""
    tree, function, node = place.tree, place.function, place.node
    binders = _BINDERS.get(place.language.id)
    if tree is None or function is None or node is None or binders is None:
        return None
    if node.type != "identifier" and place.selection.start > 0 and not place.has_selection:
        before = Span(place.selection.start - 1, place.selection.start)
        node = tree.around(before)  # A cursor at a word's end is meant for it.
    if node.type != "identifier":
        return None
    name = tree.cut(node)
    uses = [part for part in walk(function.node) if _is_use(tree, part, name)]
    is_sure = not _SEES_NAMES.search(function.span.cut(tree.text)) and not any(
        _is_outer(part) for part in uses
    )
    bound = [part for part in uses if _is_bound(part, binders, function.node)]
    if not is_sure or not bound or any(_scope(part) != function.node for part in bound):
        return None
    if node not in uses:
        return None
    return LocalName(function, name, tuple(tree.span(part) for part in uses))


def renamed(local: tuple[Span, ...], new: str) -> tuple[Change, ...]:
    """The changes that give it its new name."""
    return tuple(Change(span, new) for span in local)


def _is_use(tree: SourceTree, node: Node, name: str) -> bool:
    """Whether the node stands for the variable, or cannot be told from it."""
    if node.type not in ("identifier", "shorthand_property_identifier") or tree.cut(node) != name:
        return False
    parent = node.parent
    if parent is None:
        return True
    is_attribute = parent.type == "attribute" and parent.child_by_field_name("attribute") == node
    is_keyword = parent.type == "keyword_argument" and parent.child_by_field_name("name") == node
    return not is_attribute and not is_keyword


def _is_outer(node: Node) -> bool:
    """Others see it, or a nested scope has one of the same name."""
    if node.type == "shorthand_property_identifier":
        return True
    return any(
        outer.type in _PARAMETERS or outer.type in ("global_statement", "nonlocal_statement")
        for outer in _until_scope(node)
    ) or (node.parent is not None and node.parent.type in _SCOPES and _names_scope(node))


def _names_scope(node: Node) -> bool:
    parent = node.parent
    return parent is not None and (
        parent.child_by_field_name("name") == node
        or parent.child_by_field_name("parameter") == node
    )


def _until_scope(node: Node) -> list[Node]:
    found: list[Node] = []
    for outer in parents(node):
        if outer.type in _SCOPES:
            break
        found.append(outer)
    return found


def _is_bound(node: Node, binders: frozenset[str], function: Node) -> bool:
    """Whether a value is given to the name here."""
    inner = node
    for outer in parents(node):
        if outer == function:
            return False
        if outer.type in binders:
            left = outer.child_by_field_name("left") or outer.child_by_field_name("name")
            return left == inner or outer.type == "as_pattern_target"
        if outer.type not in ("identifier", "pattern_list", "tuple_pattern", "list_pattern"):
            return False
        inner = outer
    return False


def _scope(node: Node) -> Node | None:
    return next((outer for outer in parents(node) if outer.type in _SCOPES), None)
