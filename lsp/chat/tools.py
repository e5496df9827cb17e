"""The tools a model may use: they look around in the open folders, propose edits, and run a command
the user has allowed by name and agrees to. Everything they return is bounded."""

from __future__ import annotations

import json
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from inference import Tool
from lsp.chat.attachments import found, listed
from lsp.chat.proposals import EditRefusedError, Proposals, unified
from lsp.chat.protocol import Diagnostic
from lsp.context.outline import outline
from lsp.project.paths import PathRefusedError
from lsp.project.programs import run, trusted
from lsp.project.workspace import UnreadableError, Workspace, numbered

MAX_RESULT_CHARS = 16_000
_MAX_LINES = 400
_COMMAND_TIMEOUT_S = 120.0

Confirm = Callable[[str], Awaitable[bool]]
"""Asks the person whether a command may run now."""


async def nobody_agrees(_command: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ToolResult:
    text: str
    """For the model."""
    summary: str
    """One line for the person."""
    failed: bool = False


class _ToolError(Exception):
    """The message is for the model."""


def _schema(required: Sequence[str], **properties: Mapping[str, object]) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": list(required)}


_PATH = {"type": "string", "description": "Path inside the project."}
_LINE = {"type": "integer", "description": "Counted from 1."}

_ALWAYS = (
    Tool(
        name="read_file",
        description=f"Read lines of a text file, at most {_MAX_LINES} at a time.",
        parameters=_schema(["path"], path=_PATH, first_line=_LINE, last_line=_LINE),
    ),
    Tool(
        name="list_files",
        description="List a folder of the project; folders end with a slash.",
        parameters=_schema([], path=_PATH),
    ),
    Tool(
        name="search",
        description="Find lines that hold a text, in all files of the project.",
        parameters=_schema(["text"], text={"type": "string", "description": "Plain text."}),
    ),
    Tool(
        name="symbols",
        description="List the functions and classes that a file defines, with their lines.",
        parameters=_schema(["path"], path=_PATH),
    ),
    Tool(
        name="diagnostics",
        description="List errors and warnings, of one file or of all.",
        parameters=_schema([], path=_PATH),
    ),
    Tool(
        name="propose_edit",
        description="Propose to replace a text in a file; the user decides. The old text must be "
        "quoted exactly and be there once; an empty one makes a new file.",
        parameters=_schema(
            ["path", "old_text", "new_text"],
            path=_PATH,
            old_text={"type": "string", "description": "The lines to replace."},
            new_text={"type": "string", "description": "What replaces them."},
        ),
    ),
)


@dataclass(slots=True)
class Toolbox:
    """The tools for one answer."""

    workspace: Workspace
    proposals: Proposals
    diagnostics: Sequence[Diagnostic] = ()
    allowed_commands: tuple[str, ...] = ()
    """From the user's own settings, whole command lines."""
    confirm: Confirm = nobody_agrees
    _known: dict[str, Tool] = field(default_factory=dict[str, Tool])

    def __post_init__(self) -> None:
        self._known = {tool.name: tool for tool in self.tools}

    @property
    def tools(self) -> tuple[Tool, ...]:
        if not self.allowed_commands:
            return _ALWAYS
        command: dict[str, object] = {"type": "string", "enum": list(self.allowed_commands)}
        run_command = Tool(
            name="run_command",
            description="Run one of these commands in the project's folder; the user is asked.",
            parameters=_schema(["command"], command=command),
        )
        return (*_ALWAYS, run_command)

    async def use(self, name: str, arguments: Mapping[str, object]) -> ToolResult:
        """Never raises but for a cancel: what goes wrong is told to the model."""
        try:
            result = await self._use(name, _checked(self._tool(name), arguments))
        except (_ToolError, PathRefusedError, UnreadableError, EditRefusedError) as error:
            return ToolResult(f"Refused: {error}", str(error), failed=True)
        if len(result.text) > MAX_RESULT_CHARS:
            text = result.text[:MAX_RESULT_CHARS] + "\n(cut off: this is long)"
            return ToolResult(text, result.summary, result.failed)
        return result

    def _tool(self, name: str) -> Tool:
        tool = self._known.get(name)
        if tool is None:
            known = ", ".join(self._known)
            raise _ToolError(f"There is no tool {name[:100]!r}; there are {known}.")
        return tool

    async def _use(self, name: str, arguments: Mapping[str, object]) -> ToolResult:
        path = str(arguments.get("path", "."))
        match name:
            case "read_file":
                return self._read_file(path, arguments)
            case "list_files":
                entries = self.workspace.entries(self.workspace.resolve(path))
                return ToolResult("\n".join(entries) or "(empty)", f"{len(entries)} entries")
            case "search":
                text = await found(self.workspace, str(arguments["text"]))
                return ToolResult(text, f"{len(text.splitlines())} lines")
            case "symbols":
                return self._symbols(path)
            case "diagnostics":
                meant = self.workspace.resolve(path) if "path" in arguments else None
                text = listed(self.diagnostics, self.workspace, meant)
                n_lines = len(text.splitlines())
                return ToolResult(text or "(none)", f"{n_lines} diagnostics")
            case "propose_edit":
                return self._propose_edit(path, arguments)
            case _:
                return await self._run_command(str(arguments["command"]))

    def _read_file(self, path: str, arguments: Mapping[str, object]) -> ToolResult:
        target = self.workspace.resolve(path)
        text = self.workspace.read(target)
        n_lines = text.count("\n") + (not text.endswith("\n") and bool(text))
        first = max(cast("int", arguments.get("first_line", 1)), 1)
        last = min(cast("int", arguments.get("last_line", n_lines)), n_lines)
        last = min(last, first + _MAX_LINES - 1)
        if n_lines and first > n_lines:
            raise _ToolError(f"{path} has {n_lines} lines.")
        shown = self.workspace.shown(target)
        head = f"{shown}, lines {first} to {last} of {n_lines}:\n" if n_lines else "(empty)"
        return ToolResult(head + numbered(text, first, last), f"{shown}:{first}-{last}")

    def _symbols(self, path: str) -> ToolResult:
        target = self.workspace.resolve(path)
        symbols = outline(self.workspace.read(target), str(target))
        if symbols is None:
            raise _ToolError(f"Symbols of {path} cannot be told; read it instead.")
        lines = [
            f"{'  ' * s.depth}{s.kind} {s.name} (lines {s.first_line} to {s.last_line})"
            for s in symbols
        ]
        return ToolResult("\n".join(lines) or "(none)", f"{len(lines)} symbols")

    def _propose_edit(self, path: str, arguments: Mapping[str, object]) -> ToolResult:
        old, new = str(arguments["old_text"]), str(arguments["new_text"])
        exists = self.workspace.exists(self.workspace.resolve(path))
        before = self.workspace.read(self.workspace.resolve(path)) if exists else ""
        target = self.proposals.replace(path, old, new)
        shown = self.workspace.shown(target)
        diff = unified(before, self.workspace.read(target), shown)
        text = f"Proposed; the user will see it and decide.\n{diff}"
        return ToolResult(text, f"edit of {shown}")

    async def _run_command(self, command: str) -> ToolResult:
        if command not in self.allowed_commands:
            raise _ToolError(f"The user has not allowed {command[:100]!r}.")
        try:
            program, *rest = shlex.split(command)
        except ValueError:
            raise _ToolError(f"{command!r} is no command line.") from None
        found_program = trusted(program, self.workspace.folders)
        if found_program is None:
            raise _ToolError(f"There is no program {program!r} outside the project.")
        if not await self.confirm(command):
            raise _ToolError("The user refused.")
        cwd = self.workspace.folders[0]
        output = await run(
            (found_program, *rest), cwd=cwd, timeout_s=_COMMAND_TIMEOUT_S, with_errors=True
        )
        if output is None:
            raise _ToolError(f"{program!r} cannot be started.")
        # What counts is mostly said at the end.
        text = output.text[-MAX_RESULT_CHARS // 2 :]
        ended = f"Exit status {output.status}" if output.is_finished else "Ended: it took too long"
        return ToolResult(f"{ended}.\n{text}", f"{command}: {ended.lower()}")


def _checked(tool: Tool, arguments: Mapping[str, object]) -> dict[str, object]:
    """The arguments as the tool's schema has them. Raises `_ToolError`."""
    properties = cast("Mapping[str, Mapping[str, object]]", tool.parameters["properties"])
    required = cast("Sequence[str]", tool.parameters["required"])
    missing = [name for name in required if arguments.get(name) is None]
    if missing:
        raise _ToolError(f"{tool.name} needs {', '.join(missing)}.")
    checked: dict[str, object] = {}
    for name, value in arguments.items():
        if name not in properties:
            raise _ToolError(f"{tool.name} has no argument {name[:100]!r}.")
        if value is None:
            continue
        if properties[name]["type"] == "integer":
            checked[name] = _integer(name, value)
        else:
            checked[name] = value if isinstance(value, str) else json.dumps(value)
    return checked


def _integer(name: str, value: object) -> int:
    """Some models write numbers as text. Raises `_ToolError`."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _ToolError(f"{name} must be a whole number.")
    return value
