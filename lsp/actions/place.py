"""Where an action is asked for: the document, what is selected, what is wrong there."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tree_sitter import Node

from lsp.actions.definitions import (
    Definition,
    definitions_around,
    indent_at,
    line_end,
    line_start,
)
from lsp.actions.grammars import node_types
from lsp.actions.source_tree import SourceTree, parents, tree_of
from lsp.changes import Span
from lsp.context.language import Language
from lsp.context.languages import language_of
from lsp.context.surroundings import columns
from lsp.document import Snapshot

_MAX_REGION_CHARS = 6_000
"""A function longer than this is not rewritten whole to mend one place in it."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What another tool has found wrong."""

    span: Span
    message: str
    source: str = ""


@dataclass(frozen=True)
class Place:
    """`selection` is empty where nothing but white space is selected: a cursor, then."""

    snapshot: Snapshot
    selection: Span
    diagnoses: tuple[Diagnosis, ...] = ()
    path: Path | None = None
    """The document's file; None if it has none."""

    @property
    def text(self) -> str:
        return self.snapshot.text

    @property
    def has_selection(self) -> bool:
        return self.selection.end > self.selection.start

    @cached_property
    def language(self) -> Language:
        return language_of(self.snapshot.language_id, self.snapshot.uri)

    @cached_property
    def tree(self) -> SourceTree | None:
        return tree_of(self.text, self.language)

    @cached_property
    def anchor(self) -> Span:
        """What a cursor stands for: the character at it, or the nearest one of its line. On a blank
        line that is indented it is what ends above."""
        if self.has_selection:
            return self.selection
        cursor = self.selection.start
        line = self.lines(self.selection)
        content = trimmed(self.text, line)
        if content.end == content.start:
            above = self.text[: line.start].rstrip()
            if cursor == line.start or not above:
                return self.selection
            return Span(len(above) - 1, len(above))
        offset = min(max(cursor, content.start), content.end - 1)
        return Span(offset, offset + 1)

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """Around the selection, the innermost first."""
        if self.tree is None:
            return ()
        found = tuple(definitions_around(self.tree, self.anchor))
        column = columns(indent_at(self.text, self.selection.start))
        if self.anchor.end <= self.lines(self.selection).start:
            # Below a definition one is in it as far as one is indented.
            found = tuple(d for d in found if columns(d.indent) < column)
        return found

    @property
    def function(self) -> Definition | None:
        """The innermost function with a name around the selection."""
        return next((d for d in self.definitions if d.is_function and d.name), None)

    @property
    def node(self) -> Node | None:
        """The smallest node around the selection."""
        return self.tree.around(self.anchor) if self.tree else None

    @property
    def region(self) -> Span | None:
        """What a rewrite is about: the selected lines, else the function, else the line."""
        if self.has_selection:
            return self.lines(self.selection)
        if self.function is not None:
            return self.lines(self.function.span)
        line = self.lines(self.selection)
        return line if line.cut(self.text).strip() else None

    def lines(self, span: Span) -> Span:
        """The whole lines it touches, without the ending of the last one."""
        return Span(line_start(self.text, span.start), line_end(self.text, span.end))

    def region_around(self, span: Span) -> Span:
        """Lines that make sense by themselves and hold the span: the function around it unless
        that is long, else the statements."""
        if self.tree is None:
            return self.lines(span)
        for definition in definitions_around(self.tree, span):
            whole = self.lines(definition.span)
            if definition.is_function and whole.end - whole.start <= _MAX_REGION_CHARS:
                return whole
            break
        statement = statement_at(self.tree.around(span))
        whole = self.lines(self.tree.span(statement)) if statement else self.lines(span)
        return whole if whole.end - whole.start <= _MAX_REGION_CHARS else self.lines(span)


def place_at(
    snapshot: Snapshot,
    selected: Span,
    diagnoses: tuple[Diagnosis, ...] = (),
    path: Path | None = None,
) -> Place:
    """A place, its selection without the white space around it."""
    return Place(snapshot, trimmed(snapshot.text, selected), diagnoses, path)


def trimmed(text: str, span: Span) -> Span:
    """The span without the white space (and the BOM) at its ends; empty if there is no more."""
    chosen = span.cut(text)
    inner = chosen.strip().strip("\ufeff")
    if not inner:
        return Span(span.start, span.start)
    start = span.start + chosen.index(inner)
    return Span(start, start + len(inner))


_BLOCKS = node_types(
    "module program source_file translation_unit compilation_unit block statement_block "
    "compound_statement class_body declaration_list body_statement statement_list "
    "field_declaration_list constructor_body then do_group"
)


def statement_at(node: Node | None) -> Node | None:
    """The statement that the node is part of; None for a whole block."""
    if node is None or node.type in _BLOCKS:
        return None
    for inner, outer in itertools.pairwise(parents(node)):
        if outer.type in _BLOCKS:
            return inner
    return None


def selected_statements(place: Place) -> tuple[Node, ...]:
    """The whole statements of one block that the selection covers exactly; else none."""
    tree, selection = place.tree, place.selection
    if tree is None or not place.has_selection:
        return ()
    node = tree.around(selection)
    block = node if node.type in _BLOCKS else None
    if block is None:
        statement = statement_at(node)
        block = statement.parent if statement else None
    if block is None:
        return ()
    spans = [(child, tree.span(child)) for child in block.named_children]
    touched = [
        (child, span)
        for child, span in spans
        if span.start < selection.end and span.end > selection.start
    ]
    if any(span not in selection for _, span in touched):
        return ()
    return tuple(child for child, _ in touched if "comment" not in child.type)
