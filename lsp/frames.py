"""Frames of the protocol: bytes from the editor → JSON messages, whatever else is among them.

After garbage or a wrong `Content-Length` the reader looks for the next header and goes on. It can
find it because a header ends with a raw line ending, which JSON never has inside a string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_BODY_BYTES = 256 * 1024 * 1024
_MAX_HEADER_BYTES = 8192
_HEADER_END = b"\r\n\r\n"
_CONTENT_LENGTH = re.compile(rb"Content-Length:[ \t]*(\d{1,15})[ \t]*(?=\r\n)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """A frame whose body is JSON; whether it is a valid request is not known yet."""

    content: object


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that are no frame, or a frame whose body is not JSON."""

    reason: str
    is_frame: bool
    """True where the editor sent a frame and so waits for an answer."""


class FrameParser:
    """Cuts a byte stream into frames. Pure bookkeeping: feed it bytes as they come."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._body_bytes: int | None = None

    @property
    def n_buffered(self) -> int:
        """Bytes that wait for the rest of their frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[Message | Malformed]:
        """Take `data`; yields what became complete with it."""
        self._buffer += data
        while True:
            if self._body_bytes is None:
                malformed = self._read_header()
                if malformed is not None:
                    yield malformed
                    continue
            if self._body_bytes is None or len(self._buffer) < self._body_bytes:
                return
            body = bytes(self._buffer[: self._body_bytes])
            del self._buffer[: self._body_bytes]
            self._body_bytes = None
            yield self._parse(body)

    def _read_header(self) -> Malformed | None:
        """Find the body's length. None while the header is incomplete, or once it is found."""
        end = self._buffer.find(_HEADER_END)
        if end == -1:
            return self._drop_endless_header()
        header = bytes(self._buffer[: end + 2])
        del self._buffer[: end + len(_HEADER_END)]
        matches = list(_CONTENT_LENGTH.finditer(header))
        if not matches:
            return Malformed("A header has no valid Content-Length.", is_frame=False)
        # The last one counts: what is before it may be the rest of a broken frame.
        n_bytes = int(matches[-1][1])
        if n_bytes > MAX_BODY_BYTES:
            return Malformed(
                f"A header announces {n_bytes} bytes; at most {MAX_BODY_BYTES} are read.",
                is_frame=False,
            )
        self._body_bytes = n_bytes
        return None

    def _drop_endless_header(self) -> Malformed | None:
        if len(self._buffer) <= _MAX_HEADER_BYTES:
            return None
        # A header may have begun near the end; everything before that is of no use.
        tail_from = len(self._buffer) - _MAX_HEADER_BYTES // 2
        n_dropped = max(tail_from, self._buffer.rfind(b"Content-Length", tail_from))
        del self._buffer[:n_dropped]
        return Malformed(f"{n_dropped} bytes are no frame.", is_frame=False)

    def _parse(self, body: bytes) -> Message | Malformed:
        try:
            text = body.decode("utf-8")
            return Message(json.loads(text))
        except json.JSONDecodeError as error:
            # A length that was too large took bytes of the next frame: give those back.
            lost = _CONTENT_LENGTH.search(body)
            if lost is not None:
                self._buffer[:0] = body[lost.start() :]
            elif error.msg == "Extra data":
                self._buffer[:0] = body[len(error.doc[: error.pos].encode("utf-8")) :]
            return Malformed(f"A frame's body is not JSON: {error.msg}.", is_frame=True)
        except UnicodeDecodeError:
            return Malformed("A frame's body is not UTF-8.", is_frame=True)
        except ValueError:  # Python reads no whole number of more than some thousand digits
            return Malformed("A frame's body holds a number that is too long.", is_frame=True)
        except RecursionError:
            return Malformed("A frame's body is nested too deeply.", is_frame=True)
