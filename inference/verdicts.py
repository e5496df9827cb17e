"""What loading a model file on trial came to, remembered in the user's cache folder.

The folder may be absent, read-only or full, and the file in it truncated or nonsense: then nothing
is remembered, models are tried again, and nobody is troubled. It is replaced as a whole, so that a
crash in between leaves the old one; two processes that write at once may lose one verdict, which
costs a trial.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from pathlib import Path

import msgspec
import platformdirs

_log = logging.getLogger(__name__)
_MAX_ENTRIES = 256
"""The oldest are dropped; a person tries few models."""
_MAX_FILE_BYTES = 2**20


class Verdict(msgspec.Struct, frozen=True):
    """Of one trial."""

    failure: str | None = None
    """What happened, in words that precede "when it was loaded"; None where nothing did."""


class _Entry(msgspec.Struct, frozen=True):
    key: str
    verdict: Verdict


class _Content(msgspec.Struct, frozen=True):
    entries: list[_Entry] = msgspec.field(default_factory=list[_Entry])
    """The newest last."""


def default_file() -> Path:
    """Where verdicts are kept; the file need not exist."""
    return Path(platformdirs.user_cache_dir("sotto", appauthor=False)) / "tried-models.json"


class Verdicts:
    """The remembered verdicts. No method raises."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or default_file()

    def get(self, key: str) -> Verdict | None:
        """The newest verdict, or None if none can be had."""
        found = [entry.verdict for entry in self._read() if entry.key == key]
        return found[-1] if found else None

    def put(self, key: str, verdict: Verdict) -> None:
        """Remembers, instead of what was remembered for this key before."""
        kept = [entry for entry in self._read() if entry.key != key]
        entries = [*kept, _Entry(key, verdict)][-_MAX_ENTRIES:]
        try:
            if self._file.is_absolute():
                self._write(msgspec.json.encode(_Content(entries)))
        except OSError as error:
            _log.info("What became of a model's trial cannot be remembered: %s", error)

    def _read(self) -> list[_Entry]:
        # Without a home folder the path is relative, and then it leads into the workspace.
        if not self._file.is_absolute():
            return []
        try:
            with self._file.open("rb") as file:
                data = file.read(_MAX_FILE_BYTES + 1)
            if len(data) > _MAX_FILE_BYTES:
                return []
            return msgspec.json.decode(data, type=_Content).entries
        except (OSError, ValueError, RecursionError):
            return []

    def _write(self, data: bytes) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=self._file.parent, prefix=self._file.name)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(data)
            Path(name).replace(self._file)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
