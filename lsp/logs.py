"""The only logging configuration.

Records go to stderr or to a file. An exception is logged without its message, unless it is one of
ours or the operating system's: others may quote the user's text. Whoever asks for the level `debug`
on the command line sees all messages; a setting, which a folder may bring along, does not do that.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Literal

LogLevel = Literal["debug", "info", "warning", "error"]

_MAX_FILE_BYTES = 5 * 1024 * 1024
_OUR_PACKAGES = ("lsp", "inference")
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _DiscreetFormatter(logging.Formatter):
    """One line a record; tracebacks name places and types, not values."""

    converter = time.gmtime

    def __init__(self, *, quotes_all: bool) -> None:
        self._quotes_all = quotes_all
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - the base class's name
        return describe_exception(ei[1], with_message=self._quotes_all)


class _JsonFormatter(_DiscreetFormatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record, self.datefmt),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def describe_exception(error: BaseException | None, *, with_message: bool) -> str:
    """A traceback as text. The message is left out unless asked for or known to be harmless."""
    if error is None:
        return ""
    frames = "".join(traceback.format_tb(error.__traceback__))
    package = type(error).__module__.partition(".")[0]
    is_harmless = package in _OUR_PACKAGES or isinstance(error, OSError)
    message = f": {error}" if with_message or is_harmless else ""
    return f"{frames}{type(error).__qualname__}{message}"


def configure(*, level: LogLevel, file: Path | None = None, as_json: bool = False) -> None:
    """Set up logging for the process. Raises OSError if `file` cannot be opened."""
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = RotatingFileHandler(
            file, maxBytes=_MAX_FILE_BYTES, backupCount=1, encoding="utf-8"
        )
    formatter = _JsonFormatter if as_json else _DiscreetFormatter
    handler.setFormatter(formatter(quotes_all=level == "debug"))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    set_level(level)
    # A log that cannot be written (stderr is gone) must not become an error of its own.
    logging.raiseExceptions = False
    # It logs whole messages, so source text, and whatever it reports as an error we handle.
    logging.getLogger("pygls").setLevel(logging.CRITICAL + 1)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def set_level(level: LogLevel) -> None:
    """Change the level; takes effect at once."""
    logging.getLogger().setLevel(level.upper())
