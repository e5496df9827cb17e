"""Code actions on the wire: what a request asks about, and what identifies an action later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
from lsprotocol import types
from pygls.uris import to_fs_path

from lsp.actions.offers import Offer, asked_rewrite, offers_at
from lsp.actions.place import Diagnosis, Place, place_at
from lsp.changes import Span
from lsp.document_store import Document
from lsp.errors import InvalidParamsError, RequestFailedError
from lsp.positions import locate
from lsp.session import Session


class DataPosition(msgspec.Struct, frozen=True):
    line: int
    character: int


class DataRange(msgspec.Struct, frozen=True):
    start: DataPosition
    end: DataPosition


class DataDiagnostic(msgspec.Struct, frozen=True, omit_defaults=True):
    range: DataRange
    message: str
    source: str = ""


class ActionData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`CodeAction.data`: enough to find the same action again in the same text."""

    id: str
    title: str
    uri: str
    version: int
    range: DataRange
    diagnostic: DataDiagnostic | None = None
    instruction: str | None = None
    """What the user has typed; the editor fills it in. Only for the action `rewrite`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An action found again."""

    place: Place
    offer: Offer


def span_of(session: Session, document: Document, range_: types.Range | DataRange) -> Span:
    """Offsets of a range, clamped into the text, whichever end comes first."""
    ends = [
        locate(
            document.text,
            document.lines,
            types.Position(position.line, position.character),
            session.encoding,
        ).offset
        for position in (range_.start, range_.end)
    ]
    return Span(min(ends), max(ends))


def place_of(
    session: Session,
    document: Document,
    selected: types.Range | DataRange,
    diagnostics: list[DataDiagnostic],
) -> Place:
    """The document as it is now, and what of it is meant."""
    span = span_of(session, document, selected)
    capabilities = session.client.capabilities
    is_word = capabilities.selects_word and span.cut(document.text).isidentifier()
    if is_word or (capabilities.block_cursor and span.end - span.start == 1):
        span = Span(span.start, span.start)
    path = to_fs_path(document.uri) if document.uri.startswith("file:") else None
    return place_at(
        document.snapshot(span.start),
        span,
        tuple(
            Diagnosis(span_of(session, document, d.range), d.message, d.source) for d in diagnostics
        ),
        Path(path) if path else None,
    )


def data_diagnostic(diagnostic: types.Diagnostic) -> DataDiagnostic:
    start, end = diagnostic.range.start, diagnostic.range.end
    return DataDiagnostic(
        DataRange(DataPosition(start.line, start.character), DataPosition(end.line, end.character)),
        diagnostic.message,
        diagnostic.source or "",
    )


def read_data(value: object) -> ActionData:
    """Raises InvalidParamsError for what is not ours."""
    try:
        return msgspec.convert(value, ActionData)
    except msgspec.ValidationError as error:
        raise InvalidParamsError(f"This is no code action of Sotto: {error}.") from error


def told(session: Session, reason: str) -> RequestFailedError:
    """The error of a request whose reason the user sees, whatever the editor does with errors."""
    session.client.show_refusal(f"Sotto: {reason}")
    return RequestFailedError(reason)


def find(session: Session, data: ActionData) -> Asked:
    """The action that `data` means. Raises RequestFailedError if the text has changed since; the
    user was told."""
    document = session.documents.get(data.uri)
    if document is None:
        raise told(session, "The document was closed; open it and ask again.")
    if document.version != data.version or document.suspicion is not None:
        raise told(session, "The text has changed since; ask for the action again.")
    diagnostics = [data.diagnostic] if data.diagnostic else []
    place = place_of(session, document, data.range, diagnostics)
    if data.instruction is not None and data.id == "rewrite":
        offers = [asked_rewrite(place, data.instruction)]
    else:
        offers = [
            offer
            for offer in offers_at(place, session.settings.actions)
            if (offer.id, offer.title) == (data.id, data.title)
        ]
    found = next((offer for offer in offers if offer is not None), None)
    if found is None:
        raise told(session, "The action does not fit here any more; ask for it again.")
    return Asked(place, found)
