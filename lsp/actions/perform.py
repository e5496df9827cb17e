"""Does what an action promises: from an offer to a proposal, or a refusal."""

from __future__ import annotations

from lsp.actions.asking import Asker
from lsp.actions.filling import ask_for_documentation, fill_body, fill_documentation
from lsp.actions.instructing import rewrite
from lsp.actions.naming import rename
from lsp.actions.place import Place
from lsp.actions.proposal import Proposal
from lsp.actions.sorting_imports import sort_imports
from lsp.actions.works import (
    Exact,
    Explain,
    FillBody,
    FillDocumentation,
    Keeps,
    Rename,
    Rewrite,
    SortImports,
    Work,
    WriteTests,
)
from lsp.actions.writing_tests import write_tests
from lsp.changes import Span
from lsp.project.workspace import Workspace


def perform_exactly(work: Exact) -> Proposal:
    """What needs no model."""
    region = Span(work.changes[0].span.start, work.changes[-1].span.end)
    return Proposal(work.changes, region)


async def perform(work: Work, place: Place, asker: Asker, workspace: Workspace) -> Proposal:
    """Raises RefusedError, and InferenceError if the engine fails."""
    fills = asker.model.supports_fim
    match work:
        case Exact():
            return perform_exactly(work)
        case SortImports():
            return await sort_imports(place, workspace.folders)
        case FillBody() if fills:
            return await fill_body(work, place, asker)
        case FillBody():
            return await rewrite(_body_by_instruction(work, place), place, asker)
        case FillDocumentation() if fills:
            return await fill_documentation(work, place, asker)
        case FillDocumentation():
            return await ask_for_documentation(work, place, asker)
        case Rewrite():
            return await rewrite(work, place, asker)
        case Rename():
            return await rename(work, place, asker)
        case WriteTests():
            return await write_tests(work, place, asker, workspace)
        case Explain():
            raise TypeError("an explanation is no edit")


def _body_by_instruction(work: FillBody, place: Place) -> Rewrite:
    name = work.definition.name
    return Rewrite(
        place.lines(work.definition.span),
        f"Write the body of `{name}`. Change nothing else.",
        Keeps.COMMENTS | Keeps.NAMES,
    )
