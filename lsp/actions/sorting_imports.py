"""Sort imports: what ruff or isort make of them by the project's settings, and nothing else.

The project's code is not run. Ruff has no plugins. Isort is a Python program that may ask git for
ignored files, and git runs what a repository names: so isort is given an environment in which
neither modules nor programs come from the project, and git finds no repository.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tree_sitter import Node

from lsp.actions.checks import check_parses
from lsp.actions.imports import imported, is_import
from lsp.actions.place import Place
from lsp.actions.proposal import FaultyAnswerError, Proposal, RefusedError
from lsp.actions.source_tree import SourceTree, tree_of, walk
from lsp.changes import Span, apply, minimal, shifted
from lsp.context.surroundings import lines_of, to_newlines
from lsp.line_index import LineIndex
from lsp.project.programs import run, trusted

NO_SORTER = "Sorting imports takes ruff or isort, and neither is on PATH outside the open folders."
_NO_ISORT = (
    "This project has settings for isort, which is not on PATH outside the open folders; ruff "
    "would sort in another way."
)

_TIMEOUT_S = 10.0
_MAX_SETTINGS_BYTES = 1 << 20
_ISORT_SETTINGS = (
    (".isort.cfg", b"["),
    ("pyproject.toml", b"[tool.isort"),
    ("setup.cfg", b"[isort]"),
    ("tox.ini", b"[isort]"),
)
"""Files, and what they hold if they have settings for isort."""


def can_sort(place: Place) -> bool:
    """Whether it is a file of Python that parses and has imports."""
    tree = place.tree
    if place.path is None or tree is None or place.language.id != "python":
        return False
    # Editors may ask for this at each saving: for broken code they would show a refusal each time.
    return not tree.root.has_error and any(map(is_import, tree.root.named_children))


def has_sorter(folders: tuple[Path, ...]) -> bool:
    """Whether a program that sorts is there, outside the open folders."""
    return any(trusted(name, folders) for name in ("ruff", "isort"))


async def sort_imports(place: Place, folders: tuple[Path, ...]) -> Proposal:
    """Without changes where the imports are in order. Raises RefusedError."""
    path = place.path
    assert path is not None, "can_sort"
    unmarked = place.text.removeprefix("\ufeff")
    old = to_newlines(unmarked)
    new = await _sorted(old, path, folders)
    if new == old:
        return Proposal()
    region, new_region = _difference(old, new)
    try:
        _check_nothing_else(_tree(old, place), region, _tree(new, place), new_region)
        lines = LineIndex(unmarked)
        whole = Span(_moved(region.start, old, lines), _moved(region.end, old, lines))
        changes = shifted(
            minimal(unmarked, whole, new_region.cut(new), place.snapshot.eol),
            by=len(place.text) - len(unmarked),
        )
        check_parses(place, apply(place.text, changes))
    except FaultyAnswerError as fault:
        raise RefusedError(f"The text with sorted imports {fault}; nothing was changed.") from None
    return Proposal(changes, Span(changes[0].span.start, changes[-1].span.end))


async def _sorted(text: str, path: Path, folders: tuple[Path, ...]) -> str:
    name, program = _sorter(path, folders)
    output = await run(
        (program, *_arguments(name, path)),
        cwd=_project_of(path, folders),
        timeout_s=_TIMEOUT_S,
        text=text,
        variables=_environment(program),
    )
    if output is None or output.status != 0:
        ended = "took too long" if output and not output.is_finished else "ended with an error"
        raise RefusedError(f"`{name}` {ended}; nothing was changed.")
    new = to_newlines(output.text)
    return new if text.endswith("\n") else new.removesuffix("\n")


def _sorter(path: Path, folders: tuple[Path, ...]) -> tuple[str, str]:
    """Name and place of the program for this file."""
    if _is_isorts(path, folders):
        names, reason = ("isort",), _NO_ISORT
    else:
        names, reason = ("ruff", "isort"), NO_SORTER
    for name in names:
        program = trusted(name, folders)
        if program is not None:
            return name, program
    raise RefusedError(reason)


def _arguments(name: str, path: Path) -> tuple[str, ...]:
    if name == "isort":
        return ("--quiet", "--settings-path", str(path.parent), "--filename", str(path), "-")
    only = ("--select", "I001", "--fixable", "I001", "--fix-only")
    return ("check", *only, "--quiet", "--no-cache", "--stdin-filename", str(path), "-")


def _is_isorts(path: Path, folders: tuple[Path, ...]) -> bool:
    """Whether the file's project has settings for isort."""
    for folder in path.parents:
        if any(mark in _beginning(folder / name) for name, mark in _ISORT_SETTINGS):
            return True
        if folder in folders or (folder / ".git").exists():
            break
    return False


def _beginning(path: Path) -> bytes:
    """Of a file of settings; empty if it is none."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(_MAX_SETTINGS_BYTES)
    except OSError:
        return b""


def _project_of(path: Path, folders: tuple[Path, ...]) -> Path:
    inside = [folder for folder in folders if path.is_relative_to(folder)]
    return max(inside, key=lambda folder: len(folder.parts), default=path.parent)


def _environment(program: str) -> dict[str, str]:
    """Ours, without what leads a program into the project."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    system = () if os.name == "nt" else (os.defpath,)
    path = os.pathsep.join([str(Path(program).parent), *system])
    return kept | {"PATH": path, "PYTHONUTF8": "1", "GIT_DIR": os.devnull}


def _difference(old: str, new: str) -> tuple[Span, Span]:
    """The whole lines in which the texts differ, in each."""
    old_lines, new_lines = lines_of(old), lines_of(new)
    pairs = zip(old_lines, new_lines, strict=False)
    start = sum(map(len, _equal(pairs)))
    limit = min(len(old), len(new)) - start
    n_after = 0
    for line in _equal(zip(reversed(old_lines), reversed(new_lines), strict=False)):
        if n_after + len(line) > limit:
            break
        n_after += len(line)
    return Span(start, len(old) - n_after), Span(start, len(new) - n_after)


def _equal(pairs: Iterator[tuple[str, str]]) -> Iterator[str]:
    for old, new in pairs:
        if old != new:
            return
        yield old


def _moved(offset: int, old: str, lines: LineIndex) -> int:
    """An offset of a line's start, or of the end, in the text with its own line endings."""
    if offset == len(old):
        return lines.length
    return lines.start_of(old.count("\n", 0, offset))


def _tree(text: str, place: Place) -> SourceTree:
    tree = tree_of(text, place.language)
    if tree is None:
        raise FaultyAnswerError("is too long to be checked")
    return tree


@dataclass(frozen=True, slots=True)
class _Content:
    code: list[str]
    """Lines with what else they hold, blank ones left out."""
    imports: dict[int, set[tuple[str, str]]]
    """By the number of lines of code before them."""
    comments: Counter[str]


def _check_nothing_else(old: SourceTree, region: Span, new: SourceTree, new_region: Span) -> None:
    """The same imports between the same code, and no comment less. Raises FaultyAnswerError."""
    before, after = _content(old, region), _content(new, new_region)
    if before.code != after.code:
        raise FaultyAnswerError("changes more than imports")
    if before.imports != after.imports:
        raise FaultyAnswerError("imports something else, or elsewhere")
    lost = before.comments - after.comments
    if lost:
        raise FaultyAnswerError(f"leaves out the comment `{next(iter(lost))}`")


def _content(tree: SourceTree, region: Span) -> _Content:
    content = _Content([], defaultdict(set), Counter())
    done = region.start

    def take_code(end: int) -> None:
        lines = tree.text[done:end].split("\n")
        content.code.extend(line.rstrip() for line in lines if line.strip())

    for node in _imports_and_comments(tree, region):
        span = tree.span(node)
        take_code(span.start)
        done = max(done, span.end)  # A comment may stand inside an import.
        if is_import(node):
            content.imports[len(content.code)] |= imported(tree, node)
        else:
            content.comments[" ".join(tree.cut(node).split())] += 1
    take_code(region.end)
    return content


def _imports_and_comments(tree: SourceTree, region: Span) -> Iterator[Node]:
    """Those that the region touches, in the text's order."""

    def is_touched(node: Node) -> bool:
        span = tree.span(node)
        return span.start < region.end and region.start < span.end

    for statement in filter(is_touched, tree.root.children):
        for node in walk(statement):
            if (node.type == "comment" or is_import(node)) and is_touched(node):
                yield node
