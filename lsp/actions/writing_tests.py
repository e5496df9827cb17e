"""Write tests for one function: a new file, or more of them in the file that is there."""

from __future__ import annotations

import re
from pathlib import Path

from lsp.actions.asking import Answered, Asker
from lsp.actions.checks import check_characters
from lsp.actions.definitions import definitions_in
from lsp.actions.fitting import Target
from lsp.actions.imports import is_import
from lsp.actions.instructing import ask_twice, shown_part
from lsp.actions.merging_tests import merged_tests, names_in
from lsp.actions.new_tests import file_for_tests
from lsp.actions.place import Place
from lsp.actions.proposal import FaultyAnswerError, OtherFile, Proposal, RefusedError
from lsp.actions.source_tree import SourceTree, tree_of
from lsp.actions.works import WriteTests
from lsp.changes import Change, Span
from lsp.context.surroundings import to_newlines
from lsp.markdown import fence_for
from lsp.project.paths import PathRefusedError
from lsp.project.workspace import UnreadableError, Workspace
from lsp.replies.forms import fenced
from lsp.replies.reading import read_reply

_FRAMEWORKS = {
    "python": "pytest",
    "javascript": "the test framework of the project, else node:test",
    "typescript": "the test framework of the project, else node:test",
    "typescriptreact": "the test framework of the project, else node:test",
    "go": "the package testing",
}
_MAX_SHOWN_CHARS = 2_000
_HAS_TEST = re.compile(r"\bdef test_|\b(?:test|it|describe)\s*\(|\bfunc Test|\bTestCase\b")


async def write_tests(
    work: WriteTests, place: Place, asker: Asker, workspace: Workspace
) -> Proposal:
    """Raises RefusedError if two tries bring no tests that fit."""
    function, language = work.definition, place.language
    assert place.path is not None, "can_have_tests"
    target, old = _target(work, place, workspace)
    there = tree_of(old, language) if old is not None else None
    if old is not None and (there is None or there.root.has_error):
        fault = "does not parse: mend it first" if there else "is too long to add to"
        raise RefusedError(f"{target.name} is there already and {fault}.")
    question = (
        f"{shown_part(Target(place, place.lines(function.span)), asker)}\n\n"
        f"Task: write tests for `{function.name}` with {_FRAMEWORKS[language.id]}, "
        f"{_addition(target.name, there) if there else f'as the whole new file {target.name}.'} It "
        f"imports what it tests from {place.path.name}. Answer with "
        f"{'the new tests' if there else 'the file'} in one fenced code block, and with nothing "
        "else."
    )

    def take(answered: Answered) -> Proposal:
        code = _code(answered, place, target)
        check_characters(place.text + (old or ""), code)
        if there is not None:
            return Proposal(other=OtherFile(target, old, merged_tests(there, code)))
        text = code.replace("\n", place.snapshot.eol)
        return Proposal(other=OtherFile(target, None, (Change(Span(0, 0), text),)))

    return await ask_twice(question, take, asker, form=fenced(place.text + (old or "")))


def _target(work: WriteTests, place: Place, workspace: Workspace) -> tuple[Path, str | None]:
    """The file for the tests, and its text if it is there. Raises RefusedError."""
    try:
        target = file_for_tests(place, work.definition, workspace)
        if target is None:
            raise RefusedError("The files that the tests could be written to are there already.")
        if not workspace.exists(target):
            return target, None
        old = workspace.original(target)
    except (PathRefusedError, UnreadableError) as error:
        raise RefusedError(str(error)) from error
    return target, old


def _addition(name: str, there: SourceTree) -> str:
    """What the model is told of a file that it adds to."""
    imports = [there.cut(node) for node in there.root.named_children if is_import(node)]
    lines = to_newlines("\n".join(imports))[:_MAX_SHOWN_CHARS]
    names = ", ".join(names_in(there))[:_MAX_SHOWN_CHARS]
    fence = fence_for(lines)
    return (
        f"to be added to the file {name}. That defines {names or 'nothing'}, which must not be "
        f"defined again, and has these imports:\n{fence}python\n{lines}\n{fence}\n"
    )


def _code(answered: Answered, place: Place, target: Path) -> str:
    """The code of an answer, lines ended by `\n`. Raises FaultyAnswerError."""
    reply = read_reply(answered.text)
    named = [b for b in reply.code if not b.path or Path(b.path).name == target.name]
    if reply.code and not named:
        raise FaultyAnswerError(f"is about another file, {reply.code[0].path}")
    block = max(named, key=lambda block: len(block.text), default=None)
    if reply.is_unfinished or (answered.is_cut and (block is None or not block.is_closed)):
        raise FaultyAnswerError("was cut off")
    text = (block.text if block else reply.bare).strip("\n") + "\n"
    tree = tree_of(text, place.language)
    if tree is not None and tree.n_errors:
        raise FaultyAnswerError("does not parse")
    if not _HAS_TEST.search(text) or (tree is not None and not any(definitions_in(tree))):
        raise FaultyAnswerError("has no tests")
    return text
