"""Files of text that the server opens in the editor, in the user's cache folder.

Each is a new one: an editor that has a file open already would not read it again.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import platformdirs

_MAX_FILES = 50
"""Of one kind; the oldest go. What the user saved elsewhere is theirs."""


def folder(kind: str) -> Path:
    """Where files of a kind are. It exists, and nobody else can read it."""
    path = platformdirs.user_cache_path("sotto") / kind
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def new_file(kind: str, text: str) -> Path:
    """A new Markdown file with this text. Raises OSError."""
    where = folder(kind)
    for old in sorted(where.glob("*.md"))[: 1 - _MAX_FILES]:
        old.unlink(missing_ok=True)
    path = where / f"{datetime.now():%Y-%m-%d-%H%M%S-%f}.md"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path
