"""Writes an edit that the user has seen and accepted; for the terminal, where no editor does it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lsp.project.workspace import UnreadableError, Workspace


class ChangedMeanwhileError(Exception):
    """The file is not what the edit was made for; nothing was written."""


def accept(workspace: Workspace, path: Path, former: str | None) -> None:
    """Writes what is proposed for `path`, whole or not at all.

    Args:
        former: the file's text when the edit was proposed; None if there was none.

    Raises `ChangedMeanwhileError` or OSError.
    """
    shown = workspace.shown(path)
    try:
        present = workspace.original(path) if path.exists() else None
    except UnreadableError as error:
        raise ChangedMeanwhileError(str(error)) from None
    if present != former or workspace.resolve(str(path)) != path:
        raise ChangedMeanwhileError(f"{shown} has changed meanwhile; nothing was written.")
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if former is not None else None
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(workspace.proposed[path].encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        if mode is None:
            mode = 0o666 & ~_umask()
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
