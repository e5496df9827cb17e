"""llama.cpp's C API: the only place that touches the untyped `llama_cpp` module.

Importing this module loads the shared libraries, so environment variables that they read at load
are set first, where the user has not set them:

* `GGML_NO_BACKTRACE`: on an abort ggml would print a backtrace onto stdout, through gdb if it is
  installed; stdout belongs to the protocol.
* `GOMP_SPINCOUNT`: OpenMP threads spin at barriers, by default for so long that with one of two
  cores busy a decode step took fifty times as long. Three thousand turns cost little on an idle
  machine and then yield the core.
"""

from __future__ import annotations

import ctypes
import importlib
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("GGML_NO_BACKTRACE", "1")
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")

api: Any = importlib.import_module("llama_cpp.llama_cpp")
"""The functions of llama.h. Untyped; callers check every precondition, because ggml answers a
broken one with abort()."""

_log = logging.getLogger("inference.llama")
_LEVELS = {1: logging.DEBUG, 2: logging.DEBUG, 3: logging.WARNING, 4: logging.ERROR}
"""ggml_log_level: 1 debug, 2 info, 3 warning, 4 error, 5 goes on with the line before."""
_CONTINUATION = 5
_KEPT_ERRORS = 8


class _LogSink(threading.local):
    """Joins llama.cpp's fragments to lines and hands them to `logging`; for each thread apart, as
    several engines may run."""

    def __init__(self) -> None:
        self.errors: deque[str] = deque(maxlen=_KEPT_ERRORS)
        """The newest lines at level error, for messages about what just failed."""
        self._pending = ""
        self._level = logging.DEBUG
        self._held: list[tuple[int, str]] | None = None

    def write(self, level: int, text: bytes) -> None:
        if level != _CONTINUATION:
            self._level = _LEVELS.get(level, logging.DEBUG)
        self._pending += text.decode("utf-8", "replace")
        *lines, self._pending = self._pending.split("\n")
        for line in lines:
            if not line.strip(" ."):
                continue
            if self._level == logging.ERROR:
                self.errors.append(line.strip())
            if self._held is None:
                _log.log(self._level, "%s", line)
            else:
                self._held.append((self._level, line))

    @property
    def last_error(self) -> str:
        return self.errors[-1] if self.errors else ""

    def hold(self) -> None:
        """Keeps lines until `release`, because what they are worth is known only then."""
        self._held = []

    def release(self, highest: int) -> None:
        """Lets held lines go, at most at level `highest`."""
        held, self._held = self._held or [], None
        for level, line in held:
            _log.log(min(level, highest), "%s", line)


log_sink = _LogSink()


@api.llama_log_callback
def _on_log(level: int, text: bytes, _user_data: object) -> None:
    log_sink.write(level, text)


api.llama_log_set(_on_log, None)
api.llama_backend_init()


class AbortFlag:
    """Lets any thread make `llama_decode` return early.

    llama.cpp asks a callback after every node of the graph. A Python callback would take the GIL
    each time, hundreds of times per token; so the callback is libc's `strlen`, and its argument a
    two-byte buffer whose length is 0 or 1.
    """

    def __init__(self) -> None:
        self._buffer = ctypes.create_string_buffer(2)
        strlen = _strlen()
        self.works = strlen is not None
        self.callback: Any = ctypes.cast(strlen, api.ggml_abort_callback) if strlen else None
        self.argument = ctypes.addressof(self._buffer)

    def raise_(self) -> None:
        self._buffer[0] = b"\1"

    def clear(self) -> None:
        self._buffer[0] = b"\0"


def _strlen() -> Any:
    """The function, or None where there is no such libc: then only chunks bound a cancel."""
    try:
        library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
    except OSError:
        return None
    return getattr(library, "strlen", None)


class Batch:
    """A `llama_batch` whose arrays are numpy's, allocated once.

    With `n_embd` each row has so many numbers beside its token, or instead of it.
    """

    def __init__(self, capacity: int, *, n_embd: int = 0, has_tokens: bool = True) -> None:
        self.capacity = capacity
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._n_sequences = np.ones(capacity, np.int32)
        self._sequences = np.zeros(capacity, np.int32)
        self._wanted = np.zeros(capacity, np.int8)
        int32_p = ctypes.POINTER(ctypes.c_int32)
        self._sequence_pointers = (int32_p * (capacity + 1))()
        for row in range(capacity):
            address = self._sequences.ctypes.data + row * self._sequences.itemsize
            self._sequence_pointers[row] = ctypes.cast(address, int32_p)
        self.raw = api.llama_batch()
        self.raw.token = self._tokens.ctypes.data_as(int32_p) if has_tokens else None
        self.raw.pos = self._positions.ctypes.data_as(int32_p)
        self.raw.n_seq_id = self._n_sequences.ctypes.data_as(int32_p)
        self.raw.seq_id = ctypes.cast(self._sequence_pointers, ctypes.POINTER(int32_p))
        self.raw.logits = self._wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8))
        self.vectors = np.zeros((capacity, n_embd), np.float32)
        """Of shape (capacity, n_embd); to be filled by the caller."""
        float_p = ctypes.POINTER(ctypes.c_float)
        self.raw.embd = self.vectors.ctypes.data_as(float_p) if n_embd else None
        self.n_rows = 0

    def clear(self) -> None:
        self.n_rows = 0
        self.raw.n_tokens = 0

    def append(self, tokens: Sequence[int], position: int, sequence: int, n_logits: int) -> range:
        """Returns the rows whose logits were asked for."""
        start, end = self.n_rows, self.n_rows + len(tokens)
        if len(tokens) == 1:
            # A decode step, where slices would cost five times as much.
            self._tokens[start], self._positions[start] = tokens[0], position
            self._sequences[start], self._wanted[start] = sequence, n_logits
            self.n_rows = self.raw.n_tokens = end
            return range(end - n_logits, end)
        self._tokens[start:end] = tokens
        self._positions[start:end] = np.arange(position, position + len(tokens))
        self._sequences[start:end] = sequence
        self._wanted[start:end] = 0
        self._wanted[end - n_logits : end] = 1
        self.n_rows = self.raw.n_tokens = end
        return range(end - n_logits, end)


def logits_row(context: Any, row: int, n_vocab: int) -> NDArray[np.float32] | None:
    """A view of the runtime's memory, or None where that row has no logits."""
    address = _address_of_logits(context, row)
    return None if address is None else _floats_at(address, n_vocab)


_address_of_logits: Any = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32)(
    ctypes.cast(api.llama_get_logits_ith, ctypes.c_void_p).value or 0
)
"""Without the typed pointer of the module's own, which costs three objects a token."""


@lru_cache(maxsize=64)
def _floats_at(address: int, n: int) -> NDArray[np.float32]:
    """A row of logits lies at the same place call after call: the view of it is made once. It is
    only ever given out for an address that the runtime has just named."""
    memory: Any = (ctypes.c_float * n).from_address(address)
    return np.frombuffer(memory, np.float32)


def piece_reader(vocab: Any) -> Callable[[int], bytes]:
    """A function from a token to its bytes; control tokens have none."""
    buffer = ctypes.create_string_buffer(1024)
    to_piece = cast(Callable[..., int], api.llama_token_to_piece)

    def read(token: int) -> bytes:
        n_bytes = to_piece(vocab, token, buffer, len(buffer), 0, False)  # noqa: FBT003 - C API
        return buffer.raw[:n_bytes] if n_bytes > 0 else b""

    return read


def tokenizer(vocab: Any) -> Callable[[str], list[int]]:
    """A function from plain text to ids. Control tokens in the text are not recognised, and no
    token is added."""
    tokenize = cast(Callable[..., int], api.llama_tokenize)

    def read(text: str) -> list[int]:
        # A lone surrogate is no Unicode text, but an editor can send one.
        data = text.encode("utf-8", "replace")
        capacity = len(data) + 8
        ids = (ctypes.c_int32 * capacity)()
        n_ids = tokenize(vocab, data, len(data), ids, capacity, False, False)  # noqa: FBT003
        if n_ids < 0:
            raise ValueError(f"{-n_ids} tokens from {len(data)} bytes")
        return list(ids[:n_ids])

    return read


def release_free_memory() -> None:
    """Gives freed heap pages back to the system where libc keeps them (glibc)."""
    if sys.platform == "linux":
        try:
            ctypes.CDLL(None).malloc_trim(0)
        except (OSError, AttributeError):
            return


def runtime_version() -> str:
    """Of llama-cpp-python, which carries one version of llama.cpp."""
    return str(importlib.import_module("llama_cpp").__version__)


def system_info() -> str:
    """llama.cpp's own line about the CPU features it was built for and found."""
    return bytes(api.llama_print_system_info()).decode("utf-8", "replace").strip()


def has_gpu() -> bool:
    return bool(api.llama_supports_gpu_offload())
