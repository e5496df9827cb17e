"""A model's vocabulary, as far as its header shows it; checked before the runtime trusts it.

The checks mirror what `llama_vocab::impl` in `src/llama-vocab.cpp` aborts the process for, or ends
it with an uncaught exception (llama.cpp as bundled with llama-cpp-python 0.3.36).
"""

from __future__ import annotations

from inference.models.gguf import GgufHeader
from inference.models.gguf_format import ValueType
from inference.models.refusals import invalid, shown, unsupported

_TOKENIZERS = ("gpt2", "llama", "gemma4", "plamo2", "rwkv")
"""For text; the runtime also has some for embeddings, and some for no text at all."""
BYTE_TOKENS = frozenset(f"<0x{byte:02X}>" for byte in range(256))
"""What a SentencePiece vocabulary (`llama`) falls back to."""


def vocabulary_size(header: GgufHeader) -> int:
    entry = header.metadata.get("tokenizer.ggml.tokens")
    return (entry.length or 0) if entry else 0


def check_vocabulary(header: GgufHeader) -> None:
    """The parts of a vocabulary must belong together.

    Raises `InvalidModelError`, or `UnsupportedModelError` for a tokenizer not meant for text.
    """
    tokenizer = header.get("tokenizer.ggml.model")
    if tokenizer not in _TOKENIZERS:
        named = shown(tokenizer) if isinstance(tokenizer, str) else "missing"
        raise unsupported(header.path, f"its kind of tokenizer is {named}")
    n_vocab = vocabulary_size(header)
    entry = header.metadata.get("tokenizer.ggml.tokens")
    if entry is None or entry.type is not ValueType.STRING or not n_vocab:
        raise invalid(header.path, "no vocabulary", "tokenizer.ggml.tokens, a list of texts")
    if tokenizer == "llama" and not header.token_ids.keys() >= BYTE_TOKENS:
        raise invalid(header.path, "a vocabulary without tokens for all bytes", "256 of them")
    allowed = {
        "token_type": (ValueType.INT32,),
        "scores": (ValueType.FLOAT32, ValueType.INT32),
    }
    for name, types in allowed.items():
        entry = header.metadata.get(f"tokenizer.ggml.{name}")
        if entry and (entry.type not in types or (entry.length or 0) < n_vocab):
            found = f"{entry.length} values of type {entry.type.name} for tokenizer.ggml.{name}"
            raise invalid(header.path, found, f"one for each of {n_vocab} tokens")
    for key, entry in header.metadata.items():
        is_token_id = key.startswith("tokenizer.ggml.") and key.endswith("_token_id")
        if is_token_id and (entry.type is not ValueType.UINT32 or entry.length is not None):
            raise invalid(header.path, f"a value of type {entry.type.name} for {key}", "a number")
    merges = header.metadata.get("tokenizer.ggml.merges")
    if merges and (merges.type is not ValueType.STRING or merges.length is None):
        found = f"a value of type {merges.type.name} for tokenizer.ggml.merges"
        raise invalid(header.path, found, "a list of texts")
