"""Loads model files with the bare runtime, one path per line of stdin, and reports each.

Run as a process of its own: what it is for is finding files on which the runtime aborts. Prints
the word `ready` once, then `loaded` or `refused` for each file.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

from inference.backends.llama_bindings import api, piece_reader, tokenizer


def verdict(path: str) -> str:
    parameters = api.llama_model_default_params()
    parameters.n_gpu_layers = 0
    model = api.llama_model_load_from_file(os.fsencode(path), parameters)
    if not model:
        return "refused"
    context_parameters = api.llama_context_default_params()
    context_parameters.n_ctx = 128
    context_parameters.n_batch = context_parameters.n_ubatch = 64
    context_parameters.n_threads = context_parameters.n_threads_batch = 1
    context_parameters.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = api.llama_init_from_model(model, context_parameters)
    if context:
        use(model, context)
        api.llama_free(context)
    api.llama_model_free(model)
    return "loaded"


def use(model: Any, context: Any) -> None:
    """Everything the backend does with a model after loading it."""
    vocab = api.llama_model_get_vocab(model)
    n_vocab = int(api.llama_vocab_n_tokens(vocab))
    read = piece_reader(vocab)
    for token in range(n_vocab):
        read(token)
        api.llama_vocab_is_eog(vocab, token)
    tokens = [t for t in tokenizer(vocab)("def f(x):\n\treturn 'é☃'\n") if 0 <= t < n_vocab][:32]
    tokens = tokens or [0]
    array = (ctypes.c_int32 * len(tokens))(*tokens)
    for _ in range(2):
        api.llama_decode(context, api.llama_batch_get_one(array, len(tokens)))
    memory = api.llama_get_memory(context)
    api.llama_memory_seq_rm(memory, 0, 1, -1)


def main() -> None:
    print("ready", flush=True)  # noqa: T201 - this is the answer
    for line in sys.stdin:
        print(verdict(line.rstrip("\n")), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
