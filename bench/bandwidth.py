"""How fast this machine reads memory, by which a decode step can be judged: it reads all weights.

Each thread searches its part of a large array for a byte that is not there, with the C library's
`memchr`: vector loads and nothing else, no GIL held, nothing written. On the machine of
docs/benchmarks.md numpy's sums, maxima and copies all moved fewer bytes a second.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time

import numpy as np

ARRAY_BYTES = 1 << 29
"""Far more than any cache holds."""
_LIBRARY = ctypes.cdll.msvcrt if os.name == "nt" else ctypes.CDLL(None)
_MEMCHR = _LIBRARY.memchr
_MEMCHR.restype = ctypes.c_void_p
_MEMCHR.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]


def search(address: int, n_bytes: int) -> None:
    """Reads so much, in vain."""
    _MEMCHR(address, 2, n_bytes)


def read_bytes_per_s(n_threads: int, *, n_times: int = 7) -> float:
    """The best of several passes: what other work on the machine takes away is not its limit."""
    array = np.ones(ARRAY_BYTES, np.uint8)
    return ARRAY_BYTES / min(_pass_s(array.ctypes.data, n_threads) for _ in range(n_times))


def _pass_s(address: int, n_threads: int) -> float:
    share = ARRAY_BYTES // n_threads
    threads = [
        threading.Thread(target=search, args=(address + i * share, share)) for i in range(n_threads)
    ]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start
