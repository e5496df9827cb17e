"""A client that sends valid messages in any order: each request is answered once, with something
valid, nothing hangs, and the server's text stays the client's.

The model says what the machine lets it say, when it lets it; so every moment can be the wrong one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

import platformdirs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from inference import BackendError, GenerationRequest
from lsp.chat import history
from tests.support.client import Client, InProcess, Json, in_process, replacement, sha256
from tests.support.clients import NAMES, initialize_params
from tests.support.naive_document import NaiveDocument
from tests.support.scripted_engine import EngineMaker, ScriptedGeneration

T = TypeVar("T")

URIS = ("file:///project/a.py", "file:///project/b.py", "untitled:1")
TEXT = "import os\n\n\ndef area(w, h):\n    return w * h\n\n\ndef stub():\n    pass\n"
PIECES = st.sampled_from(
    ["", "\n", "\r\n", "    ", "return", "x = 1", "😀", "é", "def f():\n", ")", "\t", "# sotto: go"]
)
SAID = st.sampled_from(
    [
        "w + h",
        "\n    return w",
        "```python\ndef area(w, h):\n    return h * w\n```",
        "```python\nw * h * 1\n```\n",
        "Hello.",
        '<tool_call>\n{"name": "read_file", "arguments": {"path": "a.py"}}\n</tool_call>',
        "😀",
    ]
)
OPTIONS = st.sampled_from(
    [
        {},
        {"enabled": False},
        {"inlineCompletion": {"candidates": 3, "minConfidence": 0}},
        {"completion": {"enabled": "always"}},
        {"model": {"path": "/models/other.gguf"}},
        {"actions": {"enabled": False}},
        {"nonsense": 1, "inlineCompletion": 5},
    ]
)
HELD = ("window/workDoneProgress/create", "window/showMessageRequest", "window/showDocument")
"""What this client may take its time to answer."""
STEPS = st.integers(0, 12)
"""How often the server's event loop turns before the next message."""
CHOICES = st.integers(0, 20)
"""Which of what the server has sent. Threads have a part in that, so it is not drawn from."""
CODES = {-32800, -32803, -32602, -32603}
"""Errors that may answer a valid request."""


@pytest.fixture(autouse=True, scope="module")
def _files_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] - pytest's
    """Nothing is written into the user's folders."""
    folder = tmp_path_factory.mktemp("user")

    def cache_path(*_words: object, **_options: object) -> Path:
        return folder

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platformdirs, "user_cache_path", cache_path)
        patch.setattr(history, "default_file", lambda: folder / "conversations.db")
        yield


def say_done(_request: GenerationRequest) -> str:
    return "Done."


def chosen(items: Sequence[T], choice: int) -> T | None:
    return items[choice % len(items)] if items else None


class ClientMachine(RuleBasedStateMachine):
    """The client, and the hand that holds the model."""

    client: Client
    encoding: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.maker = EngineMaker(answer=None)
        self.maker.supports_chat = True
        self.context: AbstractAsyncContextManager[InProcess] = in_process(self.maker)
        self.documents: dict[str, NaiveDocument] = {}
        self.versions: dict[str, int] = dict.fromkeys(URIS, 0)
        self.suspect: set[str] = set()
        """Documents of which the server may know that it has lost their text."""
        self.asked: list[int] = []
        self.actions: list[Json] = []
        self.options: Json = {}
        self.n_chats = 0

    # The loop turns only when the machine says so.

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def turn(self, n_steps: int) -> None:
        async def wait() -> None:
            for _ in range(n_steps):
                await asyncio.sleep(0)

        self.run(wait())

    def ask(self, method: str, params: object = None) -> None:
        async def start() -> int:
            request_id, future = self.client.start_request(method, params)
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            if method == "textDocument/codeAction":
                future.add_done_callback(self._keep_actions)
            return request_id

        self.asked.append(self.run(start()))

    def _keep_actions(self, listed: asyncio.Future[list[Json]]) -> None:
        if not listed.exception():
            self.actions += listed.result()

    def generations(self) -> list[ScriptedGeneration]:
        """Those that run."""
        engines = self.maker.engines
        return [g for engine in engines for g in engine.generations if not g.is_done]

    @initialize(name=st.sampled_from(NAMES), held=st.sets(st.sampled_from(HELD)))
    def begin(self, name: str, held: set[str]) -> None:
        async def start() -> None:
            served = await self.context.__aenter__()
            self.client = served.client
            self.client.holds |= held
            result = await self.client.request("initialize", initialize_params(name))
            self.encoding = result["capabilities"]["positionEncoding"]
            self.client.notify("initialized", {})

        self.run(start())

    # Documents

    @rule(uri=st.sampled_from(URIS), steps=STEPS)
    def open_or_close(self, uri: str, steps: int) -> None:
        if uri in self.documents:
            del self.documents[uri]
            self.suspect.discard(uri)
            self.client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        else:
            self.versions[uri] += 1
            self.documents[uri] = NaiveDocument(TEXT, self.encoding)
            self.client.open(uri, TEXT, version=self.versions[uri])
        self.turn(steps)

    @precondition(lambda self: self.documents)
    @rule(data=st.data(), piece=PIECES, is_stale=st.sampled_from([False] * 9 + [True]), steps=STEPS)
    def change(self, data: st.DataObject, piece: str, is_stale: bool, steps: int) -> None:
        uri, document = self.pick_document(data)
        boundaries = document.boundaries()
        first, last = sorted(data.draw(st.sampled_from(boundaries)) for _ in range(2))
        if last[0] - first[0] > 1:
            last = first
        if is_stale:
            self.suspect.add(uri)
        self.versions[uri] += -1 if is_stale else 1
        document.replace(first, last, piece)
        self.client.change(uri, self.versions[uri], replacement(first, last, piece))
        self.turn(steps)

    def pick_document(self, data: st.DataObject) -> tuple[str, NaiveDocument]:
        uri = data.draw(st.sampled_from(sorted(self.documents)))
        return uri, self.documents[uri]

    # Questions

    @precondition(lambda self: self.documents)
    @rule(
        data=st.data(),
        method=st.sampled_from(["textDocument/inlineCompletion", "textDocument/completion"]),
        kind=st.sampled_from([1, 2]),
        steps=STEPS,
    )
    def suggest(self, data: st.DataObject, method: str, kind: int, steps: int) -> None:
        uri, document = self.pick_document(data)
        line, character = data.draw(st.sampled_from(document.boundaries()))
        params: Json = {
            "textDocument": {"uri": uri},
            "position": {"line": line, "character": character},
        }
        if method == "textDocument/inlineCompletion":
            params["context"] = {"triggerKind": kind}
        self.ask(method, params)
        self.turn(steps)

    @precondition(lambda self: self.documents)
    @rule(data=st.data(), steps=STEPS)
    def list_actions(self, data: st.DataObject, steps: int) -> None:
        uri, document = self.pick_document(data)
        ends = sorted(data.draw(st.sampled_from(document.boundaries())) for _ in range(2))
        start, end = ({"line": line, "character": character} for line, character in ends)
        diagnostic = {"range": {"start": start, "end": end}, "message": "Wrong."}
        self.ask(
            "textDocument/codeAction",
            {
                "textDocument": {"uri": uri},
                "range": {"start": start, "end": end},
                "context": {"diagnostics": [diagnostic], "triggerKind": 1},
            },
        )
        self.turn(steps)

    @rule(choice=CHOICES, steps=STEPS)
    def choose_action(self, choice: int, steps: int) -> None:
        action = chosen(self.actions, choice) or {"title": "none"}
        command = action.get("command")
        if command is None:
            self.ask("codeAction/resolve", action)
        elif command["command"] == "sotto.explain":
            arguments = {"command": command["command"], "arguments": command["arguments"]}
            self.ask("workspace/executeCommand", arguments)
        self.turn(steps)

    @rule(attached=st.sampled_from(URIS), use_tools=st.booleans(), steps=STEPS)
    def chat(self, attached: str, use_tools: bool, steps: int) -> None:
        self.n_chats += 1
        attachment = {"kind": "file", "uri": attached}
        message = {"role": "user", "content": "Hello", "attachments": [attachment]}
        params = {
            "messages": [message],
            "useTools": use_tools,
            "conversationId": "c",
            "partialResultToken": f"chat-{self.n_chats}",
        }
        self.ask("sotto/chat", params)
        self.turn(steps)

    @rule(
        question=st.sampled_from(
            [
                ("sotto/status", None),
                ("sotto/recentRequests", None),
                ("sotto/conversations", None),
                ("sotto/conversation", {"conversationId": "c"}),
                ("sotto/documentInfo", {"textDocument": {"uri": URIS[0]}}),
                ("sotto/proposeEdits", {"content": "```python\nx = 1\n```", "uri": URIS[0]}),
            ]
        ),
        steps=STEPS,
    )
    def look(self, question: tuple[str, Json | None], steps: int) -> None:
        self.ask(*question)
        self.turn(steps)

    @rule(choice=CHOICES, steps=STEPS)
    def cancel(self, choice: int, steps: int) -> None:
        """Any request: one that runs, one that is answered already, one that never was."""
        self.client.cancel(chosen(self.asked, choice) or 1000)
        self.turn(steps)

    # What else an editor says

    @rule(options=OPTIONS, is_pushed=st.booleans(), steps=STEPS)
    def configure(self, options: Json, is_pushed: bool, steps: int) -> None:
        self.client.settings = options
        pushed = {"sotto": options} if is_pushed else None
        self.client.notify("workspace/didChangeConfiguration", {"settings": pushed})
        self.turn(steps)

    @rule(is_added=st.booleans(), steps=STEPS)
    def change_folders(self, is_added: bool, steps: int) -> None:
        folder = {"uri": "file:///project", "name": "project"}
        added, removed = ([folder], []) if is_added else ([], [folder])
        event = {"added": added, "removed": removed}
        self.client.notify("workspace/didChangeWorkspaceFolders", {"event": event})
        self.turn(steps)

    @rule(choice=CHOICES, steps=STEPS)
    def answer_the_server(self, choice: int, steps: int) -> None:
        request = chosen(self.held(), choice)
        if request is not None:
            self.client.requests.remove(request)
            self.client.answer(request)
        self.turn(steps)

    def held(self) -> list[Json]:
        """Questions of the server that wait."""
        return [r for r in self.client.requests if r["method"] in self.client.holds]

    @rule(choice=CHOICES, steps=STEPS)
    def cancel_progress(self, choice: int, steps: int) -> None:
        progress = chosen(self.client.received("$/progress"), choice) or {"token": "none"}
        self.client.notify("window/workDoneProgress/cancel", {"token": progress["token"]})
        self.turn(steps)

    # The model

    @rule(choice=CHOICES, text=SAID, end=st.sampled_from(["none", "stop", "fail"]), steps=STEPS)
    def say(self, choice: int, text: str, end: str, steps: int) -> None:
        generation = chosen(self.generations(), choice)
        if generation is not None:
            generation.send(text)
            if end == "stop":
                generation.finish()
            elif end == "fail":
                generation.fail(BackendError("The runtime failed."))
        self.turn(steps)

    def teardown(self) -> None:
        try:
            if hasattr(self, "client"):
                self.run(self.end())
        finally:
            self.runner.close()

    async def end(self) -> None:
        """Let everything come to its end, and look at what came."""
        client = self.client
        client.holds.clear()
        for request in list(client.requests):
            client.answer(request)
        self.maker.answer = say_done
        for engine in self.maker.engines:
            engine.answer = self.maker.answer
        for generation in self.generations():
            generation.finish()
        await client.until(lambda: all(number in client.responses for number in self.asked))
        for uri, document in self.documents.items():
            info = await client.document_info(uri)
            assert info["version"] == self.versions[uri]
            assert info["sha256"] == sha256(document.text) or uri in self.suspect
        await client.shut_down()
        for answers in client.responses.values():
            (answer,) = answers
            assert "error" not in answer or answer["error"]["code"] in CODES, answer
        await self.context.__aexit__(None, None, None)


TestClientMachine = ClientMachine.TestCase
TestClientMachine.settings = settings(max_examples=40, stateful_step_count=40)
