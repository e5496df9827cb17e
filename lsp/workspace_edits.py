"""Changes in offsets → the protocol's versioned `WorkspaceEdit`."""

from __future__ import annotations

from lsprotocol import types
from pygls.uris import from_fs_path

from lsp.actions.proposal import NewFile
from lsp.capabilities import ClientCapabilities
from lsp.changes import Change
from lsp.line_index import LineIndex
from lsp.positions import Encoding, position_at

_ANNOTATION = "sotto"


def workspace_edit(
    *,
    uri: str,
    version: int,
    text: str,
    lines: LineIndex,
    changes: tuple[Change, ...],
    new_file: NewFile | None,
    title: str,
    is_sure: bool,
    encoding: Encoding,
    capabilities: ClientCapabilities,
) -> types.WorkspaceEdit:
    """An edit that an editor refuses if its text has another version by now, unless it knows no
    versions.

    Where the editor can, it asks before it creates a file or applies what is not sure.
    """
    replaced = [
        types.TextEdit(
            types.Range(
                position_at(text, lines, change.span.start, encoding),
                position_at(text, lines, change.span.end, encoding),
            ),
            change.text,
        )
        for change in changes
    ]
    if not capabilities.document_changes:
        assert new_file is None, "who creates files has document changes"
        return types.WorkspaceEdit(changes={uri: replaced})
    annotation = _ANNOTATION if capabilities.change_annotations else None
    operations: list[types.TextDocumentEdit | types.CreateFile] = []
    if changes:
        document = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=version)
        edits = [_text_edit(edit.range, edit.new_text, annotation) for edit in replaced]
        operations.append(types.TextDocumentEdit(text_document=document, edits=edits))
    if new_file is not None:
        operations += _creation(new_file, annotation)
    edit = types.WorkspaceEdit(document_changes=operations)
    if annotation is not None:
        needs_look = new_file is not None or not is_sure
        edit.change_annotations = {
            annotation: types.ChangeAnnotation(label=title, needs_confirmation=needs_look)
        }
    return edit


def _creation(
    new_file: NewFile, annotation: str | None
) -> list[types.TextDocumentEdit | types.CreateFile]:
    uri = from_fs_path(str(new_file.path))
    assert uri is not None
    # All of the file there is. Neovim shows an empty line below a text that is only inserted.
    everything = types.Range(types.Position(0, 0), types.Position(1, 0))
    document = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=None)
    return [
        types.CreateFile(
            uri=uri,
            options=types.CreateFileOptions(overwrite=False, ignore_if_exists=False),
            annotation_id=annotation,
        ),
        types.TextDocumentEdit(
            text_document=document,
            edits=[_text_edit(everything, new_file.text, annotation)],
        ),
    ]


def _text_edit(
    range_: types.Range, text: str, annotation: str | None
) -> types.TextEdit | types.AnnotatedTextEdit:
    if annotation is None:
        return types.TextEdit(range_, text)
    return types.AnnotatedTextEdit(annotation_id=annotation, range=range_, new_text=text)
