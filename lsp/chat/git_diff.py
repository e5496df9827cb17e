"""The project's uncommitted changes, by git; without running what the project names.

A repository's own configuration can name programs: filters, drivers for differences, a monitor of
the file system. Whoever sends someone a folder with a `.git` in it would choose what is run. So
each of these keys is found (reading a configuration runs nothing) and overridden.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lsp.project.paths import is_protected
from lsp.project.programs import run, trusted

MAX_DIFF_CHARS = 100_000
_TIMEOUT_S = 10.0
_SAFE = (
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat",
    "-c", "core.sshCommand=false", "-c", "diff.external=", "-c", "core.editor=false",
    "-c", "credential.helper=", "-c", "protocol.allow=never", "--no-pager", "--no-optional-locks",
)  # fmt: skip
_NAMES_PROGRAMS = re.compile(
    r"filter\..*\.(?:clean|smudge|process|required)|diff\..*\.(?:textconv|command)", re.IGNORECASE
)
_FILE = re.compile(r"^diff --git .* b/(.*)$", re.MULTILINE)


async def git_diff(folder: Path) -> str | None:
    """Changes against the last commit, staged or not, as a unified diff; files that may hold
    secrets are left out. None where there is no git or no repository."""
    program = trusted("git", [folder])
    if program is None:
        return None
    listed = await _git(program, folder, ("config", "--list", "--name-only", "-z"))
    if listed is None:
        return None
    overrides: list[str] = []
    for key in {name for name in listed.split("\0") if _NAMES_PROGRAMS.fullmatch(name)}:
        if "=" in key or "\n" in key:
            return None  # cannot be overridden on the command line
        overrides += ["-c", f"{key}=" + ("false" if key.lower().endswith("required") else "")]
    arguments = ("diff", "HEAD", "--no-ext-diff", "--no-textconv", "--no-color", "--relative")
    text = await _git(program, folder, (*arguments, "--ignore-submodules=all"), overrides)
    return None if text is None else _without_secrets(text)


async def _git(
    program: str, folder: Path, arguments: Sequence[str], overrides: Sequence[str] = ()
) -> str | None:
    output = await run((program, *_SAFE, *overrides, *arguments), cwd=folder, timeout_s=_TIMEOUT_S)
    return output.text if output is not None and output.status == 0 else None


def _without_secrets(diff: str) -> str:
    parts = re.split(r"(?m)^(?=diff --git )", diff)
    return "".join(part for part in parts if not _is_secret(part))[:MAX_DIFF_CHARS]


def _is_secret(part: str) -> bool:
    match = _FILE.match(part)
    if match is None:
        return bool(part.strip())
    names = match[1].strip('"').split("/")
    return any(is_protected(name, is_last=i == len(names) - 1) for i, name in enumerate(names))
