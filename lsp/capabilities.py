"""What the client can do, asked once and kept as booleans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lsprotocol import types

from lsp.json_values import as_object
from lsp.positions import Encoding


@dataclass(frozen=True, slots=True)
class ClientCapabilities:
    """The parts of the client's capabilities that change what the server does."""

    inline_completion: bool = False
    """Shows ghost text by itself."""
    configuration: bool = False
    """Answers `workspace/configuration`."""
    dynamic_configuration: bool = False
    """Lets the server register for `workspace/didChangeConfiguration`."""
    work_done_progress: bool = False
    """Takes `window/workDoneProgress/create`."""
    insert_text_mode: bool = False
    """Honours `CompletionItem.insertTextMode`."""
    markdown_documentation: bool = False
    """Renders markdown in a completion item's documentation."""
    action_literals: bool = False
    """Knows code actions; where it does not, it knows commands alone."""
    resolves_edits: bool = False
    """Asks for a code action's edit when the action is chosen."""
    disabled_actions: bool = False
    """Shows code actions that cannot be chosen, with the reason."""
    asks_instruction: bool = False
    """Serves the command `sotto.rewrite` by asking the user what to do (our own extension)."""
    document_changes: bool = False
    """Takes edits of one version of a document."""
    reports_acceptance: bool = False
    """Runs the command of ghost text that was accepted (our own extension)."""
    creates_files: bool = False
    """Creates files in a workspace edit."""
    refuses_existing_files: bool = False
    """Makes none of an edit that creates a file where one is; others may empty that file."""
    change_annotations: bool = False
    """Honours annotations of a code action's edit: asks before what needs it."""
    applies_edits: bool = False
    """Takes `workspace/applyEdit`."""
    show_document: bool = False
    """Takes `window/showDocument`."""
    block_cursor: bool = False
    """Its cursor is a selection of one character; there is no empty one."""
    selects_word: bool = False
    """Without a selection it sends the word or the expression at the cursor."""
    name: str = "unknown"
    """The client's name and version, for the log."""


def read_capabilities(params: types.InitializeParams) -> ClientCapabilities:
    text_document = params.capabilities.text_document
    workspace = params.capabilities.workspace
    window = params.capabilities.window
    completion = text_document.completion if text_document else None
    item = completion.completion_item if completion else None
    did_change = workspace.did_change_configuration if workspace else None
    actions = text_document.code_action if text_document else None
    edits = workspace.workspace_edit if workspace else None
    experimental = as_object(params.capabilities.experimental) or {}
    extensions = as_object(experimental.get("sotto")) or {}
    info = params.client_info
    is_helix = info is not None and info.name == "helix"
    return ClientCapabilities(
        inline_completion=text_document is not None and text_document.inline_completion is not None,
        configuration=bool(workspace and workspace.configuration),
        dynamic_configuration=bool(did_change and did_change.dynamic_registration),
        work_done_progress=bool(window and window.work_done_progress),
        insert_text_mode=item is not None and item.insert_text_mode_support is not None,
        markdown_documentation=types.MarkupKind.Markdown in _documentation_formats(text_document),
        action_literals=actions is not None and actions.code_action_literal_support is not None,
        resolves_edits=_resolves_edits(actions),
        disabled_actions=bool(actions and actions.disabled_support),
        asks_instruction=extensions.get("instructions") is True,
        # Operations on files are a part of it, and Neovim names them alone.
        document_changes=bool(edits and (edits.document_changes or edits.resource_operations)),
        reports_acceptance=extensions.get("acceptance") is True,
        creates_files=edits is not None
        and types.ResourceOperationKind.Create in (edits.resource_operations or ()),
        # Neovim says nothing of it, Helix says it and empties the file all the same.
        refuses_existing_files=bool(edits and edits.failure_handling) and not is_helix,
        change_annotations=bool(
            edits
            and edits.change_annotation_support
            and actions
            and actions.honors_change_annotations
        ),
        applies_edits=bool(workspace and workspace.apply_edit),
        show_document=bool(window and window.show_document and window.show_document.support),
        block_cursor=is_helix,
        selects_word=info is not None and info.name == "Eglot",
        name=f"{info.name} {info.version or ''}".strip() if info else "unknown",
    )


def _resolves_edits(actions: types.CodeActionClientCapabilities | None) -> bool:
    """With our `data`, and in actions: a mere command has neither."""
    return bool(
        actions
        and actions.code_action_literal_support
        and actions.data_support
        and actions.resolve_support
        and "edit" in actions.resolve_support.properties
    )


def _documentation_formats(
    text_document: types.TextDocumentClientCapabilities | None,
) -> Sequence[types.MarkupKind]:
    """Of a completion item. Helix names none there, and renders whatever comes as Markdown, as it
    says of hovers: plain text would lose its underscores and line breaks."""
    completion = text_document.completion if text_document else None
    item = completion.completion_item if completion else None
    if item is not None and item.documentation_format is not None:
        return item.documentation_format
    hover = text_document.hover if text_document else None
    return (hover.content_format if hover else None) or ()


def choose_encoding(capabilities: types.ClientCapabilities) -> Encoding:
    """The first encoding the client names that we know; UTF-16 where it names none."""
    general = capabilities.general
    for name in (general.position_encodings or ()) if general else ():
        if name in tuple(Encoding):
            return Encoding(name)
    return Encoding.UTF16
