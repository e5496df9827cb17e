"""Puts new tests into a file of Python that has some: below them, with the imports they need."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from lsp.actions.definitions import definitions_in, line_end, line_start
from lsp.actions.imports import added_imports, imported, is_docstring, is_import
from lsp.actions.indentation import reindented
from lsp.actions.proposal import FaultyAnswerError
from lsp.actions.source_tree import SourceTree, tree_of
from lsp.changes import Change, Span, apply, joined
from lsp.context.surroundings import surroundings_of, to_newlines
from lsp.document import Snapshot


def merged_tests(file: SourceTree, code: str) -> tuple[Change, ...]:
    """The changes to `file` that add the tests in `code`, whose lines end with `\\n`. What is there
    stays, and keeps its names. Raises FaultyAnswerError."""
    snapshot = Snapshot("", 0, file.language.id, file.text, 0)
    old = to_newlines(file.text)
    if not file.root.named_children:
        text = code.strip("\n") + "\n"
        return (Change(Span(len(file.text), len(file.text)), text.replace("\n", snapshot.eol)),)
    # Some models give the whole file, although they are asked for the new tests.
    imports, tests = _taken_apart(code.strip("\n").removeprefix(old.strip()), file)
    if not tests:
        raise FaultyAnswerError("has no new tests")
    added = added_imports(file, imports, snapshot.eol)
    _check_names(file, added, tests)
    unit = surroundings_of(snapshot).indent_unit
    tests = reindented(tests, old, unit=unit, language=file.language)
    changes = joined([*added, _insertion(file, tests.replace("\n", snapshot.eol), snapshot.eol)])
    new = tree_of(apply(file.text, changes), file.language)
    if new is None or new.root.has_error:
        raise FaultyAnswerError("does not parse together with the file")
    return changes


def names_in(file: SourceTree) -> list[str]:
    """What the file defines at its top: functions, classes, variables; in its order."""
    return list(dict.fromkeys(_defined(file)))


def _taken_apart(code: str, file: SourceTree) -> tuple[tuple[str, ...], str]:
    """The lines of imports that code begins with, and what follows; without a docstring."""
    tree = tree_of(code, file.language)
    assert tree is not None, "an answer is short"
    imports: list[str] = []
    kept: list[str] = []
    done = 0
    for node in tree.root.named_children:
        if not is_import(node) and not is_docstring(node) and node.type != "comment":
            break
        if node.type == "comment":
            continue  # Of an import, or of the first test: it stays unless it is on its line.
        span = tree.span(node)
        line = Span(line_start(code, span.start), line_end(code, span.end))
        if is_import(node):
            imports.append(line.cut(code))
        kept.append(code[done : line.start])
        done = max(done, line.end + 1)
    rest = "".join([*kept, code[done:]])
    return tuple(imports), rest.strip("\n")


def _check_names(file: SourceTree, added: tuple[Change, ...], tests: str) -> None:
    """No name of the file gets another meaning."""
    imports = tree_of("".join(change.text for change in added), file.language)
    new = tree_of(tests, file.language)
    assert imports is not None, "an answer is short"
    assert new is not None, "an answer is short"
    there = {*_defined(file), *_called(file)}
    again = [name for name in (*_defined(imports), *_defined(new)) if name in there]
    if again:
        raise FaultyAnswerError(f"defines `{again[0]}`, which is there already")
    if any(node.type == "future_import_statement" for node in imports.root.named_children):
        raise FaultyAnswerError("imports from `__future__`, which would change the other tests")
    others = [name for name in _called(imports) if name in there]
    if others:
        raise FaultyAnswerError(f"imports another `{others[0]}` than the file has")


def _defined(tree: SourceTree) -> Iterator[str]:
    """Functions, classes and variables of the module."""
    for definition in definitions_in(tree):
        if definition.outer.parent == tree.root and definition.name:
            yield definition.name
    for statement in tree.root.named_children:
        for node in statement.named_children:
            target = node.child_by_field_name("left") if node.type == "assignment" else None
            if target is not None and target.type == "identifier":
                yield tree.cut(target)


def _called(tree: SourceTree) -> Iterator[str]:
    """What the module's imports are called in it."""
    for node in tree.root.named_children:
        if is_import(node):
            yield from sorted(called for _, called in imported(tree, node) if called != "*")


def _insertion(file: SourceTree, tests: str, eol: str) -> Change:
    """Below all there is, or above what runs the file as a program."""
    last = _what_runs_it(file)
    if last is not None:
        start = line_start(file.text, file.span(last).start)
        above = to_newlines(file.text[:start])
        n_ends = len(above) - len(above.rstrip("\n"))
        gap = (3 - min(n_ends, 3)) * eol if above.strip() else ""
        return Change(Span(start, start), gap + tests + 3 * eol)
    end = len(file.text.rstrip())
    return Change(Span(end, end), 3 * eol + tests)


def _begins_line(file: SourceTree, node: Node) -> bool:
    start = file.span(node).start
    return not file.text[line_start(file.text, start) : start].strip()


def _what_runs_it(file: SourceTree) -> Node | None:
    """`if __name__ == …` at the end, with the comments right above it."""
    found: Node | None = None
    for node in reversed(file.root.named_children):
        if found is not None:
            is_right_above = node.end_point.row + 1 == found.start_point.row
            if node.type != "comment" or not is_right_above or not _begins_line(file, node):
                break
            found = node
        elif node.type == "if_statement" and file.cut(node).startswith("if __name__"):
            found = node
        elif node.type != "comment":
            break
    return found
