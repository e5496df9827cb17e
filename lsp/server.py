"""`serve`: the language server as a process, from its first check to its exit status."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from pathlib import Path

from lsp import installation, logs
from lsp.errors import InstallationError
from lsp.logs import LogLevel
from lsp.stdio import Channel

_GRACE_S = 1.5
"""How long the engine may take to stop once the editor has left."""


def serve(
    channel: Channel,
    *,
    model_path: Path | None = None,
    log_level: LogLevel | None = None,
    log_file: Path | None = None,
    log_json: bool = False,
) -> int:
    """Serve the editor at the other end of `channel`; returns the process's exit status.

    The process must end after that: it is ended anyway once `_GRACE_S` has passed.

    `model_path` is absolute and wins over the editor's settings. 0 after an orderly `shutdown`
    and `exit`; 1 if the editor left without one, or if the server cannot start.
    """
    try:
        installation.check()
        logs.configure(level=log_level or "info", file=log_file, as_json=log_json)
    except InstallationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        reason = error.strerror or error
        sys.stderr.write(f"Sotto cannot write its log to {log_file} ({reason}).\n")
        return 1
    logging.getLogger(__name__).info("Starting.")

    # Only now: both load packages that must have passed the check.
    from inference import Engine
    from lsp.conversation import converse

    def exit_soon(status: int) -> None:
        # What the runtime does cannot always be interrupted; no orphan may stay for that.
        timer = threading.Timer(_GRACE_S, os._exit, args=(status,))
        timer.daemon = True
        timer.start()

    try:
        return asyncio.run(
            converse(
                channel,
                make_engine=Engine,
                model_path=model_path,
                log_level=log_level,
                on_end=exit_soon,
            )
        )
    except KeyboardInterrupt:  # started by hand in a terminal
        return 130
