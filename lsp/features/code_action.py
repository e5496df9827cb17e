"""`textDocument/codeAction`: which actions there are at a place. No model is asked."""

from __future__ import annotations

import msgspec
from lsprotocol import types

from lsp.action_requests import (
    ActionData,
    DataPosition,
    DataRange,
    data_diagnostic,
    place_of,
)
from lsp.actions.abilities import inability
from lsp.actions.new_tests import has_tests
from lsp.actions.offers import ASK, Kind, Offer, offers_at
from lsp.actions.place import Place
from lsp.actions.sorting_imports import NO_SORTER, has_sorter
from lsp.actions.works import Rewrite, SortImports, WriteTests
from lsp.open_files import workspace
from lsp.protocol import APPLY, EXPLAIN, REWRITE
from lsp.session import Session
from lsp.warm_up import cursor_moved

OPTIONS = types.CodeActionOptions(code_action_kinds=[*Kind], resolve_provider=True)


async def code_action(
    session: Session, params: types.CodeActionParams
) -> list[types.CodeAction | types.Command]:
    """Cheap: some editors ask at every move of the cursor."""
    document = session.documents.get(params.text_document.uri)
    if document is None or document.is_oversize or document.suspicion is not None:
        return []
    context = params.context
    is_unasked = context.trigger_kind is types.CodeActionTriggerKind.Automatic
    if is_unasked and params.range.start == params.range.end:
        # An editor that asks by itself tells thereby where the cursor is.
        cursor_moved(session, document.uri, params.range.start)
    diagnostics = [data_diagnostic(diagnostic) for diagnostic in context.diagnostics]
    place = place_of(session, document, params.range, diagnostics)
    actions: list[types.CodeAction | types.Command] = []
    for offer in offers_at(place, session.settings.actions):
        if not _is_wanted(offer, place, context):
            continue
        start, end = params.range.start, params.range.end
        data = ActionData(
            id=offer.id,
            title=offer.title,
            uri=document.uri,
            version=document.version,
            range=DataRange(
                DataPosition(start.line, start.character), DataPosition(end.line, end.character)
            ),
            diagnostic=diagnostics[offer.fixes] if offer.fixes is not None else None,
        )
        fixed = [context.diagnostics[offer.fixes]] if offer.fixes is not None else None
        action = _action(session, place, offer, data, fixed)
        if action is not None:
            actions.append(action)
    return actions


def _is_wanted(offer: Offer, place: Place, context: types.CodeActionContext) -> bool:
    """`only` names kinds with all that are below them. Unasked, at a mere cursor, only fixes come:
    an editor would show its light bulb on every line."""
    if context.only:  # None at all means any to those who send an empty list.
        return any(
            offer.kind == kind or offer.kind.startswith(f"{kind}.") or not kind
            for kind in map(str, context.only)
        )
    is_unasked = context.trigger_kind is types.CodeActionTriggerKind.Automatic
    return not is_unasked or place.has_selection or offer.fixes is not None


def _action(
    session: Session,
    place: Place,
    offer: Offer,
    data: ActionData,
    fixed: list[types.Diagnostic] | None,
) -> types.CodeAction | types.Command | None:
    """On the wire; None where the editor has no notion of such a thing."""
    capabilities = session.client.capabilities
    reason = _obstacle(session, place, offer)
    if reason is not None and not (capabilities.action_literals and capabilities.disabled_actions):
        return None
    action = types.CodeAction(title=offer.title, kind=offer.kind, diagnostics=fixed)
    if reason is not None:
        action.disabled = types.CodeActionDisabled(reason)
        return action
    argument = msgspec.to_builtins(data)
    if _is_unsaid(offer):
        # The editor asks for the instruction and then has the action resolved.
        action.command = types.Command(offer.title, REWRITE, arguments=[argument])
    elif offer.id == "explain":
        action.command = types.Command(offer.title, EXPLAIN, arguments=[argument])
    elif capabilities.resolves_edits:
        action.data = argument
    elif capabilities.applies_edits:
        action.command = types.Command(offer.title, APPLY, arguments=[argument])
    else:
        return None
    return action if capabilities.action_literals else action.command


def _obstacle(session: Session, place: Place, offer: Offer) -> str | None:
    """Why the action cannot be done now."""
    ready = session.engine.ready
    if ready is not None:
        cannot = inability(ready[1], offer.needs)
        if cannot is not None:
            return cannot
    if _is_unsaid(offer) and not session.client.capabilities.asks_instruction:
        return (
            "This editor cannot ask for the instruction: write it in a comment that begins with "
            "`sotto:`, select both, and choose the action again."
        )
    if isinstance(offer.work, SortImports) and not has_sorter(session.folders):
        return NO_SORTER
    if (
        isinstance(offer.work, WriteTests)
        and not session.client.capabilities.creates_files
        and not has_tests(place, offer.work.definition, workspace(session))
    ):
        return "This editor cannot create a file from a code action."
    return None


def _is_unsaid(offer: Offer) -> bool:
    return offer.id == ASK and isinstance(offer.work, Rewrite) and not offer.work.instruction
