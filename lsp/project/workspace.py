"""The project as the model sees it: files of the open folders, bounded, with unsaved changes."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lsp.project.paths import PathRefusedError, is_protected, resolve

MAX_FILE_BYTES = 1 << 20
MAX_FILES = 20_000
_MAX_DEPTH = 32
SKIPPED_FOLDERS = frozenset(
    {
        "node_modules", "__pycache__", "venv", "env", "target", "dist", "build", "out", "vendor",
        "site-packages", "coverage", "bower_components",
    }
)  # fmt: skip


class UnreadableError(Exception):
    """A file that is no text, too large or not there; the message says which."""


@dataclass(slots=True)
class Workspace:
    """One view of the project, for one answer."""

    folders: tuple[Path, ...]
    """Resolved."""
    open_text: Callable[[Path], str | None] = lambda _path: None
    """What an editor has of a file, saved or not."""
    proposed: dict[Path, str] = field(default_factory=dict[Path, str])
    """Texts the model proposed for files; it sees these, and nobody else does."""

    def resolve(self, path: str) -> Path:
        """Raises `PathRefusedError`."""
        return resolve(path, self.folders)

    def read(self, path: Path) -> str:
        """The text of a file that `resolve` gave.

        Raises `UnreadableError`.
        """
        proposed = self.proposed.get(path)
        return self.original(path) if proposed is None else proposed

    def original(self, path: Path) -> str:
        """As the editor has it, or would have it: a BOM is no part of it. Raises
        `UnreadableError`."""
        text = self.open_text(path)
        if text is not None:
            return text
        shown = self.shown(path)
        try:
            # What was checked is what is opened: no link is followed now, and no pipe waited for.
            flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise UnreadableError(f"{shown} is not a file.")
                data = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise UnreadableError(f"{shown} cannot be read: {error.strerror}.") from None
        if len(data) > MAX_FILE_BYTES:
            raise UnreadableError(f"{shown} is larger than {MAX_FILE_BYTES >> 20} MiB.")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UnreadableError(f"{shown} is not UTF-8 text.") from None
        if "\0" in text:
            raise UnreadableError(f"{shown} is not text.")
        return text

    def exists(self, path: Path) -> bool:
        # Where the folder cannot be looked into, nothing is there.
        is_open = path in self.proposed or self.open_text(path) is not None
        return is_open or os.path.lexists(path)

    def shown(self, path: Path) -> str:
        """The path inside its folder, as people and the model see it."""
        inside = [folder for folder in self.folders if path.is_relative_to(folder)]
        if not inside:
            return path.name
        folder = max(inside, key=lambda f: len(f.parts))
        relative = path.relative_to(folder).as_posix()
        return relative if len(self.folders) == 1 else f"{folder.name}/{relative}"

    def entries(self, folder: Path) -> list[str]:
        """Names in a folder that `resolve` gave, those of folders with a slash; sorted.

        Raises `UnreadableError`.
        """
        try:
            with os.scandir(folder) as found:
                return sorted(
                    entry.name + ("/" if entry.is_dir() else "")
                    for entry in found
                    if not is_protected(entry.name, is_last=True)
                )
        except OSError as error:
            raise UnreadableError(f"{self.shown(folder)}: {error.strerror}.") from None

    def files(self) -> Iterator[Path]:
        """Files that may be seen, at most `MAX_FILES`; links to folders are not followed, and
        folders of other programs' output are passed by."""
        n_files = 0
        for root in self.folders:
            for folder, folders, names in os.walk(root):
                depth = len(Path(folder).relative_to(root).parts)
                folders[:] = [] if depth >= _MAX_DEPTH else sorted(filter(_is_walked, folders))
                for name in sorted(names):
                    n_files += 1
                    if n_files > MAX_FILES:
                        return
                    if not is_protected(name, is_last=True) and self._may_be_seen(folder, name):
                        yield Path(folder) / name

    def _may_be_seen(self, folder: str, name: str) -> bool:
        path = Path(folder) / name
        if not path.is_symlink():
            return True
        try:
            resolve(str(path), self.folders)
        except PathRefusedError:
            return False
        return True


def _is_walked(name: str) -> bool:
    hidden = name.startswith(".")
    return not hidden and name not in SKIPPED_FOLDERS and not is_protected(name, is_last=False)


def numbered(text: str, first: int, last: int) -> str:
    """Lines `first` to `last` of a text, counted from 1, each with its number."""
    lines = text.split("\n")[first - 1 : last]
    return "\n".join(f"{first + i}\t{line.rstrip(chr(13))}" for i, line in enumerate(lines))


def fenced(text: str, info: str = "") -> str:
    """A Markdown code block that the text cannot close."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{info}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"
