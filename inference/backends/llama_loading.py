"""Loading a model file through llama.cpp's C API, and what its failures mean for the user."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from inference.backends.base import LoadCancelledError
from inference.backends.llama_bindings import api, log_sink, piece_reader, tokenizer
from inference.backends.vocabulary import SpecialToken, Vocabulary
from inference.config import EngineConfig
from inference.errors import InvalidModelError, ModelError, ModelTooLargeError
from inference.models.refusals import printable, shown
from inference.models.summary import ModelSummary

_MEMORY_ERROR = re.compile(r"alloc|out of memory|insufficient memory", re.IGNORECASE)


def load_model(
    summary: ModelSummary,
    config: EngineConfig,
    *,
    on_gpu: bool,
    report: Callable[[float], bool],
    with_mtp: bool = False,
) -> Any:
    """`with_mtp`: with its layers for multi-token prediction, which are left out else."""
    stopped = False

    @api.llama_progress_callback
    def on_progress(progress: float, _user_data: object) -> bool:
        nonlocal stopped
        stopped = stopped or not report(progress)
        return not stopped

    parameters = api.llama_model_default_params()
    parameters.progress_callback = on_progress
    parameters.load_mtp = with_mtp
    if not on_gpu:
        parameters.n_gpu_layers = 0
    elif config.n_gpu_layers is not None:
        parameters.n_gpu_layers = config.n_gpu_layers
    log_sink.errors.clear()
    model = api.llama_model_load_from_file(os.fsencode(summary.path), parameters)
    if model and not stopped:
        return model
    if model:
        api.llama_model_free(model)
    if stopped:
        raise LoadCancelledError
    raise _load_error(summary, list(log_sink.errors))


def _load_error(summary: ModelSummary, lines: list[str]) -> ModelError:
    """What llama.cpp's own lines about a failure mean for the user."""
    # The last line says only that it failed; the reason is in one before.
    reasons = [line.partition("error loading model: ")[2] for line in lines]
    reason = next((text for text in reasons if text), lines[-1] if lines else "it gave no reason")
    if any(_MEMORY_ERROR.search(line) for line in lines):
        return ModelTooLargeError(
            f"There is not enough free memory to load {summary.name} ({reason}). "
            "Choose a smaller model or quantization, or close other programs."
        )
    return InvalidModelError(
        f"llama.cpp cannot load {printable(summary.path)}: {shown(reason)}. "
        "Download the file again or choose another model."
    )


def read_vocabulary(vocab: Any, summary: ModelSummary) -> Vocabulary:
    n_vocab = int(api.llama_vocab_n_tokens(vocab))
    piece = piece_reader(vocab)
    ends = {token for token in range(n_vocab) if api.llama_vocab_is_eog(vocab, token)}
    if summary.fim:
        # A model that starts another file or another prompt has finished this one.
        fim = summary.fim
        special = (fim.prefix, fim.suffix, fim.middle, fim.pad, fim.repository, fim.separator)
        ends.update(token for token in special if token is not None)
    wants_beginning = bool(api.llama_vocab_get_add_bos(vocab))
    beginning = int(api.llama_vocab_bos(vocab)) if wants_beginning else -1
    return Vocabulary(
        [piece(token) for token in range(n_vocab)],
        end_ids=frozenset(ends),
        tokenize=tokenizer(vocab),
        beginning_id=beginning if beginning >= 0 else None,
        special=_special_tokens(vocab, n_vocab),
        beginning_text=_text_of(vocab, int(api.llama_vocab_bos(vocab))),
        end_text=_text_of(vocab, int(api.llama_vocab_eos(vocab))),
    )


def _text_of(vocab: Any, token: int) -> str:
    """As the file spells it; empty for none."""
    text = bytes(api.llama_vocab_get_text(vocab, token)) if token >= 0 else b""
    return text.decode("utf-8", "replace")


def _special_tokens(vocab: Any, n_vocab: int) -> dict[str, SpecialToken]:
    """Control tokens, and text that always is one token whatever stands around it."""
    control = int(api.LLAMA_TOKEN_ATTR_CONTROL | api.LLAMA_TOKEN_ATTR_UNKNOWN)
    wanted = control | int(api.LLAMA_TOKEN_ATTR_USER_DEFINED)
    found: dict[str, SpecialToken] = {}
    for token in range(n_vocab):
        attributes = int(api.llama_vocab_get_attr(vocab, token))
        if attributes & wanted:
            found[_text_of(vocab, token)] = SpecialToken(
                token,
                is_control=bool(attributes & control),
                strips_after=bool(attributes & int(api.LLAMA_TOKEN_ATTR_RSTRIP)),
            )
    return found
