"""A grammar by llama.cpp's sampler.

The sampler ends the process if it is asked to accept what it does not allow, so nothing is accepted
that was not asked about first; and it takes control tokens for the text they are written as, so
these are judged here.
"""

from __future__ import annotations

import ctypes
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from inference.backends.llama_bindings import api, log_sink
from inference.backends.vocabulary import TokenIds, Vocabulary
from inference.errors import GrammarError

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
"""`llama_token_data`."""
_POINTER: Any = cast("Any", ctypes).POINTER(api.llama_token_data)


class LlamaGrammar:
    """See `inference.backends.base.GrammarState`."""

    def __init__(self, rules: str, vocab: Any, vocabulary: Vocabulary) -> None:
        """Raises `GrammarError`."""
        self._vocabulary = vocabulary
        text = rules.encode("utf-8", "replace")
        self._sampler: Any = None
        log_sink.errors.clear()
        if text.strip() and b"\0" not in text:
            self._sampler = api.llama_sampler_init_grammar(vocab, text, b"root")
        if not self._sampler:
            reason = log_sink.last_error or "it is empty or holds a NUL"
            raise GrammarError(f"The grammar of the answer cannot be read: {reason}.")
        ends = (token for token in vocabulary.end_ids if api.llama_vocab_is_eog(vocab, token))
        self._end = next(ends, None)

    def allows(self, token: int) -> bool:
        if token in self._vocabulary.end_ids:
            return self._may_end()
        return bool(self._vocabulary.piece(token)) and bool(len(self._fitting([token])))

    def allowed(self) -> TokenIds:
        fitting = self._fitting(self._vocabulary.ids_with_text)
        if not self._may_end():
            return fitting
        return np.concatenate([fitting, np.array(sorted(self._vocabulary.end_ids), np.intp)])

    def accept(self, token: int) -> None:
        assert self.allows(token)
        assert token not in self._vocabulary.end_ids
        api.llama_sampler_accept(self._sampler, token)

    def close(self) -> None:
        sampler, self._sampler = self._sampler, None
        if sampler:
            api.llama_sampler_free(sampler)

    def _may_end(self) -> bool:
        return self._end is not None and bool(len(self._fitting([self._end])))

    def _fitting(self, tokens: TokenIds | list[int]) -> TokenIds:
        """Those of the tokens that fit."""
        candidates: NDArray[np.void] = np.zeros(len(tokens), _CANDIDATE)
        candidates["id"] = tokens
        array = api.llama_token_data_array()
        array.data = ctypes.cast(candidates.ctypes.data, _POINTER)
        array.size, array.selected, array.sorted = len(candidates), -1, False
        api.llama_sampler_apply(self._sampler, ctypes.byref(array))
        return candidates["id"][candidates["logit"] == 0].astype(np.intp)
