"""Judges everything a server sends: by the protocol's types, by Sotto's own, and by what the client
has said of itself.

A `Judge` sees both directions, as the answer's type depends on the request. It collects faults; it
raises nothing, as it runs inside the server when there is no process between the two.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec
from lsprotocol import types

from lsp import protocol
from lsp.chat import protocol as chat
from lsp.json_values import as_object
from lsp.records import RequestRecord
from tests.support.lsp_types import faults_of
from tests.support.permissions import Permissions

Json = dict[str, Any]

OUR_RESULTS: dict[str, Any] = {
    protocol.STATUS: protocol.Status,
    protocol.RECENT_REQUESTS: list[RequestRecord],
    protocol.DOCUMENT_INFO: protocol.DocumentInfo,
    protocol.CHAT: chat.ChatAnswer,
    protocol.PROPOSE_EDITS: chat.Edits,
    protocol.CONVERSATIONS: list[chat.ConversationInfo],
    protocol.CONVERSATION: list[chat.KeptTurn],
    protocol.DELETE_CONVERSATIONS: chat.Deleted,
}
OUR_NOTIFICATIONS: dict[str, Any] = {protocol.STATUS: protocol.Status}
WORK_DONE = types.WorkDoneProgressBegin | types.WorkDoneProgressReport | types.WorkDoneProgressEnd


class Judge:
    """One conversation."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._permissions = Permissions({})
        self._asked: dict[object, list[str]] = defaultdict(list)
        """The client's requests without an answer: their methods by their ids. Tests send an id
        twice, too."""
        self._creating: dict[int | str, int | str] = {}
        """Progress displays that the server has asked for: tokens by the request's id."""
        self._displays: dict[int | str, str] = {}
        """The last kind that came for a display, `created` before the first."""
        self._partial_tokens: set[int | str] = set()

    # What the client sends

    def client_sends(self, content: object) -> None:
        message: Any = as_object(content) or {}
        method, message_id = message.get("method"), message.get("id")
        if not isinstance(message_id, int | str):
            return
        if method is None:
            if message_id in self._creating and "result" in message:
                self._displays[self._creating.pop(message_id)] = "created"
        else:
            self._asked[message_id].append(method)
            self._take_params(method, message.get("params"))

    def _take_params(self, method: str, params: Any) -> None:
        members: Any = as_object(params) or {}
        if "partialResultToken" in members:
            self._partial_tokens.add(members["partialResultToken"])
        if "workDoneToken" in members:
            self._displays[members["workDoneToken"]] = "created"
        if method == types.INITIALIZE and "capabilities" in members:
            self._permissions = Permissions(members["capabilities"])

    # What the server sends

    def server_sends(self, message: Json) -> None:
        if "method" in message:
            what, faults = message["method"], self._faults(message)
        else:
            what, faults = self._response_faults(message)
        self.faults += [f"{what}: {fault}" for fault in faults]

    def check(self) -> None:
        """Raises AssertionError if anything was wrong so far."""
        if self.faults:
            raise AssertionError("The server has sent what it must not:\n" + "\n".join(self.faults))

    def _faults(self, message: Json) -> list[str]:
        method: str = message["method"]
        if method in OUR_NOTIFICATIONS:
            expected = {"jsonrpc": "2.0", "method": method, "params": message.get("params")}
            faults = [] if message == expected else ["not a notification"]
            return faults + our_faults(message.get("params"), OUR_NOTIFICATIONS[method])
        if method not in types.METHOD_TO_TYPES:
            return ["neither the protocol nor Sotto has such a method"]
        if types.message_direction(method) not in ("serverToClient", "both"):
            return ["not the server's to send"]
        faults = faults_of(message, types.METHOD_TO_TYPES[method][0], "message")
        if faults:
            return faults
        if method == types.PROGRESS:
            return self._progress_faults(message["params"])
        if method == types.WINDOW_WORK_DONE_PROGRESS_CREATE:
            self._creating[message["id"]] = message["params"]["token"]
        return self._permissions.of_message(message)

    def _response_faults(self, message: Json) -> tuple[str, list[str]]:
        """Which request it answers, and what is wrong with it."""
        methods = self._asked[message.get("id")]
        if "error" in message:
            answered = methods.pop(0) if methods else "no request"
            # Null where the request's own id could not be read; lsprotocol knows no null.
            known = message if message.get("id", "") is not None else message | {"id": 0}
            return answered, faults_of(known, types.ResponseErrorMessage, "message")
        if not methods:
            return "?", [f"a second answer, or one to no request: {message.get('id')!r}"]
        candidates = [(method, self._result_faults(method, message)) for method in methods]
        answered, faults = min(candidates, key=lambda candidate: len(candidate[1]))
        methods.remove(answered)
        return answered, faults

    def _result_faults(self, method: str, message: Json) -> list[str]:
        if method in OUR_RESULTS:
            faults = our_faults(message.get("result"), OUR_RESULTS[method])
        elif method in types.METHOD_TO_TYPES:
            faults = faults_of(message, types.METHOD_TO_TYPES[method][1], "message")
        else:
            return ["a result of a method whose results are known to nobody"]
        return faults or self._permissions.of_result(method, message["result"])

    def _progress_faults(self, params: Json) -> list[str]:
        token, value = params["token"], params["value"]
        if token in self._partial_tokens:
            return our_faults(value, chat.Event)
        former = self._displays.get(token)
        if former is None:
            return ["of a display that the client has not agreed to"]
        kind = (as_object(value) or {}).get("kind")
        self._displays[token] = str(kind)
        if (former == "created") is not (kind == "begin") or former == "end":
            return [f"{kind} after {former}"]
        return faults_of(value, WORK_DONE, "value")


def our_faults(value: object, kind: Any) -> list[str]:
    """As `faults_of`, for our own methods: exactly the keys of the Struct, each of its type."""
    try:
        understood = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return [str(error)]
    if msgspec.json.decode(msgspec.json.encode(understood)) != value:
        return [f"keys are absent or unknown to {kind}"]
    edits = [edit.edit for edit in getattr(understood, "edits", ())]
    return [f for e in edits if e is not None for f in faults_of(e, types.WorkspaceEdit, "edit")]
