"""Moving a thread to another core."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_STAT = Path("/proc/thread-self/stat")
_CPU_FIELD = 36
"""Index of `processor` after the name in brackets, see proc(5)."""


def leave_core() -> None:
    """Moves the calling thread to another of the CPUs it may run on; Linux alone, else nothing.

    Linux wakes a thread on the CPU of the one that woke it if it thinks fit. Two threads that
    wake each other hundreds of times a token can so share one CPU for seconds on end, beside an
    idle one.
    """
    if sys.platform != "linux":
        return
    allowed = os.sched_getaffinity(0)
    try:
        cpu = int(_STAT.read_text("ascii").rpartition(")")[2].split()[_CPU_FIELD])
        others = allowed - {cpu}
        if others:
            os.sched_setaffinity(0, others)
            os.sched_setaffinity(0, allowed)
    except (OSError, ValueError, IndexError):
        # No /proc, or the CPUs that may be used have just changed: then it stays where it is.
        return
