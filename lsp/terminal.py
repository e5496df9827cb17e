"""Text for a person at a terminal: the only place besides `lsp.stdio` that holds stdout.

`sotto serve` never comes here; there, stdout carries protocol frames alone.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def show_any_text() -> None:
    """Write a character that the terminal's encoding lacks as its number, instead of failing."""
    stream = sys.stdout  # noqa: TID251 - see the module's docstring
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def write(text: str) -> None:
    """Write a line to stdout.

    A reader that has gone (`sotto complete … | head -1`) is no error. Raises OSError for any
    other failure, such as a full disk.
    """
    stream = sys.stdout  # noqa: TID251 - see the module's docstring
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        _give_up_stdout()
    except OSError:
        _give_up_stdout()
        raise


def write_bytes(data: bytes) -> None:
    """Write exactly these to stdout. Raises as `write` does."""
    stream = sys.stdout.buffer  # noqa: TID251 - see the module's docstring
    try:
        stream.write(data)
        stream.flush()
    except BrokenPipeError:
        _give_up_stdout()
    except OSError:
        _give_up_stdout()
        raise


def _give_up_stdout() -> None:
    """Python flushes stdout once more at exit; give it somewhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def write_error(text: str) -> None:
    _write_aside(f"sotto: {text}\n")


def write_note(text: str) -> None:
    """Write a remark to stderr, so that stdout holds the result alone."""
    _write_aside(f"# {text}\n")


def _write_aside(text: str) -> None:
    # What was asked for is on stdout; a stderr that is closed or full must not spoil it.
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison] - started without one
        return
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def styled(text: str, style: str) -> str:
    """`text` in a style of `_STYLES` where stdout is a terminal and NO_COLOR is not set."""
    stream = sys.stdout  # noqa: TID251 - see the module's docstring
    if not stream.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"
