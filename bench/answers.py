"""What comes back from the server: answers, and when."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec


class _Item(msgspec.Struct, frozen=True, rename="camel"):
    insert_text: str


class _Items(msgspec.Struct, frozen=True):
    items: list[_Item]


class Answer:
    """One request's fate. Times are `time.perf_counter()` seconds."""

    __slots__ = ("answered_at", "done", "error", "request_id", "result", "sent_at")

    def __init__(self, request_id: int) -> None:
        self.request_id = request_id
        self.sent_at = time.perf_counter()
        self.answered_at: float | None = None
        self.result: Any = None
        self.error: dict[str, Any] | None = None
        self.done = asyncio.Event()

    @property
    def ms(self) -> float | None:
        """Milliseconds from sending to the answer; None while it is missing."""
        return None if self.answered_at is None else 1e3 * (self.answered_at - self.sent_at)

    def texts(self) -> list[str]:
        """The suggestions of an inline completion answer; none where it failed."""
        if self.error is not None or self.result is None:
            return []
        return [item.insert_text for item in msgspec.convert(self.result, _Items).items]
