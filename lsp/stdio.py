"""Takes stdin and stdout for the protocol, before anything else is imported.

Whatever a library prints, from Python or from C, then goes to stderr: only `Channel` holds the
real stdout. It is the one writer of frames and the one reader of stdin.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

READ_BYTES = 1 << 18

_taken: Channel | None = None


class Channel:
    """The byte stream to and from the editor. Private file descriptors, not inherited by children.

    `write` never raises: once the editor is gone it calls `on_broken`, once, and drops the rest.
    It may be called from any thread; frames do not interleave.
    """

    def __init__(self, stdin_fd: int, stdout_fd: int) -> None:
        self._stdin_fd = stdin_fd
        self._stdout_fd = stdout_fd
        self._lock = threading.Lock()
        self._is_broken = False
        self.on_broken: Callable[[], None] = lambda: None

    def read(self) -> bytes:
        """Wait for bytes from the editor; empty once it closed its end."""
        try:
            return os.read(self._stdin_fd, READ_BYTES)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        """Write all of `data`, waiting while the pipe is full."""
        broke_now = False
        with self._lock:
            if self._is_broken:
                return
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self._stdout_fd, view) :]
            except OSError:
                self._is_broken = broke_now = True
        if broke_now:
            self.on_broken()

    def close(self) -> None:
        """Close the way to the editor, which then sees the end of the stream."""
        with self._lock:
            if not self._is_broken:
                self._is_broken = True
                os.close(self._stdout_fd)


def take_stdout() -> Channel:
    """Make fd 1 and `sys.stdout` lead to stderr, fd 0 to nothing, and return the real ones.

    Must run before any other import. A second call returns the same channel. Raises OSError if
    the process was started without stdin or stdout.
    """
    global _taken  # noqa: PLW0603 - the process has one stdin and one stdout
    if _taken is not None:
        return _taken
    stdin_fd, stdout_fd = os.dup(0), os.dup(1)
    # Editors may leave their ends non-blocking; a frame must be written whole.
    if os.name == "posix":
        for fd in (stdin_fd, stdout_fd):
            os.set_blocking(fd, True)
    null = os.open(os.devnull, os.O_RDWR)
    try:
        os.dup2(2, 1)
    except OSError:  # started without stderr
        os.dup2(null, 2)
        os.dup2(null, 1)
    os.dup2(null, 0)
    os.close(null)
    sys.stdout = sys.stderr  # noqa: TID251 - this is the module that takes it away
    _taken = Channel(stdin_fd, stdout_fd)
    return _taken
