"""How far apart this machine's cores are: how fast one reads what another has just written.

Threads that compute together hand each other's results on all the time. Cores that share a cache
do so at several times the speed of cores that do not, and a virtual machine's can be either, from
one minute to the next, as its host moves them. Ratios of two programs that hand on more and less
differ by it, so a benchmark that compares such notes it beside each turn.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from bench.bandwidth import search

BLOCK_BYTES = 1 << 19
"""Fits into one core's own cache."""
N_TIMES = 40
FAR = 0.7
"""Of the highest speed: below, cores are taken to be further apart. Seen: 0.4."""


def handed_on_bytes_per_s() -> float | None:
    """Between the two of the allowed cores that are furthest apart, the first one and another;
    None where a thread cannot choose its core, or there is only one."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    first, *others = sorted(os.sched_getaffinity(0))
    speeds = [_between(other, first) for other in others]
    return min(speeds, default=None)


def by_distance(speeds: Sequence[tuple[float, float] | None]) -> dict[str, list[int]]:
    """The turns during which cores were near each other, and those in which they were far apart:
    their indices.

    Args:
        speeds: before and after each turn. Where these differ much, the turn is neither.
    """
    bound = far_below(speed for each in speeds if each is not None for speed in each)
    turns: dict[str, list[int]] = {"near": [], "far": []}
    for index, each in enumerate(speeds):
        if each is not None and min(each) >= bound:
            turns["near"].append(index)
        elif each is not None and max(each) < bound:
            turns["far"].append(index)
    return turns


def far_below(speeds: Iterable[float]) -> float:
    """The speed below which cores were far apart, by all that was measured on this machine."""
    return FAR * max(speeds, default=0.0)


def _between(writer: int, reader: int) -> float:
    block = np.zeros(BLOCK_BYTES, np.uint8)
    address = block.ctypes.data
    is_written, is_read = threading.Event(), threading.Event()
    seconds: list[float] = []

    def write() -> None:
        for _ in range(N_TIMES):
            ctypes.memset(address, 1, BLOCK_BYTES)
            is_written.set()
            is_read.wait()
            is_read.clear()

    def read() -> None:
        for _ in range(N_TIMES):
            is_written.wait()
            is_written.clear()
            start = time.perf_counter()
            search(address, BLOCK_BYTES)
            seconds.append(time.perf_counter() - start)
            is_read.set()

    threads = [_pinned(writer, write), _pinned(reader, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The best: whatever else runs only makes it slower.
    return BLOCK_BYTES / min(seconds)


def _pinned(core: int, work: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        os.sched_setaffinity(0, {core})
        work()

    return threading.Thread(target=run)
