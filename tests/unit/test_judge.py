"""The judge of all other tests: it lets through what a right server sends, and nothing else."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from lsprotocol import types

from lsp.routes import OUR_REQUESTS
from tests.support.judge import OUR_RESULTS, Judge
from tests.support.lsp_types import faults_of

Json = dict[str, Any]

START = {"line": 0, "character": 0}
RANGE = {"start": START, "end": START}
ITEM = {"insertText": "x", "range": RANGE}
EDIT = {
    "textDocument": {"uri": "file:///a", "version": 1},
    "edits": [{"range": RANGE, "newText": ""}],
}
STATUS: Json = {
    "state": "ready",
    "model": None,
    "backend": "b",
    "threads": 1,
    "rss_bytes": 1,
    "drafters": {},
    "version": "1",
    "message": None,
}


def judge_of(capabilities: Json, method: str = "initialize", params: Any = None) -> Judge:
    """One that has seen `initialize`, and then request 1."""
    judge = Judge()
    initialize = {"id": 0, "method": "initialize", "params": {"capabilities": capabilities}}
    judge.client_sends(initialize)
    judge.client_sends({"id": 1, "method": method, "params": params})
    return judge


def answer(method: str, result: Any, capabilities: Json | None = None) -> list[str]:
    """The faults of a result."""
    judge = judge_of(capabilities or {}, method)
    judge.server_sends({"jsonrpc": "2.0", "id": 1, "result": result})
    return judge.faults


def unasked(method: str, params: Any, capabilities: Json | None = None, **more: Any) -> list[str]:
    """The faults of a notification, or with `id` of a request."""
    judge = judge_of(capabilities or {})
    judge.server_sends({"jsonrpc": "2.0", "method": method, "params": params, **more})
    return judge.faults


RIGHT: list[tuple[str, Any]] = [
    ("textDocument/inlineCompletion", {"items": [ITEM]}),
    (
        "textDocument/inlineCompletion",
        [ITEM | {"insertText": {"kind": "snippet", "value": ""}}],
    ),
    ("textDocument/inlineCompletion", None),
    (
        "textDocument/completion",
        {"isIncomplete": True, "items": [{"label": "x", "data": None}]},
    ),
    ("workspace/executeCommand", None),
    ("shutdown", None),
    ("sotto/status", STATUS),
    ("sotto/recentRequests", []),
]


@pytest.mark.parametrize(("method", "result"), RIGHT)
def test_right_results(method: str, result: Any) -> None:
    assert answer(method, result) == []


WRONG: list[tuple[str, Any, str]] = [
    ("textDocument/inlineCompletion", {"items": None}, "result.items: no array"),
    ("textDocument/inlineCompletion", {}, "result.items: absent"),
    ("textDocument/inlineCompletion", {"items": [ITEM], "more": 1}, "no such key"),
    ("textDocument/inlineCompletion", [ITEM | {"insertText": 5}], "insertText: no str"),
    ("textDocument/inlineCompletion", [ITEM | {"filterText": None}], "filterText: null"),
    ("textDocument/inlineCompletion", [ITEM | {"insert_text": "x"}], "no such key"),
    (
        "textDocument/inlineCompletion",
        [ITEM | {"range": {"start": {"line": 1, "character": 0}, "end": START}}],
        "ends before it begins",
    ),
    (
        "textDocument/inlineCompletion",
        [ITEM | {"range": {"start": {"line": -1, "character": 0}, "end": START}}],
        "should be in range",
    ),
    (
        "textDocument/inlineCompletion",
        [ITEM | {"range": {"start": {"line": True, "character": 0}, "end": START}}],
        "no whole number",
    ),
    ("textDocument/completion", {"isIncomplete": 1, "items": []}, "isIncomplete: no bool"),
    ("textDocument/completion", {"isIncomplete": True, "items": [{}]}, "label: absent"),
    (
        "textDocument/completion",
        {"isIncomplete": True, "items": [{"label": "x", "insertTextFormat": 3}]},
        "no InsertTextFormat",
    ),
    ("shutdown", {}, "not null"),
    ("sotto/status", {}, "missing required field"),
    ("sotto/status", STATUS | {"threads": "1"}, "Expected `int`"),
    ("sotto/status", STATUS | {"more": 1}, "absent or unknown"),
]


@pytest.mark.parametrize(("method", "result", "fault"), WRONG)
def test_wrong_results(method: str, result: Any, fault: str) -> None:
    (found,) = answer(method, result)
    assert fault in found


def test_wrong_frames() -> None:
    assert "initialize: message.jsonrpc: absent" in _only(
        {"id": 1, "error": {"code": 1, "message": ""}}
    )
    assert "code: no whole" in _only(
        {"jsonrpc": "2.0", "id": 1, "error": {"code": "1", "message": ""}}
    )
    assert "to no request" in _only({"jsonrpc": "2.0", "id": 2, "result": None})
    assert "has such a method" in _only({"jsonrpc": "2.0", "method": "sotto/other", "params": {}})
    assert "not the server's" in _only({"jsonrpc": "2.0", "method": "initialized", "params": {}})


def _only(message: Json) -> str:
    judge = judge_of({})
    judge.server_sends(message)
    (fault,) = judge.faults
    return fault


def test_a_second_answer() -> None:
    judge = judge_of({}, "shutdown")
    for _ in range(2):
        judge.server_sends({"jsonrpc": "2.0", "id": 1, "result": None})
    with pytest.raises(AssertionError, match="a second answer"):
        judge.check()


CAN_EDIT: Json = {
    "textDocument": {
        "codeAction": {
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}},
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit"]},
        }
    },
    "workspace": {"workspaceEdit": {"documentChanges": True}},
}
CREATION = {"kind": "create", "uri": "file:///b"}
ANNOTATED: Json = {
    "documentChanges": [EDIT | {"edits": [{"range": RANGE, "newText": "", "annotationId": "a"}]}],
    "changeAnnotations": {"a": {"label": "A"}},
}


@pytest.mark.parametrize(
    ("action", "fault"),
    [
        ({"title": "x", "data": 1}, None),
        ({"title": "x", "edit": {"documentChanges": [EDIT]}}, None),
        ({"title": "x", "disabled": {"reason": "y"}}, "disabledSupport"),
        ({"title": "x", "isPreferred": True, "data": 1}, "isPreferredSupport"),
        ({"title": "x", "edit": {"documentChanges": [CREATION]}}, "create without"),
        ({"title": "x", "edit": ANNOTATED}, "changeAnnotationSupport"),
        (
            {"title": "x", "edit": {"documentChanges": ANNOTATED["documentChanges"]}},
            "nowhere explained",
        ),
    ],
)
def test_actions_that_the_client_cannot_take(action: Json, fault: str | None) -> None:
    found = answer("textDocument/codeAction", [action], CAN_EDIT)
    assert (fault is None and not found) or any(fault in f for f in found if fault)


def test_actions_where_only_commands_are_known() -> None:
    command = {"title": "x", "command": "c"}
    assert answer("textDocument/codeAction", [command]) == []
    assert answer("textDocument/codeAction", [command | {"command": command}]) != []


@pytest.mark.parametrize(
    ("method", "params", "said"),
    [
        (
            "window/showDocument",
            {"uri": "file:///a"},
            {"window": {"showDocument": {"support": True}}},
        ),
        ("window/workDoneProgress/create", {"token": "t"}, {"window": {"workDoneProgress": True}}),
        ("workspace/configuration", {"items": []}, {"workspace": {"configuration": True}}),
        (
            "client/registerCapability",
            {"registrations": [{"id": "1", "method": "workspace/didChangeConfiguration"}]},
            {"workspace": {"didChangeConfiguration": {"dynamicRegistration": True}}},
        ),
    ],
)
def test_requests_need_what_the_client_said(method: str, params: Json, said: Json) -> None:
    assert unasked(method, params, said, id="s1") == []
    assert unasked(method, params, {}, id="s1") != []


def test_the_encoding_is_one_of_the_clients() -> None:
    result = {"capabilities": {"positionEncoding": "utf-8"}}
    assert answer("initialize", result, {"general": {"positionEncodings": ["utf-8"]}}) == []
    assert answer("initialize", result) != []


def test_progress_begins_and_ends_once_after_the_client_has_agreed() -> None:
    def sent(*kinds: str, agreed: bool = True) -> list[str]:
        judge = judge_of({"window": {"workDoneProgress": True}})
        create = {"id": "s1", "method": "window/workDoneProgress/create", "params": {"token": "t"}}
        judge.server_sends({"jsonrpc": "2.0", **create})
        if agreed:
            judge.client_sends({"id": "s1", "result": None})
        for kind in kinds:
            value = {"kind": kind, "title": "x"} if kind == "begin" else {"kind": kind}
            params = {"token": "t", "value": value}
            judge.server_sends({"jsonrpc": "2.0", "method": "$/progress", "params": params})
        return judge.faults

    assert sent("begin", "report", "end") == []
    assert sent("report") != []
    assert sent("begin", "begin") != []
    assert sent("begin", "end", "report") != []
    assert sent("begin", agreed=False) != []


def test_partial_results_are_our_own_types() -> None:
    def sent(value: Json) -> list[str]:
        judge = judge_of({}, "sotto/chat", {"partialResultToken": "p"})
        params = {"token": "p", "value": value}
        judge.server_sends({"jsonrpc": "2.0", "method": "$/progress", "params": params})
        return judge.faults

    assert sent({"kind": "text", "text": "x"}) == []
    assert sent({"kind": "text"}) != []
    assert sent({"kind": "other", "text": "x"}) != []


def test_the_results_of_all_our_methods_are_known() -> None:
    assert OUR_RESULTS.keys() == OUR_REQUESTS.keys()


def test_every_type_of_the_protocol_is_understood() -> None:
    """A new version of lsprotocol may bring kinds of types that the judge has never met."""
    for kind in types.ALL_TYPES_MAP.values():
        if isinstance(kind, type) and attrs.has(kind):
            for field in attrs.fields(attrs.resolve_types(kind)):
                faults_of(object(), field.type)
