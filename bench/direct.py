"""The yardstick: a greedy completion through llama.cpp's own functions, and nothing else.

    python -m bench.direct MODEL N_THREADS N_CTX defaults|engine

A child process of `bench.overhead`. It reads one JSON object a line from stdin, `{"tokens": […],
"n_decode": n}`, evaluates the tokens in a cleared context, decodes `n_decode` tokens greedily
(numpy's argmax over the logits, which is faster here than llama.cpp's sampler chain), and answers
with a `Timing`. Nothing is cached between jobs, and no text is made.

`defaults` is a context as llama.cpp makes it if it is told nothing but length and threads: batches
of 2048, micro-batches of 512, flash attention where it thinks fit. `engine` has the batches and the
attention that the engine chooses on a CPU, for a cancel must not wait long and rounding must not
depend on what is reused; against it only what Sotto adds is left.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
import time
from typing import Any, cast

import msgspec
import numpy as np

from bench.direct_job import ENGINE_ROWS, Job, Timing

# The runtime has no types; this name is the whole untyped surface.
llama: Any = importlib.import_module("llama_cpp.llama_cpp")


class Direct:
    """A model and a context of llama.cpp."""

    def __init__(self, model_path: str, n_threads: int, n_ctx: int, settings: str) -> None:
        llama.llama_backend_init()
        self._quiet = llama.llama_log_callback(_say_nothing)
        llama.llama_log_set(self._quiet, None)
        self._model = llama.llama_model_load_from_file(
            model_path.encode(), llama.llama_model_default_params()
        )
        parameters = llama.llama_context_default_params()
        parameters.n_ctx = n_ctx
        parameters.n_threads = parameters.n_threads_batch = n_threads
        if settings == "engine":
            parameters.n_batch = parameters.n_ubatch = ENGINE_ROWS
            parameters.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._context = self._model and llama.llama_init_from_model(self._model, parameters)
        if not self._context:
            raise SystemExit(f"llama.cpp could not load {model_path}")
        self._n_batch = int(llama.llama_n_batch(self._context))
        self._n_vocab = int(llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self._model)))
        self._memory = llama.llama_get_memory(self._context)

    def run(self, job: Job) -> Timing:
        """One cold completion."""
        llama.llama_memory_clear(self._memory, True)
        start, cpu = time.perf_counter(), time.process_time()
        for first in range(0, len(job.tokens), self._n_batch):
            self._decode(job.tokens[first : first + self._n_batch])
        prefilled = time.perf_counter()
        tokens: list[int] = []
        token_ms: list[float] = []
        cpu_ms: list[float] = []
        for index in range(job.n_decode):
            if index:
                self._decode(tokens[-1:])
            tokens.append(self._best())
            token_ms.append(1e3 * (time.perf_counter() - start))
            cpu_ms.append(1e3 * (time.process_time() - cpu))
        return Timing(1e3 * (prefilled - start), token_ms, cpu_ms, tokens)

    def _decode(self, tokens: list[int]) -> None:
        array = (ctypes.c_int32 * len(tokens))(*tokens)
        status = llama.llama_decode(self._context, llama.llama_batch_get_one(array, len(tokens)))
        if status:
            raise SystemExit(f"llama_decode answered {status}")

    def _best(self) -> int:
        logits = llama.llama_get_logits_ith(self._context, -1)
        return int(cast(Any, np.ctypeslib.as_array(logits, shape=(self._n_vocab,))).argmax())


def _say_nothing(*_: Any) -> None:
    """The runtime's log would go to stdout's reader."""


def main() -> int:
    direct = Direct(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    print('{"ready":true}', flush=True)
    for line in sys.stdin:
        timing = direct.run(msgspec.json.decode(line, type=Job))
        print(msgspec.json.encode(timing).decode(), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
