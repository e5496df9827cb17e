"""A real Neovim with the project's plugin and server, driven as a person would: by keys.

Nothing here sleeps for a while and hopes. Neovim handles keys before the requests that follow them;
`settle` waits until the server has answered for the text and the cursor as they are now; `wait_for`
waits for a condition and says what it saw if it never came.
"""

from __future__ import annotations

import contextlib
import gc
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import psutil
import pynvim  # pyright: ignore[reportMissingTypeStubs] - it has none

from tests.support.nvim_process import Home, NeovimProcess

TIMEOUT_S = 30.0
"""How long anything may take before a test fails; far above what it takes on a loaded machine."""

T = TypeVar("T")


@dataclass(frozen=True)
class Ghost:
    """Ghost text as it is on the screen."""

    row: int
    """0-based."""
    col: int
    """In bytes of the line's UTF-8, as Neovim counts."""
    text: str
    hint: str = ""
    """Which candidate it is, such as `(2/3)`."""


@dataclass(frozen=True)
class Cursor:
    row: int
    col: int


class Neovim:
    """A running Neovim."""

    def __init__(self, socket: Path, process: NeovimProcess | None = None) -> None:
        """Take the controls of one that was started with `--listen SOCKET`."""
        self._nvim: Any = pynvim.attach("socket", path=str(socket))
        self._process = process

    @staticmethod
    def start(program: Path, home: Home) -> Neovim:
        """Start one without a screen; it ends with `close`, or with this process."""
        process = NeovimProcess(program, home)
        return Neovim(process.socket, process)

    def close(self) -> None:
        """End Neovim and, through it, the server. Idempotent."""
        if self._nvim is None:
            return
        with contextlib.suppress(OSError, EOFError):  # it closes the socket instead of answering
            self._nvim.command("silent! qall!")
        self._nvim.close()
        # pynvim closes its event loop before the loop has closed the socket; what Python says to
        # that must not reach another test.
        self._nvim = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        if self._process:
            self._process.wait()

    # What a person does

    def press(self, keys: str) -> None:
        """Press keys, in Neovim's notation."""
        remaining = keys
        while remaining:
            taken = int(self._nvim.input(remaining))
            remaining = remaining.encode()[taken:].decode()

    def type(self, text: str) -> None:
        """Type text literally; each key has its effect before the next one is pressed."""
        for character in text:
            self.press({"<": "<lt>", "\n": "<CR>"}.get(character, character))
            self.lua("return true")

    def command(self, command: str) -> None:
        self._nvim.command(command)

    def edit(self, path: Path, *, wait: bool = True) -> None:
        """Open a file. Waits until the server is attached and its model ready, if asked to."""
        self.lua("vim.cmd.edit(vim.fn.fnameescape(...))", str(path))
        if wait:
            self.wait_until_ready()

    # What a person sees

    def lines(self) -> list[str]:
        return list(self.lua("return vim.api.nvim_buf_get_lines(0, 0, -1, false)"))

    def cursor(self) -> Cursor:
        row, col = self.lua("return vim.api.nvim_win_get_cursor(0)")
        return Cursor(row - 1, col)

    def mode(self) -> str:
        return str(self.lua("return vim.api.nvim_get_mode().mode"))

    def messages(self) -> str:
        return str(self.lua("return vim.fn.execute('messages')"))

    def ghost(self) -> Ghost | None:
        marks = self.lua(_GHOSTS)
        assert len(marks) < 2, f"more than one ghost: {marks}"
        if not marks:
            return None
        _, row, col, details = marks[0]
        rows = [details["virt_text"], *details.get("virt_lines", [])]
        text = "\n".join("".join(t for t, group in r if group != "ComplHintMore") for r in rows)
        hint = "".join(t for r in rows for t, group in r if group == "ComplHintMore")
        return Ghost(row, col, text, hint.strip()) if text else None

    # What is known besides

    def lua(self, code: str, *arguments: object) -> Any:
        return self._nvim.exec_lua(code, *arguments)

    def ask_server(self, method: str, parameters: object = None) -> Any:
        """The answer to one of the server's own requests."""
        answer = self.lua(_ASK, method, parameters)
        assert not answer.get("err"), f"{method}: {answer}"
        return answer.get("result")

    def records(self) -> list[dict[str, Any]]:
        """What became of the requests in this buffer, oldest first."""
        uri = self.lua("return vim.uri_from_bufnr(0)")
        everything = cast("list[dict[str, Any]]", self.ask_server("sotto/recentRequests"))
        return [record for record in everything if record["uri"] == uri]

    def wait_for(
        self, condition: Callable[[], T | None], what: str, timeout_s: float = TIMEOUT_S
    ) -> T:
        """The condition's value once it is true. AssertionError says what was seen instead."""
        deadline = time.monotonic() + timeout_s
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {timeout_s:.0f} s for {what}; {self._state()}")
            time.sleep(0.005)
        return value

    def is_attached(self) -> bool:
        return bool(self.lua(_ATTACHED))

    def wait_until_ready(self) -> None:
        """Wait until the server is attached to the buffer and its model is loaded."""
        self.wait_for(self.is_attached, "the server to attach")
        self.wait_for(lambda: self.ask_server("sotto/status")["state"] == "ready", "the model")

    def settle(self) -> dict[str, Any]:
        """Wait for the server's answer for the text and cursor as they are; returns its record."""

        def answered() -> dict[str, Any] | None:
            version, line, character = self.lua(_PLACE)
            for record in reversed(self.records()):
                position = record["position"]
                here = (position["line"], position["character"]) == (line, character)
                if here and record["version"] == version and record["outcome"] != "superseded":
                    return record
            return None

        record = self.wait_for(answered, "the server's answer here")
        if record["outcome"] == "shown":
            self.wait_for(self.ghost, "the ghost of an answer that was shown")
        return record

    def expect_ghost(self) -> Ghost:
        """The ghost for the text as it is now; there must be one, and it must be at the cursor."""
        record = self.settle()
        assert record["outcome"] == "shown", f"nothing was suggested: {record}; {self._state()}"
        ghost = self.ghost()
        assert ghost is not None
        assert (ghost.row, ghost.col) == (self.cursor().row, self.cursor().col)
        return ghost

    def server_pid(self) -> int:
        """The process id of the server that this Neovim started."""
        own = psutil.Process(int(self.lua("return vim.fn.getpid()")))
        found = [child for child in own.children() if "serve" in child.cmdline()]
        assert len(found) == 1, f"{len(found)} servers run: {found}"
        return found[0].pid

    def _state(self) -> str:
        seen: dict[str, object] = {
            "lines": self.lines()[-20:],
            "cursor": self.cursor(),
            "mode": self.mode(),
        }
        seen |= {"ghost": self.ghost(), "messages": self.messages()[-2000:]}
        with contextlib.suppress(Exception):  # a server that is scripted or gone keeps none
            seen["records"] = self.records()[-3:]
        log = Path(self.lua("return vim.lsp.log.get_filename()"))
        seen["log"] = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        return "\n".join(f"{name}: {value}" for name, value in seen.items())


_GHOSTS = """
local namespace = vim.api.nvim_create_namespace('nvim.lsp.inline_completion')
return vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })
"""

_ATTACHED = """
local client = vim.lsp.get_clients({ bufnr = 0, name = 'sotto' })[1]
return client ~= nil and client.initialized
"""

_ASK = """
local method, parameters = ...
local client = assert(vim.lsp.get_clients({ name = 'sotto' })[1], 'no server')
if parameters == vim.NIL then parameters = nil end
local answer, problem = client:request_sync(method, parameters or vim.empty_dict(), 20000)
return answer or { err = problem }
"""

_PLACE = """
local client = assert(vim.lsp.get_clients({ bufnr = 0, name = 'sotto' })[1], 'no server')
local position = vim.lsp.util.make_position_params(0, client.offset_encoding).position
local version = vim.lsp.util.buf_versions[vim.api.nvim_get_current_buf()]
return { version, position.line, position.character }
"""
