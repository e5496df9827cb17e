"""The server before each editor that was recorded: it is given what it can take, and all of that.

What must not be sent is the judge's to find; here is what must be.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import platformdirs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import ChatPrompt, GenerationRequest
from tests.support.client import TIMEOUT_S, Client, Json, ResponseError, in_process
from tests.support.clients import FOLDER, NAMES, initialize_params
from tests.support.naive_document import NaiveDocument
from tests.support.permissions import Permissions
from tests.support.scripted_engine import EngineMaker

URI = f"file://{FOLDER}/shapes.py"
TEXT = 'NAME = "😀é"  # what it \n\n\ndef perimeter(w, h):\n    return "😀é", 2 * (w + h)\n'
EXTRACTED = "2 * (w + h)"
CHAT: Json = {"messages": [{"role": "user", "content": "Hello"}], "partialResultToken": "chat-1"}


def answer(request: GenerationRequest) -> str:
    if isinstance(request.prompt, ChatPrompt):
        asks_tests = "tests" in request.prompt.messages[-1].content.lower()
        test = "def test_perimeter():\n    assert perimeter(1, 2)[1] == 6\n"
        return f"```python\n{test if asks_tests else '2 * w + 2 * h'}\n```"
    return "is called"


@pytest.fixture(autouse=True, scope="module")
def _cache_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] - pytest's
    """Explanations are not written into the user's cache folder."""
    folder = tmp_path_factory.mktemp("cache")

    def cache_path(*_words: object, **_options: object) -> Path:
        return folder

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platformdirs, "user_cache_path", cache_path)
        yield


@asynccontextmanager
async def started(params: Json) -> AsyncGenerator[tuple[Client, Json]]:
    """A client that has sent these parameters, and the server's answer."""
    maker = EngineMaker(answer=answer)
    maker.supports_chat = True
    async with in_process(maker) as served:
        result = await served.client.request("initialize", params)
        served.client.notify("initialized", {})
        await served.client.wait_ready()
        yield served.client, result["capabilities"]


class Tour:
    """All that an editor may ask for, asked for once."""

    def __init__(self, client: Client, encoding: str) -> None:
        self.client = client
        self.document = NaiveDocument(TEXT, encoding)
        self.completions: list[Json] = []
        self.actions: dict[str, Json] = {}
        """Those that were offered, by title, resolved where they can be."""

    def position(self, offset: int) -> Json:
        line = TEXT.count("\n", 0, offset)
        start = TEXT.rfind("\n", 0, offset) + 1
        units = NaiveDocument(TEXT[start:offset], self.document.encoding).units
        return {"line": line, "character": len(units)}

    def text_after(self, title: str) -> str:
        """The text after the edit of the action with this title."""
        document = NaiveDocument(TEXT, self.document.encoding)
        for edit in reversed(edits_of(self.actions[title])):
            start, end = (edit["range"][name].values() for name in ("start", "end"))
            document.replace(tuple(start), tuple(end), edit["newText"])
        return document.text

    async def walk(self) -> None:
        self.client.open(URI, TEXT)
        await self.complete()
        await self.act()
        await self.client.request("sotto/chat", CHAT)
        self.client.notify("workspace/didChangeConfiguration", {"settings": {}})
        event = {"added": [], "removed": [{"uri": f"file://{FOLDER}", "name": "project"}]}
        self.client.notify("workspace/didChangeWorkspaceFolders", {"event": event})
        self.client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
        await self.client.request("sotto/recentRequests")
        await self.client.shut_down()

    async def complete(self) -> None:
        cursor = self.position(TEXT.index("\n"))
        place = {"textDocument": {"uri": URI}, "position": cursor}
        inline = await self.client.request(
            "textDocument/inlineCompletion", {**place, "context": {"triggerKind": 1}}
        )
        assert [item["insertText"] for item in inline["items"]] == ["is called"]
        assert inline["items"][0]["range"] == {"start": cursor, "end": cursor}
        found = await self.client.request("textDocument/completion", place)
        self.completions.extend(found["items"])

    async def act(self) -> None:
        start = TEXT.index(EXTRACTED)
        ends = {"start": start, "end": start + len(EXTRACTED)}
        listed: list[Json] = await self.client.request(
            "textDocument/codeAction",
            {
                "textDocument": {"uri": URI},
                "range": {name: self.position(offset) for name, offset in ends.items()},
                "context": {"diagnostics": [], "triggerKind": 1},
            },
        )
        for action in listed:
            self.actions[action["title"]] = action
            if "data" in action:
                self.actions[action["title"]] = await self.resolved(action)
            elif action["title"].startswith("Explain"):
                command = action if isinstance(action["command"], str) else action["command"]
                params = {"command": command["command"], "arguments": command["arguments"]}
                await self.client.request("workspace/executeCommand", params)

    async def resolved(self, action: Json) -> Json:
        """The action with its edit; as it was where the scripted answer makes no sense."""
        _, future = self.client.start_request("codeAction/resolve", action)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await future
        except ResponseError:
            return action


def edits_of(action: Json) -> list[Json]:
    """The edits of the document, in their order."""
    (change,) = action["edit"]["documentChanges"]
    return change["edits"]


@pytest.mark.parametrize("name", NAMES)
async def test_each_editor_gets_all_that_it_can_take(name: str) -> None:
    params = initialize_params(name)
    can = Permissions(params["capabilities"])
    async with started(params) as (client, capabilities):
        encoding = capabilities["positionEncoding"]
        assert encoding == can.value("general.positionEncodings")[0]
        tour = Tour(client, encoding)
        await tour.walk()

        shows_ghost_text = can.value("textDocument.inlineCompletion") is not None
        assert bool(tour.completions) is not shows_ghost_text
        assert all("is called" in item["documentation"]["value"] for item in tour.completions)

        extracted = tour.text_after("Extract variable")
        assert extracted.count(EXTRACTED) == 1
        assert f'return "😀é", {EXTRACTED}' not in extracted
        simplified = tour.actions["Simplify the selection"]
        assert can.has("workspace.workspaceEdit.changeAnnotationSupport") is (
            "changeAnnotations" in simplified["edit"]
        )
        creates = "create" in (can.value("workspace.workspaceEdit.resourceOperations") or [])
        if tests := offered(tour, "Write tests for `perimeter`", possible=creates, can=can):
            assert tests["edit"]["documentChanges"][0]["kind"] == "create"
        asks = can.has("experimental.sotto.instructions")
        offered(tour, "Rewrite by instruction…", possible=asks, can=can)

        asked = {request["method"] for request in client.requests}
        assert {"workspace/configuration", "window/showDocument"} <= asked
        assert "window/workDoneProgress/create" in asked
        registers = can.has("workspace.didChangeConfiguration.dynamicRegistration")
        assert ("client/registerCapability" in asked) is registers


def offered(tour: Tour, title: str, *, possible: bool, can: Permissions) -> Json | None:
    """The action, if it is possible; else it is there to say why not, where that can be shown."""
    action = tour.actions.get(title)
    if possible:
        assert action is not None
        assert "disabled" not in action
        return action
    if can.has("textDocument.codeAction.disabledSupport"):
        assert action is not None
        assert "disabled" in action
    else:
        assert action is None
    return None


OPTIONAL = (
    "experimental",
    "general",
    "textDocument",
    "textDocument.codeAction",
    "textDocument.codeAction.codeActionLiteralSupport",
    "textDocument.codeAction.dataSupport",
    "textDocument.codeAction.disabledSupport",
    "textDocument.codeAction.honorsChangeAnnotations",
    "textDocument.codeAction.resolveSupport",
    "textDocument.completion",
    "textDocument.completion.completionItem",
    "textDocument.completion.completionItem.documentationFormat",
    "textDocument.completion.completionItem.insertTextModeSupport",
    "textDocument.inlineCompletion",
    "window",
    "window.showDocument",
    "window.workDoneProgress",
    "workspace",
    "workspace.configuration",
    "workspace.didChangeConfiguration",
    "workspace.workspaceEdit",
    "workspace.workspaceEdit.changeAnnotationSupport",
    "workspace.workspaceEdit.documentChanges",
    "workspace.workspaceEdit.resourceOperations",
)
"""Capabilities that an editor may as well not have."""


async def walk_without(name: str, absent: Iterable[str]) -> None:
    params = initialize_params(name)
    for path in absent:
        *above, last = path.split(".")
        holder = params["capabilities"]
        for step in above:
            holder = holder.get(step, {})
        holder.pop(last, None)
    async with started(params) as (client, capabilities):
        await Tour(client, capabilities["positionEncoding"]).walk()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("absent", OPTIONAL)
async def test_an_editor_that_can_less_gets_less(name: str, absent: str) -> None:
    await walk_without(name, [absent])


@settings(max_examples=25)
@given(st.sampled_from(NAMES), st.sets(st.sampled_from(OPTIONAL), min_size=2))
async def test_an_editor_that_can_much_less_gets_much_less(name: str, absent: set[str]) -> None:
    await walk_without(name, sorted(absent))
