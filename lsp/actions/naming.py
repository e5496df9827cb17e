"""Rename meaningfully: the model says a name, the syntax tree does the renaming."""

from __future__ import annotations

import keyword
import re

from lsp.actions.asking import Answered, Asker
from lsp.actions.fitting import Target
from lsp.actions.instructing import ask_twice, shown_part
from lsp.actions.place import Place
from lsp.actions.proposal import FaultyAnswerError, Proposal
from lsp.actions.renaming import renamed
from lsp.actions.source_tree import walk
from lsp.actions.works import Rename
from lsp.changes import Span
from lsp.replies.forms import NAME_IN_BACKTICKS
from lsp.replies.reading import read_reply

_MAX_CHARS = 40
_RESERVED = frozenset(
    [
        *keyword.kwlist,
        *("const", "let", "var", "function", "new", "this", "typeof", "void", "delete", "switch"),
        *("case", "default", "do", "export", "extends", "super", "throw", "catch", "enum", "null"),
    ]
)


async def rename(work: Rename, place: Place, asker: Asker) -> Proposal:
    """Raises RefusedError if two tries bring no name that is free."""
    region = place.lines(work.function.span)
    question = (
        f"{shown_part(Target(place, region), asker)}\n\n"
        f"Task: find a better name for the variable `{work.name}` of `{work.function.name}`: one "
        "that says what it is, written as the other names there. Answer with the name alone, in "
        "backticks."
    )

    def take(answered: Answered) -> Proposal:
        changes = renamed(work.occurrences, _name(answered.text, work, place))
        return Proposal(changes, Span(changes[0].span.start, changes[-1].span.end))

    return await ask_twice(question, take, asker, form=NAME_IN_BACKTICKS)


def _name(answer: str, work: Rename, place: Place) -> str:
    reply = read_reply(answer)
    text = "\n".join([reply.bare, *(block.text for block in reply.blocks)])
    quoted = re.findall(r"`\s*([^\W\d]\w*)\s*`", text)
    alone = [line.strip() for line in text.split("\n")]
    named = [word for word in quoted + alone if word.isidentifier()]
    name = next((word for word in named if word != work.name), None)
    if name is None or len(name) > _MAX_CHARS:
        raise FaultyAnswerError("has no new name")
    if name in _RESERVED:
        raise FaultyAnswerError(f"has a name that the language keeps for itself, `{name}`")
    tree = place.tree
    if tree is not None and any(
        not node.named_children and tree.cut(node) == name for node in walk(tree.root)
    ):
        raise FaultyAnswerError(f"has a name that is used already, `{name}`")
    return name
