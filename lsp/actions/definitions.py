"""Functions and classes of a document: which one is around a place, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from lsp.actions.grammars import DocStyle, Grammar, grammar_of
from lsp.actions.source_tree import SourceTree, parents, walk
from lsp.changes import Span
from lsp.context.surroundings import indent_of

_SELF = frozenset({"self", "cls"})


@dataclass(frozen=True)
class Definition:
    """A function or a class."""

    tree: SourceTree
    node: Node
    outer: Node
    """With its decorators, or the statement that declares it."""
    name: str
    is_function: bool

    @property
    def grammar(self) -> Grammar:
        return grammar_of(self.tree.language)

    @property
    def body(self) -> Node | None:
        return self.node.child_by_field_name("body")

    @property
    def span(self) -> Span:
        """All of it, decorators too."""
        return self.tree.span(self.outer)

    @property
    def indent(self) -> str:
        """The white space before its first line."""
        return indent_at(self.tree.text, self.span.start)


def indent_at(text: str, offset: int) -> str:
    """The white space at the start of the line that holds `offset`."""
    return indent_of(text[line_start(text, offset) : offset])


def line_start(text: str, offset: int) -> int:
    """Offset of the first character of the line that holds `offset`; a BOM belongs to no line."""
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    return 1 if start == 0 and text.startswith("\ufeff") else start


def line_end(text: str, offset: int) -> int:
    """Offset of the end of the line that holds `offset`, its line ending not included."""
    ends = [end for end in (text.find("\n", offset), text.find("\r", offset)) if end >= 0]
    return min(ends, default=len(text))


def definitions_around(tree: SourceTree, span: Span) -> Iterator[Definition]:
    """Those that hold the span, the innermost first. Their decorators are part of them."""
    grammar = grammar_of(tree.language)
    last: Node | None = None
    for node in parents(tree.around(span)):
        inner = _unwrapped(node, grammar)
        if inner is not None and inner != last:
            last = inner
            yield _definition(tree, inner, grammar)


def definitions_in(tree: SourceTree) -> Iterator[Definition]:
    """All of them, in the text's order."""
    grammar = grammar_of(tree.language)
    for node in walk(tree.root):
        if _defines(node, grammar):
            yield _definition(tree, node, grammar)


def _defines(node: Node, grammar: Grammar) -> bool:
    # A keyword may have the same type as the class it begins.
    return node.is_named and (node.type in grammar.functions or node.type in grammar.classes)


def _unwrapped(node: Node, grammar: Grammar) -> Node | None:
    """The definition that `node` is, or wraps; None if there is none."""
    while node.type in grammar.wrappers:
        inner = [
            c for c in node.named_children if c.type in grammar.wrappers or _defines(c, grammar)
        ]
        if len(inner) != 1:
            return None
        node = inner[0]
    return node if _defines(node, grammar) else None


def _definition(tree: SourceTree, node: Node, grammar: Grammar) -> Definition:
    outer = node
    while outer.parent is not None and _unwrapped(outer.parent, grammar) == node:
        outer = outer.parent
    return Definition(tree, node, outer, _name(tree, node), node.type in grammar.functions)


def _name(tree: SourceTree, node: Node) -> str:
    """The defined name; for a function that is a value, that of the variable; else ""."""
    if node.parent is not None and node.parent.type == "variable_declarator":
        node = node.parent
    named = node.child_by_field_name("name")
    declarator = node.child_by_field_name("declarator")
    while named is None and declarator is not None:  # C nests it
        named = declarator.child_by_field_name("name")
        inner = declarator.child_by_field_name("declarator")
        if inner is None and named is None:
            named = declarator
        declarator = inner
    return tree.cut(named) if named is not None else ""


def docstring_of(definition: Definition) -> Node | None:
    """The documentation it has."""
    if definition.grammar.doc is DocStyle.INSIDE:
        body = definition.body
        first = (
            next((c for c in body.named_children if c.type != "comment"), None) if body else None
        )
        if first is None or first.type != "expression_statement" or not first.named_children:
            return None
        string = first.named_children[0]
        return string if string.type in ("string", "concatenated_string") else None
    above = definition.outer.prev_named_sibling
    if above is None or "comment" not in above.type:
        return None
    is_adjacent = definition.outer.start_point.row - above.end_point.row <= 1
    return above if is_adjacent else None


def lacks_types(definition: Definition) -> bool:
    """Whether a parameter or the result could be given a type."""
    parameters = definition.node.child_by_field_name("parameters")
    if not definition.is_function or not definition.grammar.optional_types or parameters is None:
        return False
    if definition.tree.language.id == "python":
        untyped = ("identifier", "default_parameter", "list_splat_pattern")
        names = [c for c in parameters.named_children if c.type in untyped]
        bare = [c for c in names if definition.tree.cut(c) not in _SELF]
        return bool(bare) or definition.node.child_by_field_name("return_type") is None
    return any(
        child.type == "identifier" or child.child_by_field_name("type") is None
        for child in parameters.named_children
        if "comment" not in child.type
    )


def stub_of(definition: Definition) -> Span | None:
    """What would give way to a body: the one statement that stands for it, or the empty space
    where it would stand. None if there is a body. Comments and documentation stay."""
    body = definition.body
    if not definition.is_function or body is None:
        return None
    doc = docstring_of(definition) if definition.grammar.doc is DocStyle.INSIDE else None
    statements = [
        child
        for child in body.named_children
        if "comment" not in child.type and not (doc and child.start_byte == doc.start_byte)
    ]
    tree = definition.tree
    if len(statements) == 1:
        text = tree.cut(statements[0])
        return tree.span(statements[0]) if definition.grammar.stub.fullmatch(text) else None
    if statements:
        return None
    if definition.tree.language.id == "python":
        return _empty_python_body(definition, doc)
    return _empty_braces(tree, body)


def _empty_python_body(definition: Definition, doc: Node | None) -> Span | None:
    """Right after the header's colon, the docstring, or the comments that follow on own lines."""
    tree, text = definition.tree, definition.tree.text
    colon = next((c for c in reversed(definition.node.children) if c.type == ":"), None)
    last = doc or colon
    if last is None:
        return None
    end = line_end(text, tree.span(last).end)
    while True:
        start = end + (2 if text.startswith("\r\n", end) else 1)
        line = text[start : line_end(text, start)] if start < len(text) else ""
        indent = indent_of(line)
        if not line[len(indent) :].startswith("#") or len(indent) <= len(definition.indent):
            return Span(end, end)
        end = line_end(text, start)


def _empty_braces(tree: SourceTree, body: Node) -> Span | None:
    """From the opening brace, or the last comment after it, to the closing one."""
    if len(body.children) < 2 or tree.cut(body.children[0]) != "{":
        return None
    return Span(tree.span(body.children[-2]).end, tree.span(body.children[-1]).start)
