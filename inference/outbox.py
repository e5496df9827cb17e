"""From the engine thread to the event loop, without ever waiting for it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable

Call = Callable[[], None]


class Outbox:
    """Calls to be made on the loop, in order. However many gather before the loop comes round,
    it is woken once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[Call] = deque()
        self._lock = threading.Lock()
        self._is_scheduled = False

    def put(self, call: Call) -> None:
        """Safe from any thread. Dropped if the loop is closed: nobody is left to hear it."""
        with self._lock:
            self._calls.append(call)
            if self._is_scheduled:
                return
            self._is_scheduled = True
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            calls, self._calls = self._calls, deque()
            self._is_scheduled = False
        for call in calls:
            try:
                call()
            except Exception as error:  # noqa: BLE001 - the calls after it must still be made
                context = {"message": "a listener of the engine failed", "exception": error}
                self._loop.call_exception_handler(context)
