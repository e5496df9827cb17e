"""A client that speaks the protocol in plain JSON, counts every answer it gets and has a judge look
at all that comes."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from lsp.conversation import Conversation
from lsp.frames import FrameParser, Malformed, Message
from tests.support.judge import Judge
from tests.support.scripted_engine import EngineMaker

Json = dict[str, Any]

TIMEOUT_S = 20.0


class ResponseError(Exception):
    """The server answered with an error."""

    def __init__(self, error: Json) -> None:
        super().__init__(error["message"])
        self.code: int = error["code"]


class Client:
    """Keeps every message from the server. `write` takes one frame's bytes."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._ids = itertools.count(1)
        self._pending: dict[int | str, asyncio.Future[Any]] = {}
        self._parser = FrameParser()
        self._arrived = asyncio.Event()
        self.judge = Judge()
        """What it finds fails the test at the end of the conversation."""
        self.responses: dict[int | str | None, list[Json]] = {}
        """By request id; a correct server answers each id once."""
        self.notifications: list[Json] = []
        self.requests: list[Json] = []
        """What the server asked."""
        self.noise: list[Malformed] = []
        """Bytes on stdout that are no frames."""
        self.refuses: set[str] = set()
        """Methods of the server's requests that are answered with an error."""
        self.holds: set[str] = set()
        """Methods of the server's requests that are answered by `answer` only."""
        self.serves: dict[str, Callable[[Json], Any]] = {}
        """What answers the server's requests of a method, given their parameters."""
        self.choices: dict[str, str] = {}
        """What the user chooses when a question with such a text comes; else nothing."""
        self.settings: Any = None
        """The answer to `workspace/configuration`, for every section."""
        self.capabilities: Json = {}

    # Sending

    def send(self, content: object) -> None:
        self.judge.client_sends(content)
        body = json.dumps(content).encode()
        self._write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def send_bytes(self, data: bytes) -> None:
        self._write(data)

    def notify(self, method: str, params: object = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def start_request(self, method: str, params: object = None) -> tuple[int, asyncio.Future[Any]]:
        """Send a request; returns its id and what will hold its result."""
        request_id = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = future
        self.send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        return request_id, future

    async def request(self, method: str, params: object = None) -> Any:
        """Send a request and wait for its result. Raises ResponseError."""
        _, future = self.start_request(method, params)
        async with asyncio.timeout(TIMEOUT_S):
            return await future

    def cancel(self, request_id: int) -> None:
        self.notify("$/cancelRequest", {"id": request_id})

    # Receiving

    def feed(self, data: bytes) -> None:
        """Take bytes from the server."""
        for item in self._parser.feed(data):
            if isinstance(item, Malformed):
                self.noise.append(item)
            else:
                self._receive(cast("Json", item.content))
        self._arrived.set()

    def _receive(self, content: Json) -> None:
        self.judge.server_sends(content)
        if "method" not in content:
            self.responses.setdefault(content["id"], []).append(content)
            future = self._pending.pop(content["id"], None)
            if future is not None and not future.done():
                if "error" in content:
                    future.set_exception(ResponseError(content["error"]))
                else:
                    future.set_result(content["result"])
        elif "id" in content:
            self.requests.append(content)
            if content["method"] not in self.holds:
                self.answer(content)
        else:
            self.notifications.append(content)

    def answer(self, content: Json) -> None:
        """Answer a request of the server."""
        result: Any = None
        if content["method"] in self.refuses:
            error = {"code": -32601, "message": "refused"}
            self.send({"jsonrpc": "2.0", "id": content["id"], "error": error})
            return
        if content["method"] == "workspace/configuration":
            result = [self.settings for _ in content["params"]["items"]]
        if content["method"] == "window/showDocument":
            result = {"success": True}
        if content["method"] == "workspace/applyEdit":
            result = {"applied": True}
        if content["method"] == "window/showMessageRequest":
            message: str = content["params"]["message"]
            chosen = next((title for text, title in self.choices.items() if text in message), None)
            result = {"title": chosen} if chosen else None
        if content["method"] in self.serves:
            result = self.serves[content["method"]](content["params"])
        self.send({"jsonrpc": "2.0", "id": content["id"], "result": result})

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what arrived makes `condition` true."""
        async with asyncio.timeout(TIMEOUT_S):
            while not condition():
                self._arrived.clear()
                await self._arrived.wait()

    def received(self, method: str) -> list[Any]:
        """The parameters of all notifications of a method."""
        return [n.get("params") for n in self.notifications if n["method"] == method]

    # What editors do

    async def initialize(
        self,
        *,
        capabilities: Json | None = None,
        encoding: str = "utf-16",
        options: object = None,
        folder: str | None = None,
        process_id: int | None = None,
        name: str | None = None,
    ) -> Json:
        """`initialize` and `initialized`; by default a client with ghost text."""
        self.capabilities = (
            {"textDocument": {"inlineCompletion": {}}} if capabilities is None else capabilities
        )
        self.capabilities.setdefault("general", {})["positionEncodings"] = [encoding]
        result = await self.request(
            "initialize",
            {
                "processId": process_id,
                "rootUri": None,
                "workspaceFolders": [{"uri": folder, "name": "folder"}] if folder else None,
                "capabilities": self.capabilities,
                "initializationOptions": options,
                **({"clientInfo": {"name": name}} if name else {}),
            },
        )
        self.notify("initialized", {})
        return result

    async def wait_ready(self) -> None:
        """Wait until the server says that a model is ready."""
        await self.until(lambda: any(s["state"] == "ready" for s in self.received("sotto/status")))

    async def shut_down(self) -> None:
        await self.request("shutdown")
        self.notify("exit")

    def open(self, uri: str, text: str, *, language: str = "python", version: int = 1) -> None:
        item = {"uri": uri, "languageId": language, "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, uri: str, version: int, *changes: Json) -> None:
        self.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": uri, "version": version},
                "contentChanges": list(changes),
            },
        )

    def start_inline(
        self, uri: str, line: int, character: int, *, is_invoked: bool = False
    ) -> tuple[int, asyncio.Future[Any]]:
        return self.start_request(
            "textDocument/inlineCompletion",
            {
                "textDocument": {"uri": uri},
                "position": {"line": line, "character": character},
                "context": {"triggerKind": 1 if is_invoked else 2},
            },
        )

    async def inline(
        self, uri: str, line: int, character: int, *, is_invoked: bool = False
    ) -> list[str]:
        """The texts offered at a place."""
        _, future = self.start_inline(uri, line, character, is_invoked=is_invoked)
        async with asyncio.timeout(TIMEOUT_S):
            return [item["insertText"] for item in (await future)["items"]]

    async def records(self) -> list[Json]:
        return await self.request("sotto/recentRequests")

    async def document_info(self, uri: str) -> Json:
        return await self.request("sotto/documentInfo", {"textDocument": {"uri": uri}})


def insertion(line: int, character: int, text: str) -> Json:
    """A change that inserts."""
    return replacement((line, character), (line, character), text)


def replacement(start: tuple[int, int], end: tuple[int, int], text: str) -> Json:
    """A change of a range."""
    return {
        "range": {
            "start": {"line": start[0], "character": start[1]},
            "end": {"line": end[0], "character": end[1]},
        },
        "text": text,
    }


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class InProcess:
    """A conversation without a process: bytes go straight from client to server and back."""

    def __init__(self, maker: EngineMaker) -> None:
        self.maker = maker
        self.conversation = Conversation(self._from_server, make_engine=maker)
        self.client = Client(self._to_server)
        self._inbox: asyncio.Queue[Message | Malformed] = asyncio.Queue()
        self._parser = FrameParser()

    def _from_server(self, data: bytes) -> None:
        self.client.feed(data)

    def _to_server(self, data: bytes) -> None:
        for item in self._parser.feed(data):
            self._inbox.put_nowait(item)

    async def serve(self) -> None:
        while True:
            await self.conversation.receive(await self._inbox.get())


@asynccontextmanager
async def in_process(maker: EngineMaker | None = None) -> AsyncGenerator[InProcess]:
    """A server in this process, on a scripted engine that by default always says `pass`."""
    served = InProcess(maker or EngineMaker(answer=lambda _request: "pass"))
    task = asyncio.create_task(served.serve())
    try:
        yield served
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await served.conversation.session.close()
    # Not reached where the test has failed already.
    served.client.judge.check()
