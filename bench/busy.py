"""Other work on this machine: processes that never rest."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

_SPIN = "while True: pass"
_SETTLE_S = 0.3


@contextmanager
def busy(n_processes: int) -> Generator[None]:
    """So many processes that compute all the time, each in a session of its own: Linux shares the
    cores out between sessions, and a user's compiler does not run in the editor's."""
    command = [sys.executable, "-c", _SPIN]
    children = [subprocess.Popen(command, start_new_session=True) for _ in range(n_processes)]
    try:
        time.sleep(_SETTLE_S)
        yield
    finally:
        for child in children:
            child.kill()
        for child in children:
            child.wait()
