"""Plain-text search in the project: ripgrep where there is one, as it is quick and knows what is
ignored; else in Python."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from lsp.project.paths import PathRefusedError, resolve
from lsp.project.programs import run, trusted
from lsp.project.workspace import UnreadableError, Workspace

MAX_MATCHES = 100
MAX_LINE_CHARS = 200
_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Match:
    path: Path
    line: int
    """Counted from 1."""
    text: str
    """The line, stripped and shortened."""


async def search(workspace: Workspace, query: str) -> list[Match]:
    """Lines that hold `query`, at most `MAX_MATCHES`. Case counts if the query has capitals."""
    query = query.strip("\r\n")
    if not query or "\n" in query:
        return []
    program = trusted("rg", workspace.folders)
    found = None if program is None else await _with_ripgrep(workspace, program, query)
    if found is None:
        found = await asyncio.to_thread(_in_python, workspace, query)
    return found


async def _with_ripgrep(workspace: Workspace, program: str, query: str) -> list[Match] | None:
    """None if it does not run."""
    arguments = [
        "--no-config", "--no-messages", "--fixed-strings", "--smart-case", "--line-number",
        "--no-heading", "--with-filename", "--null", "--color=never", "--sort=path",
        f"--max-count={MAX_MATCHES}", "--max-columns=500", "--max-filesize=1M",
        "--regexp", query, "--", *map(str, workspace.folders),
    ]  # fmt: skip
    output = await run((program, *arguments), cwd=Path(os.sep), timeout_s=_TIMEOUT_S)
    if output is None or not output.is_finished:
        return None
    found = (_match(line) for line in output.text.split("\n"))
    seen = [match for match in found if match and _may_be_seen(workspace, match.path)]
    return seen[:MAX_MATCHES]


def _match(line: str) -> Match | None:
    name, _, rest = line.partition("\0")
    number, colon, text = rest.partition(":")
    if not colon or not number.isdigit():
        return None
    return Match(Path(name), int(number), text.strip()[:MAX_LINE_CHARS])


def _may_be_seen(workspace: Workspace, path: Path) -> bool:
    try:
        resolve(str(path), workspace.folders)
    except PathRefusedError:
        return False
    return True


def _in_python(workspace: Workspace, query: str) -> list[Match]:
    folds = query == query.lower()
    matches: list[Match] = []
    for path in workspace.files():
        try:
            text = workspace.original(path)
        except UnreadableError:
            continue
        if (text.lower() if folds else text).find(query) < 0:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if query in (line.lower() if folds else line):
                matches.append(Match(path, number, line.strip()[:MAX_LINE_CHARS]))
                if len(matches) >= MAX_MATCHES:
                    return matches
    return matches
