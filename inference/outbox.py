"""From the engine thread to the event loop, without ever waiting for it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable

Call = Callable[[], None]
MAX_WAIT_S = 0.03
"""Text that appears thirty times a second appears at once."""


class Outbox:
    """Calls to be made on the loop, in order. However many gather before the loop comes round,
    it is woken once; and those that may wait do so for company, as each waking takes a core from
    the threads that compute."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[Call] = deque()
        self._lock = threading.Lock()
        self._is_scheduled = False
        self._woken_at = 0.0

    def put(self, call: Call, *, may_wait: bool = False) -> None:
        """Safe from any thread. Dropped if the loop is closed: nobody is left to hear it.

        Args:
            may_wait: until the next call that may not, or a `flush` when some time has passed.
        """
        with self._lock:
            self._calls.append(call)
            if may_wait and time.monotonic() - self._woken_at < MAX_WAIT_S:
                return
        self._wake()

    def flush(self, *, all_of_them: bool = False) -> None:
        """Has the calls made, if they have waited long enough or nothing else will come soon."""
        if self._calls and (all_of_them or time.monotonic() - self._woken_at >= MAX_WAIT_S):
            self._wake()

    def _wake(self) -> None:
        with self._lock:
            if self._is_scheduled:
                return
            self._is_scheduled = True
            self._woken_at = time.monotonic()
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
