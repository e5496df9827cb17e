"""What can be said otherwise at a place, by a model: loops, callbacks, old ways of formatting."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lsp.actions.place import Place, statement_at
from lsp.actions.source_tree import parents
from lsp.changes import Span


@dataclass(frozen=True, slots=True)
class Conversion:
    region: Span
    """Whole lines."""
    target: str
    """In words that follow "convert to"."""


@dataclass(frozen=True, slots=True)
class _Rule:
    nodes: str
    pattern: str
    target: str
    is_for_function: bool = False
    """The function around it has to change, too."""


_SCRIPT = (
    _Rule("call_expression", r"\.then\(", "async/await", is_for_function=True),
    _Rule("for_statement for_in_statement", "", "array methods"),
    _Rule("function_expression", "", "an arrow function"),
)
_RULES = {
    "python": (
        _Rule("for_statement", r"\.(append|add|extend)\(|\]\s*=", "a comprehension"),
        _Rule("for_statement while_statement", r"\byield\b", "a generator expression"),
        _Rule(
            "list_comprehension set_comprehension dictionary_comprehension generator_expression",
            "",
            "a loop",
        ),
        _Rule("binary_operator call", r"%[srd(]|\.format\(", "an f-string"),
    ),
    "javascript": _SCRIPT,
    "typescript": _SCRIPT,
    "typescriptreact": _SCRIPT,
}


def conversion_at(place: Place) -> Conversion | None:
    """For the innermost thing here that has one."""
    if place.node is None or place.tree is None:
        return None
    for node in parents(place.node):
        for rule in _RULES.get(place.language.id, ()):
            if node.type in rule.nodes.split() and re.search(rule.pattern, place.tree.cut(node)):
                if rule.is_for_function and place.function is not None:
                    return Conversion(place.lines(place.function.span), rule.target)
                statement = statement_at(node)
                if statement is None:
                    return None
                return Conversion(place.lines(place.tree.span(statement)), rule.target)
    return None
