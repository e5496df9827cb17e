"""Choosing a token from a row of logits."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from inference.backends.base import Logits
from inference.backends.vocabulary import TokenIds
from inference.errors import BackendError
from inference.types import SamplingParams

_SAFE_EXPONENT = 60.0
"""Of the likeliest token: the exponentials of a whole vocabulary then fit into 32 bits."""


class Choice(msgspec.Struct, frozen=True):
    token: int
    logprob: float | None
    """Natural logarithm of its probability at temperature 1, before any filter. Where only some
    tokens were allowed, its probability among these. None where it is not wanted."""


class Sampler:
    """One request's choices: greedy at temperature 0, else drawn with the request's own random
    numbers, so that the same seed gives the same text whatever else is running.

    The filters are applied in the order top-k, top-p, min-p, temperature (llama.cpp's).
    """

    def __init__(self, params: SamplingParams) -> None:
        self._params = params
        self._random = np.random.Generator(np.random.PCG64(params.seed))
        self._scratch = np.empty(0, np.float32)

    def choose(self, logits: Logits, allowed: TokenIds | None = None) -> Choice:
        """
        Args:
            allowed: the only tokens that may be chosen; None allows all.

        Raises `BackendError` if a logit is not a number: the model or the runtime is broken.
        """
        row = logits if allowed is None else logits[allowed]
        best = int(row.argmax())
        top = float(row[best])
        if not math.isfinite(top):
            raise BackendError("The model computed numbers that are no numbers; choose another.")
        at = best if self._params.temperature <= 0 else self._draw(row)
        logprob: float | None = None
        if self._params.with_logprobs:
            logprob = min(float(row[at]) - self._log_total(row, top), 0.0)
        return Choice(token=at if allowed is None else int(allowed[at]), logprob=logprob)

    def _log_total(self, row: Logits, top: float) -> float:
        """Logarithm of the sum of the exponentials."""
        if len(self._scratch) < len(row):
            # Fresh memory for a whole vocabulary costs more than to compute in it.
            self._scratch = np.empty(len(row), np.float32)
        scratch = self._scratch[: len(row)]
        # Off by some 1e-6 at most, as sums are pairwise. One pass less where nothing can overflow.
        if abs(top) < _SAFE_EXPONENT:
            np.exp(row, out=scratch)
            return float(np.log(scratch.sum()))
        np.subtract(row, np.float32(top), out=scratch)
        np.exp(scratch, out=scratch)
        return top + float(np.log(scratch.sum()))

    def _draw(self, row: Logits) -> int:
        params = self._params
        kept = _top_k(row, params.top_k)
        shifted: NDArray[np.float64] = row[kept].astype(np.float64)
        shifted -= shifted[0]
        probabilities = np.exp(shifted)
        probabilities /= probabilities.sum()
        n_kept = len(kept)
        if params.top_p < 1:
            # The token that passes the threshold is kept; so at least one is.
            n_kept = 1 + int(np.searchsorted(probabilities.cumsum(), params.top_p))
        if params.min_p > 0:
            n_likely = int(np.count_nonzero(probabilities >= params.min_p * probabilities[0]))
            n_kept = min(n_kept, max(n_likely, 1))
        weights: NDArray[np.float64] = np.exp(shifted[:n_kept] / params.temperature).cumsum()
        point = self._random.random() * float(weights[-1])
        drawn = int(np.searchsorted(weights, point, side="right"))
        return int(kept[min(drawn, len(weights) - 1)])


def _top_k(row: Logits, k: int) -> NDArray[np.intp]:
    """Indices of the `k` largest (0 and less: all), largest first; ties by index."""
    if 0 < k < len(row):
        threshold = np.partition(row, -k)[-k]
        candidates = np.flatnonzero(row >= threshold)
    else:
        k, candidates = len(row), np.arange(len(row))
    order = np.argsort(-row[candidates], kind="stable")
    return candidates[order][:k]
