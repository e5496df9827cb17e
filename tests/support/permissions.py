"""What a server may send to a client that has said what it can; the rules are the protocol's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from lsprotocol import types

from lsp.json_values import as_object

Json = dict[str, Any]

# No rule is about a completion item's `preselect`: it costs nothing where it means nothing, and
# Helix heeds it without saying so.
_REQUESTS = {
    types.WORKSPACE_CONFIGURATION: "workspace.configuration",
    types.WORKSPACE_APPLY_EDIT: "workspace.applyEdit",
    types.WORKSPACE_WORKSPACE_FOLDERS: "workspace.workspaceFolders",
    types.WINDOW_SHOW_DOCUMENT: "window.showDocument.support",
    types.WINDOW_WORK_DONE_PROGRESS_CREATE: "window.workDoneProgress",
    types.WINDOW_SHOW_MESSAGE_REQUEST: "",
    types.CLIENT_REGISTER_CAPABILITY: "",
}
"""Requests of the server, and the capability that each needs; some need none."""


class Permissions:
    """The client's capabilities, as it sent them. Methods return what breaks them."""

    def __init__(self, capabilities: Json) -> None:
        self._capabilities = capabilities

    def has(self, path: str) -> bool:
        return bool(self.value(path))

    def value(self, path: str) -> Any:
        """What is at a dotted path; None where there is nothing."""
        found: Any = self._capabilities
        for name in path.split("."):
            found = (as_object(found) or {}).get(name)
        return found

    def _said(self, path: str) -> Json:
        """The object at a dotted path; an empty one where there is none."""
        return self.value(path) or {}

    def of_message(self, message: Json) -> list[str]:
        """Of a request or notification of the server."""
        method = message["method"]
        if "id" not in message:
            return []
        needed = _REQUESTS.get(method)
        if needed is None:
            return ["no rule says which client takes this request"]
        faults = [] if not needed or self.has(needed) else [f"without {needed}"]
        if method == types.CLIENT_REGISTER_CAPABILITY:
            faults += [
                f"{r['method']} without dynamicRegistration"
                for r in message["params"]["registrations"]
                if not self.has(f"{r['method'].replace('/', '.')}.dynamicRegistration")
            ]
        if method == types.WORKSPACE_APPLY_EDIT:
            faults += self.of_edit(message["params"]["edit"])
        return faults

    def of_result(self, method: str, result: Any) -> list[str]:
        if result is None:
            return []
        match method:
            case types.INITIALIZE:
                return self._of_server(result)
            case types.TEXT_DOCUMENT_CODE_ACTION:
                return [fault for action in result for fault in self._of_action(action)]
            case types.CODE_ACTION_RESOLVE:
                return self._of_action(result)
            case types.TEXT_DOCUMENT_COMPLETION:
                return [fault for item in result["items"] for fault in self._of_item(item)]
            case _:
                return []

    def of_edit(self, edit: Json) -> list[str]:
        said = self._said("workspace.workspaceEdit")
        operations: list[Json] = edit.get("documentChanges", [])
        faults: list[str] = []
        # Operations on files are possible in `documentChanges` alone: who has them has it.
        if operations and not (said.get("documentChanges") or said.get("resourceOperations")):
            faults.append("documentChanges without workspaceEdit.documentChanges")
        kinds = {operation["kind"] for operation in operations if "kind" in operation}
        faults += [
            f"{kind} without resourceOperations"
            for kind in kinds - set(said.get("resourceOperations") or ())
        ]
        used = set(_values_of("annotationId", operations))
        annotations = edit.get("changeAnnotations")
        if (annotations or used) and said.get("changeAnnotationSupport") is None:
            faults.append("annotations without changeAnnotationSupport")
        if used - set(annotations or ()):
            faults.append("an annotation that is nowhere explained")
        return faults

    def _of_server(self, result: Json) -> list[str]:
        chosen = result["capabilities"].get("positionEncoding", "utf-16")
        offered = self.value("general.positionEncodings") or ["utf-16"]
        return [] if chosen in [*offered, "utf-16"] else [f"{chosen} is not among {offered}"]

    def _of_action(self, action: Json) -> list[str]:
        said = self._said("textDocument.codeAction")
        if isinstance(action.get("command"), str):
            return []  # a command, which every client knows
        faults: list[str] = []
        if "codeActionLiteralSupport" not in said:
            faults.append("an action where the client knows only commands")
        if "disabled" in action and not said.get("disabledSupport"):
            faults.append("disabled without disabledSupport")
        if "isPreferred" in action and not said.get("isPreferredSupport"):
            faults.append("isPreferred without isPreferredSupport")
        if "tags" in action and not said.get("tagSupport"):
            faults.append("tags without tagSupport")
        if "data" in action and not said.get("dataSupport"):
            faults.append("data without dataSupport")
        resolved = self.value("textDocument.codeAction.resolveSupport.properties") or ()
        if not action.keys() & {"edit", "command", "disabled"} and "edit" not in resolved:
            faults.append("an edit to be resolved that the client does not ask for")
        if "edit" in action:
            faults += self.of_edit(action["edit"])
            if action["edit"].get("changeAnnotations") and not said.get("honorsChangeAnnotations"):
                faults.append("annotations without honorsChangeAnnotations")
        return faults

    def _of_item(self, item: Json) -> list[str]:
        said = self._said("textDocument.completion.completionItem")
        kinds = self.value("textDocument.completion.completionItemKind.valueSet") or range(1, 19)
        faults: list[str] = []
        if item.get("kind", 1) not in kinds:
            faults.append(f"kind {item['kind']} is not among the client's")
        is_snippet = item.get("insertTextFormat") == types.InsertTextFormat.Snippet
        if is_snippet and not said.get("snippetSupport"):
            faults.append("a snippet without snippetSupport")
        modes: Json = said.get("insertTextModeSupport") or {}
        if "insertTextMode" in item and item["insertTextMode"] not in modes.get("valueSet", ()):
            faults.append("insertTextMode without insertTextModeSupport")
        if "insert" in item.get("textEdit", {}) and not said.get("insertReplaceSupport"):
            faults.append("insert and replace without insertReplaceSupport")
        if "labelDetails" in item and not said.get("labelDetailsSupport"):
            faults.append("labelDetails without labelDetailsSupport")
        if "tags" in item and not said.get("tagSupport"):
            faults.append("tags without tagSupport")
        if "commitCharacters" in item and not said.get("commitCharactersSupport"):
            faults.append("commitCharacters without commitCharactersSupport")
        documentation = as_object(item.get("documentation")) or {}
        is_markdown = documentation.get("kind") == "markdown"
        # Who says nothing of items may say it of hovers: Helix does, and renders both alike.
        formats = said.get("documentationFormat") or self.value("textDocument.hover.contentFormat")
        if is_markdown and "markdown" not in (formats or ()):
            faults.append("markdown where the client shows plain text")
        return faults


def _values_of(key: str, value: Any) -> Iterator[Any]:
    """All values of a key, however deep."""
    members = as_object(value) or {}
    if key in members:
        yield members[key]
    for member in members.values():
        yield from _values_of(key, member)
    if isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _values_of(key, item)
