"""A server with a folder open, on a scripted chat model; conversations are kept in the test's own
folder."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from inference import ChatPrompt, GenerationRequest
from lsp.chat import history
from tests.support.client import Client, InProcess, in_process
from tests.support.scripted_engine import EngineMaker

Json = dict[str, Any]
Reply = str | Callable[[ChatPrompt], str]


class Chat:
    """Asks questions; keeps what streamed."""

    def __init__(self, served: InProcess, folder: Path) -> None:
        self.served = served
        self.client: Client = served.client
        self.folder = folder
        self.replies: list[Reply] = []
        """What the model says, one after the other; then `done`."""
        self.prompts: list[ChatPrompt] = []
        self._tokens = itertools.count(1)

    def reply(self, request: GenerationRequest) -> str:
        assert isinstance(request.prompt, ChatPrompt)
        self.prompts.append(request.prompt)
        reply = self.replies.pop(0) if self.replies else "done"
        return reply if isinstance(reply, str) else reply(request.prompt)

    def params(self, *messages: Json | str, **params: Any) -> Json:
        listed = [m if isinstance(m, dict) else {"role": "user", "content": m} for m in messages]
        return {"messages": listed, "partialResultToken": f"chat-{next(self._tokens)}", **params}

    async def ask(self, *messages: Json | str, **params: Any) -> Json:
        """Sends the conversation and waits for the answer."""
        return await self.client.request("sotto/chat", self.params(*messages, **params))

    def events(self) -> list[Json]:
        """What streamed so far, of all answers."""
        return [
            progress["value"]
            for progress in self.client.received("$/progress")
            if str(progress["token"]).startswith("chat-")
        ]

    def streamed(self, kind: str = "text") -> str:
        return "".join(event["text"] for event in self.events() if event["kind"] == kind)

    @property
    def question(self) -> str:
        """The last message of the last prompt."""
        return self.prompts[-1].messages[-1].content

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "project"
    path.mkdir()
    return path


@pytest.fixture
def options() -> Json:
    """The initialization options; a test module may have its own."""
    return {}


@pytest.fixture
async def chat(
    folder: Path, tmp_path: Path, options: Json, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Chat]:
    monkeypatch.setattr(history, "default_file", lambda: tmp_path / "data" / "conversations.db")
    maker = EngineMaker()
    maker.supports_chat = True
    async with in_process(maker) as served:
        asked = Chat(served, folder)
        maker.answer = asked.reply
        await served.client.initialize(folder=folder.as_uri(), options=options)
        await served.client.wait_ready()
        yield asked


@pytest.fixture
async def held(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Chat]:
    """Its generations wait for the test to send their text."""
    monkeypatch.setattr(history, "default_file", lambda: tmp_path / "data" / "conversations.db")
    maker = EngineMaker(answer=None)
    maker.supports_chat = True
    async with in_process(maker) as served:
        await served.client.initialize(folder=folder.as_uri())
        await served.client.wait_ready()
        yield Chat(served, folder)
