"""Which actions a place has: decided by the syntax tree and the diagnostics, without a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from lsp.actions.comprehension import comprehension_as_loop, loop_as_comprehension
from lsp.actions.conversions import conversion_at
from lsp.actions.definitions import docstring_of, lacks_types, stub_of
from lsp.actions.extract_variable import extract_variable
from lsp.actions.grammars import DocStyle
from lsp.actions.new_tests import can_have_tests
from lsp.actions.place import Place, selected_statements, trimmed
from lsp.actions.renaming import local_name_at
from lsp.actions.sorting_imports import can_sort
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
from lsp.changes import Span
from lsp.settings import ActionSettings, CustomAction

_MAX_FIXES = 3
_MAX_TITLE_CHARS = 60
_SPOKEN_INSTRUCTION = re.compile(r"(?:#|//|--|/\*+)\s*sotto:\s*(.+?)\s*(?:\*/)?\s*$", re.MULTILINE)


class Kind(StrEnum):
    """The protocol's kinds of code actions that are used."""

    QUICK_FIX = "quickfix"
    EXTRACT = "refactor.extract"
    REWRITE = "refactor.rewrite"
    SOURCE = "source"
    ORGANIZE_IMPORTS = "source.organizeImports"


class Needs(StrEnum):
    """What a model must be able to do."""

    NOTHING = "nothing"
    FILL = "fill"
    """Fill in the middle, or follow instructions."""
    INSTRUCTIONS = "instructions"


@dataclass(frozen=True)
class Offer:
    """An action that this place has."""

    id: str
    """Of the action; several fixes or conversions may share it, so the title is needed too."""
    kind: str
    """The protocol's, as exact as possible: `refactor.rewrite.docstring`."""
    title: str
    work: Work
    needs: Needs
    fixes: int | None = None
    """The index of the diagnosis it is for."""


IDS = (
    "fix", "body", "docstring", "types", "extract-function", "extract-variable", "rename",
    "simplify", "convert", "sort-imports", "tests", "rewrite", "explain",
)  # fmt: skip
"""All actions of ours, in the order they are listed."""

ASK = "rewrite"
"""The action whose instruction the user types, where the editor can ask for it."""


def offers_at(place: Place, settings: ActionSettings) -> list[Offer]:
    """Everything that makes sense here, in the order to show it."""
    if not settings.enabled:
        return []
    found = [offer for make in _MAKERS for offer in make(place)]
    found = [offer for offer in found if offer.id not in settings.disabled]
    return found + list(_custom(place, settings.custom))


def asked_rewrite(place: Place, instruction: str) -> Offer | None:
    """A rewrite by an instruction that the user has typed; None where there is no text."""
    region = place.region
    if region is None:
        return None
    work = Rewrite(region, instruction)
    return Offer(ASK, f"{Kind.REWRITE}.instruction", _short(instruction), work, Needs.INSTRUCTIONS)


def _fixes(place: Place) -> Iterator[Offer]:
    for number, diagnosis in enumerate(place.diagnoses[:_MAX_FIXES]):
        said = " ".join(diagnosis.message.split())
        work = Rewrite(
            place.region_around(diagnosis.span),
            f"Fix this problem, and change nothing else: {said}",
            Keeps.COMMENTS | Keeps.NAMES,
        )
        title = _short(f"Fix: {said}")
        yield Offer("fix", Kind.QUICK_FIX, title, work, Needs.INSTRUCTIONS, fixes=number)


def _body(place: Place) -> Iterator[Offer]:
    function = place.function
    stub = stub_of(function) if function else None
    if function and stub:
        title = f"Complete the body of `{function.name}`"
        yield Offer("body", f"{Kind.REWRITE}.body", title, FillBody(function, stub), Needs.FILL)


def _docstring(place: Place) -> Iterator[Offer]:
    definition = next((d for d in place.definitions if d.name), None)
    if definition is None or definition.grammar.doc is None or docstring_of(definition):
        return
    if definition.grammar.doc is DocStyle.INSIDE:
        body = definition.body
        if body is None or (
            body.named_children and body.start_point.row == definition.node.start_point.row
        ):
            return  # The body stands on the header's line.
    title = f"Write docstring for `{definition.name}`"
    work = FillDocumentation(definition)
    yield Offer("docstring", f"{Kind.REWRITE}.docstring", title, work, Needs.FILL)


def _types(place: Place) -> Iterator[Offer]:
    function = place.function
    if function and lacks_types(function):
        work = Rewrite(
            place.lines(function.span),
            "Add type hints to the parameters and the result. Change nothing else.",
            Keeps.COMMENTS | Keeps.NAMES | Keeps.CODE,
        )
        title = f"Add type hints to `{function.name}`"
        yield Offer("types", f"{Kind.REWRITE}.types", title, work, Needs.INSTRUCTIONS)


def _extract_function(place: Place) -> Iterator[Offer]:
    if not selected_statements(place):
        return
    function = place.function
    region = place.lines(function.span if function else place.selection)
    selected = place.selection.cut(place.text)
    work = Rewrite(
        region,
        "Move the following statements into a new function with a telling name, put it before the "
        f"code that uses them, and call it there. Change nothing else.\n{selected}",
        Keeps.COMMENTS | Keeps.NAMES,
        adds_function=True,
    )
    yield Offer(
        "extract-function",
        f"{Kind.EXTRACT}.function",
        "Extract function",
        work,
        Needs.INSTRUCTIONS,
    )


def _extract_variable(place: Place) -> Iterator[Offer]:
    changes = extract_variable(place)
    if changes:
        yield Offer(
            "extract-variable",
            f"{Kind.EXTRACT}.variable",
            "Extract variable",
            Exact(changes),
            Needs.NOTHING,
        )


def _rename(place: Place) -> Iterator[Offer]:
    local = local_name_at(place)
    if local:
        work = Rename(local.function, local.name, local.occurrences)
        title = f"Rename `{local.name}` meaningfully"
        yield Offer("rename", f"{Kind.REWRITE}.rename", title, work, Needs.INSTRUCTIONS)


def _simplify(place: Place) -> Iterator[Offer]:
    if place.region and (place.has_selection or place.function):
        work = Rewrite(
            place.region,
            "Simplify this code. It must do exactly what it did before.",
            Keeps.NAMES,
        )
        subject = "the selection" if place.has_selection else f"`{_name(place)}`"
        title = f"Simplify {subject}"
        yield Offer("simplify", f"{Kind.REWRITE}.simplify", title, work, Needs.INSTRUCTIONS)


def _convert(place: Place) -> Iterator[Offer]:
    exact = False
    for title, changes in (
        ("Convert the loop to a comprehension", loop_as_comprehension(place)),
        ("Convert the comprehension to a loop", comprehension_as_loop(place)),
    ):
        if changes:
            exact = True
            yield Offer("convert", f"{Kind.REWRITE}.convert", title, Exact(changes), Needs.NOTHING)
    conversion = None if exact else conversion_at(place)
    if conversion:
        work = Rewrite(
            conversion.region,
            f"Convert this to {conversion.target}. It must do exactly what it did before.",
            Keeps.NAMES,
        )
        title = f"Convert to {conversion.target}"
        yield Offer("convert", f"{Kind.REWRITE}.convert", title, work, Needs.INSTRUCTIONS)


def _sort_imports(place: Place) -> Iterator[Offer]:
    if can_sort(place):
        kind = Kind.ORGANIZE_IMPORTS
        yield Offer("sort-imports", kind, "Sort imports", SortImports(), Needs.NOTHING)


def _tests(place: Place) -> Iterator[Offer]:
    function = place.function
    if function and can_have_tests(function, place):
        title = f"Write tests for `{function.name}`"
        yield Offer(
            "tests", f"{Kind.SOURCE}.tests", title, WriteTests(function), Needs.INSTRUCTIONS
        )


def _rewrite(place: Place) -> Iterator[Offer]:
    """By an instruction in a comment of the region, `sotto: …`, or by one the editor asks for."""
    if place.region is None:
        return
    spoken = _SPOKEN_INSTRUCTION.search(place.region.cut(place.text))
    kind = f"{Kind.REWRITE}.instruction"
    if spoken:
        work = Rewrite(place.region, f"{spoken[1]}\nRemove the comment that begins with `sotto:`.")
        yield Offer(ASK, kind, _short(f"Rewrite: {spoken[1]}"), work, Needs.INSTRUCTIONS)
    else:
        work = Rewrite(place.region, "")
        yield Offer(ASK, kind, "Rewrite by instruction…", work, Needs.INSTRUCTIONS)


def _explain(place: Place) -> Iterator[Offer]:
    if place.region and (place.has_selection or place.function):
        subject = "the selection" if place.has_selection else f"`{_name(place)}`"
        yield Offer(
            "explain",
            f"{Kind.SOURCE}.explain",
            f"Explain {subject}",
            Explain(place.region),
            Needs.INSTRUCTIONS,
        )


def _custom(place: Place, actions: Iterable[CustomAction]) -> Iterator[Offer]:
    """The user's own. Of those with one title the first that is for this place: in a menu they
    could not be told apart."""
    titles: set[str] = set()
    for action in actions:
        if action.languages and place.language.id not in action.languages:
            continue
        if action.title in titles:
            continue
        region: Span | None = None
        if action.applies_to == "selection" and place.has_selection:
            region = place.region
        elif action.applies_to == "function" and place.function:
            region = place.lines(place.function.span)
        elif action.applies_to == "file" and place.text.strip():
            region = place.lines(trimmed(place.text, Span(0, len(place.text))))
        if region is not None:
            work = Rewrite(region, action.instruction)
            titles.add(action.title)
            kind = f"{Kind.REWRITE}.custom"
            yield Offer("custom", kind, action.title, work, Needs.INSTRUCTIONS)


def _name(place: Place) -> str:
    return place.function.name if place.function else ""


def _short(text: str) -> str:
    """One line that fits a menu."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_TITLE_CHARS else line[: _MAX_TITLE_CHARS - 1] + "…"


_MAKERS: tuple[Callable[[Place], Iterator[Offer]], ...] = (
    _fixes,
    _body,
    _docstring,
    _types,
    _extract_function,
    _extract_variable,
    _rename,
    _simplify,
    _convert,
    _sort_imports,
    _tests,
    _rewrite,
    _explain,
)
