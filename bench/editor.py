"""A pseudo-editor: an LSP client over stdio that behaves like an editor and times every answer.

It starts the server as an editor does, keeps its own copy of the open file, sends incremental
changes and inline completion requests without waiting for answers, and answers what a server may
ask. Frames are written and read here and in `bench.wire` alone, so that the client's own cost
stays small beside what it measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
import psutil

from bench.answers import Answer
from bench.buffer import Buffer
from bench.errors import BenchError
from bench.machine import clean_environment
from bench.trace import Event, Insert, Move
from bench.wire import Connection, WireError
from lsp.protocol import DID_MOVE_CURSOR, RECENT_REQUESTS, STATUS, Status
from lsp.records import RequestRecord

START_TIMEOUT_S = 60.0


class EditorError(BenchError):
    """The server could not be started, died, or broke the protocol; says what it last logged."""


def sotto_command(*arguments: str) -> list[str]:
    """The console script of this environment, as an editor's settings would name it."""
    name = "sotto.exe" if os.name == "nt" else "sotto"
    return [str(Path(sysconfig.get_path("scripts")) / name), "serve", *arguments]


class Editor:
    """A running server and the one file that is open in it. Use `async with`."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """`environment` adds to this process's; `options` is sent as initializationOptions."""
        self._command = list(command)
        # Editors are told to clear PYTHONPATH: it could put a workspace's files on the import path.
        self._environment = clean_environment()
        self._environment.pop("PYTHONPATH", None)
        self._environment |= environment or {}
        self._options = dict(options or {})
        self._pending: dict[int, Answer] = {}
        self._next_id = 1
        self._status_changed = asyncio.Event()
        self._process: asyncio.subprocess.Process
        self._connection: Connection
        self._reading: asyncio.Task[None]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed in __aexit__)
        self.started_at = 0.0
        self.initialized_ms = 0.0
        """From the start of the process to the answer to `initialize`."""
        self.server_info: dict[str, Any] = {}
        self.status: Status | None = None
        """The newest `sotto/status`."""
        self.messages: list[str] = []
        """What the server showed or logged through the protocol."""
        self.buffer: Buffer | None = None

    async def __aenter__(self) -> Self:
        self.started_at = time.perf_counter()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=self._log,
                env=self._environment,
            )
        except OSError as error:
            self._log.close()
            raise EditorError(f"{self._command[0]} could not be started: {error}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._connection = Connection(self._process.stdout, self._process.stdin)
        self._reading = asyncio.create_task(self._read())
        try:
            await self._initialize()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(EditorError, TimeoutError):
                await asyncio.wait_for(self.ask("shutdown"), 2)
                self.notify("exit")
            self._connection.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 5)
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._log.close()

    async def _initialize(self) -> None:
        capabilities: dict[str, Any] = {
            "general": {"positionEncodings": ["utf-16"]},
            "textDocument": {"synchronization": {}, "inlineCompletion": {}},
            "window": {"workDoneProgress": True},
        }
        parameters = {
            "processId": os.getpid(),
            "clientInfo": {"name": "sotto-bench"},
            "rootUri": None,
            "capabilities": capabilities,
            "initializationOptions": self._options,
        }
        answer = self.request("initialize", parameters)
        result = await self._result(answer, timeout_s=START_TIMEOUT_S)
        assert answer.answered_at is not None
        self.initialized_ms = 1e3 * (answer.answered_at - self.started_at)
        self.server_info = result.get("serverInfo") or {}
        self.notify("initialized", {})

    # What an editor sends

    def request(self, method: str, params: object = None) -> Answer:
        """Send a request and return at once; `answer.done` is set when it is answered."""
        answer = Answer(self._next_id)
        self._next_id += 1
        self._pending[answer.request_id] = answer
        self._send({"id": answer.request_id, "method": method, "params": params})
        return answer

    def notify(self, method: str, params: object = None) -> None:
        self._send({"method": method, "params": params})

    def cancel(self, answer: Answer) -> None:
        """Ask the server to give up a request, if it is still open."""
        if answer.answered_at is None:
            self.notify("$/cancelRequest", {"id": answer.request_id})

    async def ask(self, method: str, params: object = None, *, timeout_s: float = 30.0) -> Any:
        """Send a request and wait for its result. Raises EditorError for an error or silence."""
        return await self._result(self.request(method, params), timeout_s=timeout_s)

    def open(self, uri: str, language: str, text: str) -> Buffer:
        """Open a file, closing the one before."""
        self.close_file()
        self.buffer = buffer = Buffer(uri, language, text)
        item = {"uri": uri, "languageId": language, "version": buffer.version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})
        return buffer

    def close_file(self) -> None:
        if self.buffer is not None:
            self.notify("textDocument/didClose", {"textDocument": {"uri": self.buffer.uri}})
            self.buffer = None

    def press(self, event: Event) -> None:
        """Do in the open file what the event says, and tell the server if the text changed."""
        buffer = self._opened()
        if not isinstance(event, Move):
            inserted = event.text if isinstance(event, Insert) else ""
            end = event.at if isinstance(event, Insert) else event.at + event.length
            span = {"start": buffer.position(event.at), "end": buffer.position(end)}
            buffer.version += 1
            document = {"uri": buffer.uri, "version": buffer.version}
            changes = [{"range": span, "text": inserted}]
            self.notify(
                "textDocument/didChange", {"textDocument": document, "contentChanges": changes}
            )
        buffer.apply(event)

    def tell_cursor(self) -> None:
        """Tell the server where the cursor is, as Neovim's plugin does when it was moved."""
        buffer = self._opened()
        at = buffer.position(buffer.cursor)
        self.notify(DID_MOVE_CURSOR, {"textDocument": {"uri": buffer.uri}, "position": at})

    def complete(self, *, invoked: bool = False) -> Answer:
        """Ask for ghost text at the cursor."""
        buffer = self._opened()
        parameters = {
            "textDocument": {"uri": buffer.uri},
            "position": buffer.position(buffer.cursor),
            "context": {"triggerKind": 1 if invoked else 2},
        }
        return self.request("textDocument/inlineCompletion", parameters)

    # What it asks about the server

    async def ready(self, model: Path | None = None, *, timeout_s: float = 120.0) -> Status:
        """Wait for the model and return the status.

        Raises EditorError if none can be loaded, or another than `model` was.
        """
        deadline = time.perf_counter() + timeout_s
        while True:
            self._status_changed.clear()
            self.status = msgspec.convert(await self.ask(STATUS), Status)
            match self.status.state:
                case "ready":
                    loaded = self.status.model
                    if model is not None and (loaded is None or loaded.is_builtin):
                        raise EditorError(self.status.message or f"{model} was not loaded")
                    return self.status
                case "failed":
                    said = self.status.message or "\n".join(self.messages[-3:])
                    raise EditorError(f"the model could not be loaded: {said}")
                case _:
                    if time.perf_counter() > deadline:
                        raise EditorError(f"no model was ready after {timeout_s:.0f} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._status_changed.wait(), 0.2)

    async def recent_requests(self) -> list[RequestRecord]:
        """The server's records of the last inline requests, oldest first."""
        return msgspec.convert(await self.ask(RECENT_REQUESTS), list[RequestRecord])

    @property
    def pid(self) -> int:
        """Of the server's process."""
        return self._process.pid

    def cpu_seconds(self) -> float:
        """Processor time that the server and its children have used since its start."""
        total = 0.0
        with contextlib.suppress(psutil.NoSuchProcess):
            server = psutil.Process(self._process.pid)
            for process in [server, *server.children(recursive=True)]:
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def rss_bytes(self) -> int:
        """Resident memory of the server's process."""
        return psutil.Process(self._process.pid).memory_info().rss

    # The wire

    def _opened(self) -> Buffer:
        if self.buffer is None:
            raise EditorError("no file is open")
        return self.buffer

    def _send(self, message: dict[str, Any]) -> None:
        if self._process.returncode is not None:
            raise EditorError(self._obituary())
        if message.get("params", ...) is None:
            del message["params"]
        self._connection.send(message)

    async def _result(self, answer: Answer, *, timeout_s: float) -> Any:
        try:
            await asyncio.wait_for(answer.done.wait(), timeout_s)
        except TimeoutError:
            raise EditorError(f"no answer within {timeout_s:.0f} s.{self._last_words()}") from None
        if answer.error is not None:
            raise EditorError(str(answer.error.get("message", answer.error)))
        return answer.result

    async def _read(self) -> None:
        with contextlib.suppress(WireError):
            while (message := await self._connection.receive()) is not None:
                self._handle(message)
        # Whoever waits gets an error: the server is gone or no longer speaks the protocol.
        await self._reap()
        for answer in self._pending.values():
            answer.error = {"code": 0, "message": self._obituary()}
            answer.done.set()
        self._pending.clear()

    async def _reap(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), 2)

    def _handle(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method is None:
            answer = self._pending.pop(message["id"], None)
            if answer is not None:
                answer.answered_at = time.perf_counter()
                answer.result, answer.error = message.get("result"), message.get("error")
                answer.done.set()
        elif "id" in message:
            self._respond(message)
        elif method == STATUS:
            self.status = msgspec.convert(message["params"], Status)
            self._status_changed.set()
        elif method in {"window/showMessage", "window/logMessage"}:
            self.messages.append(message["params"]["message"])

    def _respond(self, message: dict[str, Any]) -> None:
        reply: dict[str, Any] = {"id": message["id"], "result": None}
        match message["method"]:
            case "workspace/configuration":
                reply["result"] = [None] * len(message["params"]["items"])
            case "window/workDoneProgress/create" | "client/registerCapability":
                pass
            case unknown:
                del reply["result"]
                reply["error"] = {"code": -32601, "message": f"{unknown} is not supported"}
        self._connection.send(reply)

    def _obituary(self) -> str:
        code = self._process.returncode
        fate = "no longer speaks the protocol" if code is None else f"ended with exit code {code}"
        return f"the server {fate}.{self._last_words()}"

    def _last_words(self) -> str:
        if self._log.closed:
            return ""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return "" if not lines else " It last logged:\n" + "\n".join(lines[-12:])


def require_sotto() -> None:
    """End the program with one clear sentence if this environment has no `sotto` command."""
    program = Path(sotto_command()[0])
    if not program.is_file():
        sys.exit(f"{program} does not exist; run `make setup` and use .venv/bin/python.")
