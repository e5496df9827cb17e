"""JSON-RPC frames over a pair of streams, as the Language Server Protocol defines them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec


class WireError(Exception):
    """The peer sent something that is no frame."""


class Connection:
    """Both directions to one peer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, message: dict[str, Any]) -> None:
        """Write a frame without waiting: an editor does not pause its user for a slow server."""
        body = msgspec.json.encode({"jsonrpc": "2.0", **message})
        if not self._writer.is_closing():
            self._writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None at the end of the stream. Raises WireError."""
        length: int | None = None
        while True:
            try:
                line = await self._reader.readuntil(b"\r\n")
            except asyncio.IncompleteReadError as error:
                if error.partial or length is not None:
                    raise WireError(f"the stream ended inside a frame: {error.partial!r}") from None
                return None
            except (asyncio.LimitOverrunError, OSError) as error:
                raise WireError(str(error)) from error
            if line == b"\r\n":
                break
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                with contextlib.suppress(ValueError):
                    length = int(value)
        if length is None:
            raise WireError("a frame without a valid Content-Length")
        try:
            message = msgspec.json.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, msgspec.DecodeError) as error:
            raise WireError(f"a frame that is no JSON: {error}") from error
        if not isinstance(message, dict):
            raise WireError("a frame that is no JSON object")
        return message  # pyright: ignore[reportUnknownVariableType]

    def close(self) -> None:
        self._writer.close()
