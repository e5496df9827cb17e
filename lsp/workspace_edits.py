"""Changes in offsets → the protocol's versioned `WorkspaceEdit`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lsprotocol import types

from lsp.capabilities import ClientCapabilities
from lsp.changes import Change
from lsp.line_index import LineIndex
from lsp.positions import Encoding, position_at

_ANNOTATION = "sotto"


@dataclass(frozen=True, slots=True)
class ChangedText:
    """One file's part of an edit."""

    uri: str
    text: str
    """As it is before."""
    lines: LineIndex
    changes: tuple[Change, ...]
    version: int | None = None
    """None for a file that the editor has not opened."""
    is_new: bool = False
    """The file is to be created: an edit that meets one all the same takes nothing out of it."""


def workspace_edit(
    changed: Sequence[ChangedText],
    *,
    title: str,
    description: str | None = None,
    is_sure: bool,
    encoding: Encoding,
    capabilities: ClientCapabilities,
) -> types.WorkspaceEdit:
    """An edit that an editor refuses if a text it has open has another version by now, unless it
    knows no versions.

    Where the editor can, it asks before it touches a file that is not open, or applies what is not
    sure.
    """
    changed = [part for part in changed if part.changes]
    if not capabilities.document_changes:
        assert not any(part.is_new for part in changed), "who creates files has document changes"
        return types.WorkspaceEdit(
            changes={part.uri: _replaced(part, encoding, capabilities) for part in changed}
        )
    annotation = _ANNOTATION if capabilities.change_annotations else None
    operations: list[types.TextDocumentEdit | types.CreateFile] = []
    for part in changed:
        if part.is_new:
            operations.append(_creation(part.uri, annotation, capabilities))
        document = types.OptionalVersionedTextDocumentIdentifier(uri=part.uri, version=part.version)
        replaced = _replaced(part, encoding, capabilities)
        edits = [_text_edit(edit.range, edit.new_text, annotation) for edit in replaced]
        operations.append(types.TextDocumentEdit(text_document=document, edits=edits))
    edit = types.WorkspaceEdit(document_changes=operations)
    if annotation is not None:
        needs_look = not is_sure or any(part.version is None for part in changed)
        edit.change_annotations = {
            annotation: types.ChangeAnnotation(
                label=title, description=description, needs_confirmation=needs_look
            )
        }
    return edit


def _replaced(
    part: ChangedText, encoding: Encoding, capabilities: ClientCapabilities
) -> list[types.TextEdit]:
    if part.is_new:
        start = types.Position(0, 0)
        texts = [change.text for change in part.changes]
        if not capabilities.refuses_existing_files:
            # Below a last line ending Neovim shows an empty line; editors write it by themselves.
            texts = [re.sub(r"\r?\n\Z", "", text) for text in texts]
        return [types.TextEdit(types.Range(start, start), text) for text in texts]
    return [
        types.TextEdit(
            types.Range(
                position_at(part.text, part.lines, change.span.start, encoding),
                position_at(part.text, part.lines, change.span.end, encoding),
            ),
            change.text,
        )
        for change in part.changes
    ]


def _creation(
    uri: str, annotation: str | None, capabilities: ClientCapabilities
) -> types.CreateFile:
    options = types.CreateFileOptions(
        overwrite=False, ignore_if_exists=not capabilities.refuses_existing_files
    )
    return types.CreateFile(uri=uri, options=options, annotation_id=annotation)


def _text_edit(
    range_: types.Range, text: str, annotation: str | None
) -> types.TextEdit | types.AnnotatedTextEdit:
    if annotation is None:
        return types.TextEdit(range_, text)
    return types.AnnotatedTextEdit(annotation_id=annotation, range=range_, new_text=text)
