"""Extract variable, exactly: the selected expression gets a name on a line before its statement.

It is offered only where that changes neither whether nor how often the expression is evaluated, nor
what happens before it.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from tree_sitter import Node

from lsp.actions.definitions import indent_at, line_start
from lsp.actions.grammars import node_types
from lsp.actions.place import Place, statement_at
from lsp.actions.source_tree import SourceTree, parents, walk
from lsp.changes import Change, Span


@dataclass(frozen=True, slots=True)
class _Style:
    """How one language writes it."""

    declaration: str
    expressions: frozenset[str]
    lazy: frozenset[str]
    """Nodes that do not evaluate what is in them exactly once, before everything else."""
    short_circuits: frozenset[str]
    """Nodes that always evaluate their first operand only."""
    effects: frozenset[str]
    """Nodes that may do something, so that their order matters."""
    targets: frozenset[tuple[str, str]]
    """Fields, by their nodes' types, that are no values."""


_PYTHON = _Style(
    declaration="{} = {}",
    expressions=node_types(
        "binary_operator unary_operator not_operator boolean_operator comparison_operator call "
        "attribute subscript string concatenated_string integer float list tuple set dictionary "
        "parenthesized_expression conditional_expression list_comprehension set_comprehension "
        "dictionary_comprehension await"
    ),
    lazy=node_types(
        "lambda list_comprehension set_comprehension dictionary_comprehension "
        "generator_expression while_statement elif_clause case_clause named_expression type "
        "default_parameter typed_default_parameter decorator del_statement global_statement "
        "with_statement assert_statement"
    ),
    short_circuits=node_types("boolean_operator comparison_operator conditional_expression"),
    effects=node_types("call await yield named_expression"),
    targets=frozenset(
        {
            ("assignment", "left"),
            ("augmented_assignment", "left"),
            ("for_statement", "left"),
            ("keyword_argument", "name"),
        }
    ),
)
_SCRIPT = _Style(
    declaration="const {} = {};",
    expressions=node_types(
        "binary_expression unary_expression call_expression member_expression "
        "subscript_expression string template_string number array object new_expression "
        "ternary_expression await_expression parenthesized_expression regex"
    ),
    lazy=node_types(
        "arrow_function function_expression while_statement do_statement for_statement "
        "for_in_statement else_clause switch_case decorator type_annotation assignment_pattern "
        "optional_chain class_body yield_expression"
    ),
    short_circuits=node_types("ternary_expression"),
    effects=node_types(
        "call_expression new_expression await_expression yield_expression update_expression "
        "assignment_expression augmented_assignment_expression"
    ),
    targets=frozenset(
        {
            ("assignment_expression", "left"),
            ("augmented_assignment_expression", "left"),
            ("update_expression", "argument"),
            ("call_expression", "function"),
        }
    ),
)
_LAZY_OPERATORS = frozenset({"&&", "||", "??"})
_STYLES = {
    "python": _PYTHON,
    "javascript": _SCRIPT,
    "typescript": _SCRIPT,
    "typescriptreact": _SCRIPT,
}


def extract_variable(place: Place) -> tuple[Change, ...]:
    """The changes; none where the selection is no such expression."""
    style, tree = _STYLES.get(place.language.id), place.tree
    if style is None or tree is None or not place.has_selection:
        return ()
    node = place.node
    statement = statement_at(node)
    if node is None or statement is None or tree.span(node) != place.selection:
        return ()
    if tree.span(statement) == place.selection or not _is_safe(node, statement, style):
        return ()
    start = tree.span(statement).start
    indent = indent_at(tree.text, start)
    if line_start(tree.text, start) + len(indent) != start:
        return ()  # Something stands before the statement on its line.
    name = _free_name(tree, node)
    written = style.declaration.format(name, place.selection.cut(tree.text))
    return (
        Change(Span(start, start), written + place.snapshot.eol + indent),
        Change(place.selection, name),
    )


def _is_safe(node: Node, statement: Node, style: _Style) -> bool:
    if node.type not in style.expressions or statement.has_error or node == statement:
        return False
    for inner, outer in itertools.pairwise(parents(node)):
        if outer.type in style.lazy or _is_target(inner, outer, style):
            return False
        if outer.type == "if_statement" and outer.child_by_field_name("condition") != inner:
            return False
        first = outer.named_children[0] if outer.named_children else None
        if outer.type == "conditional_expression" and len(outer.named_children) > 1:
            first = outer.named_children[1]  # Python evaluates the condition first.
        operator = outer.child_by_field_name("operator")
        is_lazy = outer.type in style.short_circuits or (
            operator is not None and operator.type in _LAZY_OPERATORS
        )
        if is_lazy and inner != first:
            return False
        if outer == statement:
            break
    if any(part.type in ("yield", "named_expression") for part in walk(node)):
        return False
    has_effects = any(part.type in style.effects for part in walk(node))
    reads_state = node.type not in ("integer", "float", "number", "string")
    earlier = any(
        part.type in style.effects and part.end_byte <= node.start_byte for part in walk(statement)
    )
    return not (earlier and (has_effects or reads_state))


def _is_target(inner: Node, outer: Node, style: _Style) -> bool:
    return any(
        outer.type == kind and outer.child_by_field_name(field) == inner
        for kind, field in style.targets
    )


def _free_name(tree: SourceTree, node: Node) -> str:
    """After what the expression ends in, else `value`; with a number if the text has it already."""
    words = re.findall(r"[A-Za-z_]\w*", tree.cut(node)) if node.type != "string" else []
    called = node.child_by_field_name("function")
    if called is not None:
        words = re.findall(r"[A-Za-z_]\w*", tree.cut(called))
        words[-1:] = (
            [re.sub(r"^(get|make|compute|read|load)_?(?=\w)", "", words[-1])] if words else []
        )
    is_named = node.type in ("call", "attribute", "call_expression", "member_expression")
    base = words[-1] if is_named and words else "value"
    base = base[0].lower() + base[1:]
    taken = set(re.findall(r"\w+", tree.text))
    if base not in taken:
        return base
    base = base if base == "value" else f"{base}_value"
    names = itertools.chain([base], (f"{base}_{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)
