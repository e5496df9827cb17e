"""Takes stdin and stdout for the protocol, before anything else is imported.

Whatever a library prints, from Python or from C, then goes to stderr: only `Channel` holds the
real stdout. It is the one writer of frames and the one reader of stdin.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable

READ_BYTES = 1 << 18
MAX_WAITING_BYTES = 16 * 1024 * 1024
"""What an editor may leave unread; an editor that works reads within milliseconds."""
_CLOSE_TIMEOUT_S = 0.5

_taken: Channel | None = None


class Channel:
    """The byte stream to and from the editor. Private file descriptors, not inherited by children.

    Frames are written by a thread of their own, in the order of the calls: an editor that does not
    read fills the pipe, and must not stop the server from seeing that it left. `write` never
    raises: once the editor is gone, or so much waits for it that it must be, `on_broken` is called,
    once and from any thread, and the rest is dropped.
    """

    def __init__(self, stdin_fd: int, stdout_fd: int) -> None:
        self._stdin_fd = stdin_fd
        self._stdout_fd = stdout_fd
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._n_waiting = 0
        """Bytes of the frames that are not written to their end."""
        self._is_broken = False
        self._is_closed = False
        self._writer: threading.Thread | None = None
        self.on_broken: Callable[[], None] = lambda: None

    def read(self) -> bytes:
        """Wait for bytes from the editor; empty once it closed its end."""
        try:
            return os.read(self._stdin_fd, READ_BYTES)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        """Write all of `data` when the editor reads it; returns at once."""
        with self._changed:
            if self._is_broken or self._is_closed:
                return
            # A single frame may have any size: it is the answer to one that was as large.
            is_too_much = bool(self._waiting) and self._n_waiting + len(data) > MAX_WAITING_BYTES
            if not is_too_much:
                self._waiting.append(data)
                self._n_waiting += len(data)
                self._changed.notify_all()
                if self._writer is None:
                    self._writer = threading.Thread(
                        target=self._write_waiting, name="stdout", daemon=True
                    )
                    self._writer.start()
        if is_too_much:
            self._break()

    def close(self) -> None:
        """Write what waits, for a moment, and close the way to the editor."""
        with self._changed:
            if self._is_closed:
                return
            self._is_closed = True
            self._changed.notify_all()
            is_broken, writer = self._is_broken, self._writer
        if writer is not None and not is_broken:
            writer.join(_CLOSE_TIMEOUT_S)
        if writer is None or not writer.is_alive():
            os.close(self._stdout_fd)

    def _write_waiting(self) -> None:
        while (data := self._next()) is not None:
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self._stdout_fd, view) :]
            except OSError:
                self._break()
                return
            with self._changed:
                if self._is_broken:
                    return
                self._waiting.popleft()
                self._n_waiting -= len(data)

    def _next(self) -> bytes | None:
        """Wait for a frame to write; None once there will be no more."""
        with self._changed:
            while not self._waiting and not self._is_closed and not self._is_broken:
                self._changed.wait()
            return self._waiting[0] if self._waiting else None

    def _break(self) -> None:
        with self._changed:
            broke_now = not self._is_broken
            self._is_broken = True
            self._waiting.clear()
            self._changed.notify_all()
        if broke_now:
            self.on_broken()


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
