"""Text for a person at a terminal: the only place besides `lsp.stdio` that holds stdout.

`sotto serve` never comes here; there, stdout carries protocol frames alone.
"""

from __future__ import annotations

import os
import sys

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def write(text: str) -> None:
    """Write a line to stdout. A reader that has gone (`sotto complete … | head -1`) is no error."""
    stream = sys.stdout  # noqa: TID251 - see the module's docstring
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        # Python flushes stdout once more at exit; give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def write_error(text: str) -> None:
    sys.stderr.write(f"sotto: {text}\n")


def write_note(text: str) -> None:
    """Write a remark to stderr, so that stdout holds the result alone."""
    sys.stderr.write(f"# {text}\n")


def styled(text: str, style: str) -> str:
    """`text` in a style of `_STYLES` where stdout is a terminal and NO_COLOR is not set."""
    stream = sys.stdout  # noqa: TID251 - see the module's docstring
    if not stream.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"
