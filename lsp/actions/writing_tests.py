"""Write tests: a new file of tests for one function."""

from __future__ import annotations

import re
from pathlib import Path

from lsp.actions.asking import Answered, Asker
from lsp.actions.checks import check_characters
from lsp.actions.definitions import definitions_in
from lsp.actions.fitting import Target
from lsp.actions.instructing import ask_twice, shown_part
from lsp.actions.new_tests import new_test_file
from lsp.actions.place import Place
from lsp.actions.proposal import FaultyAnswerError, NewFile, Proposal, RefusedError
from lsp.actions.source_tree import tree_of
from lsp.actions.works import WriteTests
from lsp.replies.forms import fenced
from lsp.replies.reading import read_reply

_FRAMEWORKS = {
    "python": "pytest",
    "javascript": "the test framework of the project, else node:test",
    "typescript": "the test framework of the project, else node:test",
    "typescriptreact": "the test framework of the project, else node:test",
    "go": "the package testing",
}
_HAS_TEST = re.compile(r"\bdef test_|\b(?:test|it|describe)\s*\(|\bfunc Test|\bTestCase\b")


async def write_tests(
    work: WriteTests, place: Place, asker: Asker, folders: tuple[Path, ...]
) -> Proposal:
    """Raises RefusedError if two tries bring no file that parses. `folders` are the open ones."""
    function = work.definition
    target = new_test_file(place, folders, function)
    if target is None or place.path is None:
        raise RefusedError("The files that the tests could be written to are there already.")
    question = (
        f"{shown_part(Target(place, place.lines(function.span)), asker)}\n\n"
        f"Task: write tests for `{function.name}` with {_FRAMEWORKS[place.language.id]}, as the "
        f"whole new file {target.name}. It imports what it tests from {place.path.name}. Answer "
        "with the file in one fenced code block, and with nothing else."
    )

    def take(answered: Answered) -> Proposal:
        text = _file_text(answered, place, target)
        return Proposal(new_file=NewFile(target, text))

    return await ask_twice(question, take, asker, form=fenced(place.text))


def _file_text(answered: Answered, place: Place, target: Path) -> str:
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
    check_characters(place.text, text)
    return text.replace("\n", place.snapshot.eol)
