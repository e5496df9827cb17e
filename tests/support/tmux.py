"""A real terminal without a window: a tmux session of its own, driven through its control mode.

One process takes commands on stdin and answers on stdout, so looking at the screen costs a
millisecond, and nothing of the session outlives it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tests.support.nvim_process import ROOT

_NUMBER = itertools.count()


def find_program(name: str) -> Path:
    """What `.ci/editors.py` finds. Raises AssertionError where there is nothing."""
    command = [sys.executable, str(ROOT / ".ci" / "editors.py"), "--where", name]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise AssertionError(f"no {name}; run `make editors`. {result.stderr.strip()}")
    return Path(result.stdout.strip())


class TerminalError(Exception):
    """The terminal is gone, or tmux did not take a command."""


class Terminal:
    """A program in a terminal."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        variables: Mapping[str, str],
        columns: int = 110,
        rows: int = 30,
    ) -> None:
        tmux = str(find_program("tmux"))
        # Not below the test's own folder: the name of a socket has to be short.
        self._sockets = tempfile.TemporaryDirectory(prefix="sotto-tmux-")
        environment = {name: value for name, value in os.environ.items() if name != "TMUX"}
        environment |= {"TERM": "xterm-256color", **variables}
        socket = str(Path(self._sockets.name) / str(next(_NUMBER)))
        self._attaching = [tmux, "-u", "-S", socket, "attach"]
        size = ["-x", str(columns), "-y", str(rows)]
        program = f"exec {shlex.join(command)}"  # or tmux's shell would stay above it
        self._tmux = subprocess.Popen(
            [tmux, "-u", "-S", socket, "-f", "/dev/null", "-C", "new-session", *size, program],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._answer()  # of `new-session`
        self._run(f"refresh-client -C {columns}x{rows}")
        # A lone Escape is one at once, not the beginning of a key's sequence.
        self._run("set-option -s escape-time 0")

    def press(self, *keys: str) -> None:
        """Press keys, in tmux's notation: `Escape`, `C-x`, `Tab`, `a`."""
        self._run("send-keys " + " ".join(map(shlex.quote, keys)))

    def type(self, text: str) -> None:
        """Type text literally, all at once."""
        codes = " ".join(f"{byte:02x}" for byte in text.encode())
        self._run(f"send-keys -H {codes}")

    def screen(self) -> list[str]:
        """The lines on the screen, without the spaces at their ends."""
        return [line.rstrip() for line in self._run("capture-pane -p")]

    def attaching(self) -> list[str]:
        """The command that shows the same in a terminal with a window."""
        self._run("set-option -g status off")
        self._run("set-option -s -a terminal-features ',*:RGB'")
        return self._attaching

    def pid(self) -> int:
        return int(self._run("display-message -p '#{pane_pid}'")[0])

    def close(self) -> None:
        """End the program and the terminal. Idempotent."""
        with contextlib.suppress(TerminalError):
            self._run("kill-server")
        with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
            # Its last words have to be read, or it never ends.
            self._tmux.communicate(timeout=20)
        self._tmux.kill()
        self._tmux.wait()
        self._sockets.cleanup()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, command: str) -> list[str]:
        assert self._tmux.stdin
        try:
            self._tmux.stdin.write(command + "\n")
            self._tmux.stdin.flush()
        except (OSError, ValueError) as error:
            raise TerminalError(f"the terminal is gone: {error}") from error
        return self._answer()

    def _answer(self) -> list[str]:
        """The lines between `%begin` and `%end`; whatever tmux tells besides is passed over."""
        assert self._tmux.stdout
        lines: list[str] | None = None
        for raw in self._tmux.stdout:
            line = raw.rstrip("\n")
            if line.startswith("%begin "):
                lines = []
            elif line.startswith("%end ") and lines is not None:
                return lines
            elif line.startswith("%error ") and lines is not None:
                raise TerminalError(f"tmux: {' '.join(lines)}")
            elif lines is not None:
                lines.append(line)
        raise TerminalError("the terminal has ended")
