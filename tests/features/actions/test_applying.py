"""Editors that cannot resolve a code action: a command has the edit applied."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator

import pytest

from tests.support.actions import CAPABILITIES, apply_edit, cut_selection, list_actions
from tests.support.client import Client, InProcess, Json, ResponseError, in_process
from tests.support.scripted_engine import EngineMaker

URI = "file:///project/shapes.py"
SOURCE = "def area(w, h):\n    ▮return h * w\n"
NEW = "def area(w, h):\n    return w * h\n"


async def listed(client: Client) -> Json:
    text, span = cut_selection(SOURCE)
    client.open(URI, text)
    found = await list_actions(client, URI, text, span)
    (action,) = [action for action in found if action["title"] == "Simplify `area`"]
    return action


@pytest.fixture
async def old_editor() -> AsyncIterator[InProcess]:
    capabilities = copy.deepcopy(CAPABILITIES)
    del capabilities["textDocument"]["codeAction"]["resolveSupport"]
    capabilities.setdefault("workspace", {})["applyEdit"] = True
    maker = EngineMaker(answer=lambda _request: f"```python\n{NEW}```")
    maker.supports_chat = True
    async with in_process(maker) as served:
        await served.client.initialize(capabilities=capabilities)
        await served.client.wait_ready()
        yield served


async def test_an_editor_that_cannot_resolve_is_told_to_apply(old_editor: InProcess) -> None:
    client = old_editor.client
    action = await listed(client)
    assert "data" not in action
    await client.request("workspace/executeCommand", action["command"])
    (asked,) = [r["params"] for r in client.requests if r["method"] == "workspace/applyEdit"]
    assert asked["label"] == "Simplify `area`"
    (change,) = asked["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": URI, "version": 1}
    assert NEW in apply_edit(SOURCE.replace("▮", ""), change["edits"])


async def test_what_the_editor_does_not_apply_is_said(old_editor: InProcess) -> None:
    client = old_editor.client
    refusal = {"applied": False, "failureReason": "another version"}
    client.serves["workspace/applyEdit"] = lambda _params: refusal
    action = await listed(client)
    with pytest.raises(ResponseError, match="did not make the edit: another version"):
        await client.request("workspace/executeCommand", action["command"])
    client.refuses.add("workspace/applyEdit")
    with pytest.raises(ResponseError, match="gave no answer"):
        await client.request("workspace/executeCommand", action["command"])
