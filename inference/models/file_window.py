"""Reads a file forward through a small window, holding every length against the file's size.

The file is not mapped: reading a mapped file that another process truncates meanwhile kills the
process. Reading through a window also bounds memory, whatever the lengths in the file say.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from inference.errors import InvalidModelError
from inference.models.refusals import invalid

_WINDOW_BYTES = 256 * 2**10
_UINT64 = struct.Struct("<Q").unpack_from


class FileWindow:
    """A cursor in the first `max_bytes` of a file.

    Every method raises `InvalidModelError` where the file, or that part of it, ends too soon.
    """

    def __init__(self, path: Path, file: FileIO, max_bytes: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self.file_bytes = os.fstat(file.fileno()).st_size
        self.at = "the header"
        """What is being read, for messages."""
        self._file = file
        self._window = b""
        self._cursor = 0
        self._window_end = 0

    @property
    def position(self) -> int:
        """Bytes from the start of the file."""
        return self._window_end - len(self._window) + self._cursor

    @property
    def remaining(self) -> int:
        """Bytes up to the end of the file."""
        return self.file_bytes - self.position

    def take(self, n: int) -> bytes:
        """The next `n` bytes. The caller bounds `n`."""
        self.check(n)
        if self._cursor + n > len(self._window):
            self._refill(n)
        data = self._window[self._cursor : self._cursor + n]
        self._cursor += n
        return data

    def skip(self, n: int) -> None:
        self.check(n)
        if self._cursor + n <= len(self._window):
            self._cursor += n
            return
        self._window_end = self._file.seek(self.position + n)
        self._window, self._cursor = b"", 0

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def length(self) -> int:
        """The length of the bytes that follow, which the file has."""
        n = self.u64()
        self.check(n)
        return n

    def check(self, n: int) -> None:
        if n > self.remaining:
            raise self._truncated(n)
        if self.position + n > self._max_bytes:
            found = f"a header that reaches beyond {self._max_bytes} bytes"
            raise invalid(self.path, found, "a few megabytes")

    def walk_strings(
        self,
        n: int,
        max_text_bytes: int = 0,
        see: Callable[[int, bytes], None] | None = None,
    ) -> None:
        """Steps over `n` strings, each a length and its bytes.

        `see` is called with the index and the bytes of each, none longer than `max_text_bytes`;
        without `see` they may have any length. 0.1 to 0.3 µs a string, so the caller bounds `n`.
        """
        left = n
        while left:
            window, cursor = self._window, self._cursor
            last = len(window) - 8
            while left and cursor <= last:
                start = cursor + 8
                end = start + _UINT64(window, cursor)[0]
                if end > len(window):
                    break
                if see is not None:
                    see(n - left, window[start:end])
                cursor = end
                left -= 1
            self._cursor = cursor
            if left:
                length = self.length()
                if see is None:
                    self.skip(length)
                elif length > max_text_bytes:
                    raise invalid(self.path, f"a text of {length} bytes in {self.at}", "a word")
                else:
                    see(n - left, self.take(length))
                left -= 1

    def _refill(self, at_least: int) -> None:
        parts = [self._window[self._cursor :]]
        have = len(parts[0])
        while have < at_least:
            part = self._file.read(max(_WINDOW_BYTES, at_least) - have)
            if not part:
                raise self._truncated(at_least - have)
            parts.append(part)
            have += len(part)
            self._window_end += len(part)
        self._window = b"".join(parts)
        self._cursor = 0

    def _truncated(self, n: int) -> InvalidModelError:
        return invalid(
            self.path,
            f"{self.file_bytes} bytes and {n} more announced at {self.at}",
            "a whole file",
            "it was cut short or is damaged: download it again",
        )
