"""What every answer must pass before it is offered. Each check raises FaultyAnswerError.

That nothing outside the region changes needs no check: `lsp.actions.fitting` yields the region's
text and nothing else, and the changes are made from it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from tree_sitter import Node

from lsp.actions.definitions import definitions_around, definitions_in, indent_at, line_start
from lsp.actions.place import Place
from lsp.actions.proposal import FaultyAnswerError
from lsp.actions.source_tree import SourceTree, parents, tree_of, walk
from lsp.actions.works import Keeps, Rewrite
from lsp.changes import Span
from lsp.context.surroundings import surroundings_of, to_newlines
from lsp.trimming.place import FORBIDDEN

_PLACEHOLDER = re.compile(
    r"^[ \t]*(?:#|//|/\*|--|\{/\*|<!--).*(?:(?:\.\.\.|…).*\b(?:rest|existing|remaining|unchanged|"
    r"same|previous|other|code|here)\b|\b(?:rest of (?:the )?(?:code|function|file|class)|"
    r"existing code|remaining code|code (?:remains|is) unchanged|same as before|unchanged code)\b)"
    r"|^[ \t]*(?:#|//)[ \t]*(?:\.\.\.|…)[ \t]*$",
    re.IGNORECASE,
)
_MAX_PLACEHOLDER_CHARS = 200
_BLOCKS = frozenset({"block", "statement_block", "compound_statement"})
_FREELY_SET = frozenset({"(", ")", ","})
_TYPES = frozenset({"type", "type_annotation"})


def check_parses(place: Place, new_text: str) -> None:
    """The new document has no more syntax errors than the old one."""
    if place.tree is None:
        return
    new = tree_of(new_text, place.language)
    if new is not None and _n_errors(new) > _n_errors(place.tree):
        raise FaultyAnswerError("does not parse")


def _n_errors(tree: SourceTree) -> int:
    """With the blocks that are empty, which Python's grammar lets pass."""
    if tree.language.id != "python":
        return tree.n_errors
    blocks = (node for node in walk(tree.root) if node.type == "block")
    n_empty = sum(all("comment" in c.type for c in block.named_children) for block in blocks)
    return tree.n_errors + n_empty


def check_indentation(
    old: SourceTree, region: Span, new: SourceTree, new_region: Span, unit: str
) -> None:
    """Blocks stand one step deeper than what opens them, as far as they did before."""
    if _n_askew(new, new_region, unit) > _n_askew(old, region, unit):
        raise FaultyAnswerError("is not indented as the file is")


def _n_askew(tree: SourceTree, region: Span, unit: str) -> int:
    n_askew = 0
    for node in walk(tree.root):
        if node.type not in _BLOCKS or tree.span(node) not in region or node.parent is None:
            continue
        # A block of Python begins with its first statement.
        opening = node if tree.cut(node).startswith("{") else node.parent
        start = tree.span(opening).start
        for child in node.named_children:
            at = tree.span(child).start
            is_first = not tree.text[line_start(tree.text, at) : at].strip()
            if is_first and child.start_point.row > opening.start_point.row:
                n_askew += indent_at(tree.text, at) != indent_at(tree.text, start) + unit
    return n_askew


def check_characters(old: str, new: str) -> None:
    """Nothing invisible and no control token that a model wrote out, but what was there before."""
    for match in re.finditer(FORBIDDEN, to_newlines(new)):
        if match.group() not in old:
            raise FaultyAnswerError(f"has an invisible character, U+{ord(match.group()):04X}")
    token = re.search(r"<\|[a-z_]+\|>|<｜[^｜\n]*｜>", new)
    if token is not None and token.group() not in old:
        raise FaultyAnswerError(f"has a control token, {token.group()}")


def check_rewrite(place: Place, work: Rewrite, new_text: str, new_region: Span) -> None:
    """A rewrite of the region, in the whole new document."""
    old, new = work.region.cut(place.text), new_region.cut(new_text)
    check_characters(old, new)
    if _has_placeholder(new) and not _has_placeholder(old):
        raise FaultyAnswerError("leaves out code and puts a placeholder in its place")
    check_parses(place, new_text)
    tree = tree_of(new_text, place.language)
    if place.tree is None or tree is None:
        return
    unit = surroundings_of(place.snapshot).indent_unit
    check_indentation(place.tree, work.region, tree, new_region, unit)
    if Keeps.COMMENTS in work.keeps:
        _check_comments(place.tree, work.region, tree, new_region)
    _check_names(place.tree, work, tree, new_region)
    if Keeps.CODE in work.keeps:
        before, after = _code(place.tree, work.region), _code(tree, new_region)
        if before != after:
            raise FaultyAnswerError("changes more than types")


def _has_placeholder(text: str) -> bool:
    # Of a long line the pattern takes the square of its length.
    lines = (line for line in text.splitlines() if len(line) <= _MAX_PLACEHOLDER_CHARS)
    return any(_PLACEHOLDER.search(line) for line in lines)


def _check_comments(old: SourceTree, region: Span, new: SourceTree, new_region: Span) -> None:
    lost = _comments(old, region) - _comments(new, new_region)
    if lost:
        raise FaultyAnswerError(f"leaves out the comment `{next(iter(lost))}`")


def _comments(tree: SourceTree, region: Span) -> Counter[str]:
    return Counter(
        " ".join(tree.cut(node).split())
        for node in walk(tree.root)
        if "comment" in node.type and tree.span(node) in region
    )


def _check_names(old: SourceTree, work: Rewrite, new: SourceTree, new_region: Span) -> None:
    before, others = _defined(old, work.region)
    after, _ = _defined(new, new_region)
    if Keeps.NAMES in work.keeps:
        lost = before - after
        if lost:
            raise FaultyAnswerError(f"does not define `{next(iter(lost))[1]}` any more")
    if work.adds_function and not after.total() > before.total():
        raise FaultyAnswerError("has no new function")
    twice = [name for name in after - before if name in others]
    around = {d.name for d in definitions_around(new, new_region) if d.span not in new_region}
    twice += [name for name in after - before if name[1] in around]
    if twice:
        raise FaultyAnswerError(f"defines `{twice[0][1]}`, which is there already")


def _defined(
    tree: SourceTree, region: Span
) -> tuple[Counter[tuple[str, str]], set[tuple[str, str]]]:
    """Scope and name of what the region defines, and of what all the rest does."""
    inside: Counter[tuple[str, str]] = Counter()
    outside: set[tuple[str, str]] = set()
    for definition in definitions_in(tree):
        if not definition.name:
            continue
        name = _scope(tree, definition.outer), definition.name
        if tree.span(definition.node) in region:
            inside[name] += 1
        else:
            outside.add(name)
    return inside, outside


def _scope(tree: SourceTree, node: Node) -> str:
    """The names of the definitions around a node."""
    names = [outer.child_by_field_name("name") for outer in parents(node) if outer != node]
    return ".".join(tree.cut(name) for name in names if name is not None)


def _code(tree: SourceTree, region: Span) -> list[str]:
    """Every token but types, comments, and what may be set freely."""
    return [
        tree.cut(leaf)
        for leaf in _leaves(tree.root)
        if tree.span(leaf) in region and leaf.type not in _FREELY_SET
    ]


def _leaves(root: Node) -> Iterator[Node]:
    # Not by recursion: an answer may nest as deep as it likes.
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if "comment" in node.type or node.type in _TYPES or _marks_type(node):
            continue
        if not node.children:
            yield node
        waiting += reversed(node.children)


def _marks_type(node: Node) -> bool:
    """The `:` or `->` before a type."""
    following = node.next_sibling
    return node.type in (":", "->") and following is not None and following.type in _TYPES
