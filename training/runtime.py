"""A GGUF in llama.cpp, one sequence, its log-probabilities as numpy arrays. For evaluation only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
import numpy as np
import numpy.typing as npt

from inference.cache_model import log_softmax

Floats = npt.NDArray[np.float32]
Mixer = Callable[[list[int], Floats], Floats]
"""(tokens so far, the model's log-probabilities) → the log-probabilities to choose from."""


@dataclass(frozen=True)
class Generated:
    tokens: list[int]
    logprobs: list[float]
    """Of each chosen token, in the distribution it was chosen from."""
    text: str
    ended: bool
    """True if the model ended by itself or with its line."""


class Runtime:
    """Loads a model; `generate` and `score` use its whole context for one sequence."""

    def __init__(
        self, path: Path, n_context: int = 2048, n_threads: int = 1, *, all_logits: bool = False
    ) -> None:
        """`all_logits`: compute them after every token, as a check of drafted tokens must."""
        self._llama = llama_cpp.Llama(
            str(path),
            n_ctx=n_context,
            n_batch=512,
            n_threads=n_threads,
            n_threads_batch=n_threads,
            logits_all=all_logits,
            verbose=False,
        )
        self.n_context = n_context
        self.end = self.control("<|endoftext|>")
        self.prefix = self.control("<|fim_prefix|>")
        self.suffix = self.control("<|fim_suffix|>")
        self.middle = self.control("<|fim_middle|>")
        self.n_vocab = self._llama.n_vocab()
        self._texts: dict[int, bytes] = {}
        self._all_texts: list[bytes] = []

    def control(self, name: str) -> int:
        ids: list[int] = self._llama.tokenize(name.encode(), add_bos=False, special=True)
        if len(ids) != 1:
            raise ValueError(f"the model has no token {name}")
        return ids[0]

    def tokenize(self, text: str) -> list[int]:
        ids: list[int] = self._llama.tokenize(text.encode(), add_bos=False, special=False)
        return ids

    def token_bytes(self, token: int) -> bytes:
        if token not in self._texts:
            self._texts[token] = self._llama.detokenize([token])
        return self._texts[token]

    def text_of(self, tokens: list[int]) -> str:
        return b"".join(map(self.token_bytes, tokens)).decode("utf-8", "replace")

    def generate(
        self,
        prompt: list[int],
        max_tokens: int,
        *,
        typed: bytes = b"",
        mixer: Mixer | None = None,
    ) -> Generated:
        """Greedy, to the end token, the line's end or `max_tokens`.

        The text begins with `typed` (token healing: the prompt stops before a half-typed word, and
        the first tokens may only be those which spell it); `typed` is no part of the answer.
        """
        self.start(prompt)
        context = list(prompt)
        tokens: list[int] = []
        logprobs: list[float] = []
        ended = False
        pending = typed
        while len(tokens) < max_tokens:
            scores = log_softmax(self._last_logits())
            if mixer is not None:
                scores = mixer(context, scores)
            scores = self._constrained(scores, pending)
            token = int(scores.argmax())
            logprobs.append(float(scores[token]))
            if token == self.end:
                ended = True
                break
            tokens.append(token)
            context.append(token)
            pending = pending[len(self.token_bytes(token)) :]
            if b"\n" in self.token_bytes(token):
                ended = True
                break
            self._llama.eval([token])
        raw = b"".join(map(self.token_bytes, tokens))[len(typed) :]
        text = raw.decode("utf-8", "replace").split("\n")[0].rstrip()
        return Generated(tokens, logprobs, text, ended)

    def _constrained(self, scores: Floats, pending: bytes) -> Floats:
        if not pending:
            return scores
        return log_softmax(np.where(self._spelling(pending), scores, np.float32(-np.inf)))

    def _spelling(self, pending: bytes) -> npt.NDArray[np.bool_]:
        """Which tokens begin with `pending`, or spell a beginning of it."""
        if not self._all_texts:
            self._all_texts = [self.token_bytes(token) for token in range(self.n_vocab)]
        fits = [
            bool(text) and (text.startswith(pending) or pending.startswith(text))
            for text in self._all_texts
        ]
        return np.array(fits)

    def start(self, prompt: list[int]) -> None:
        """Evaluate `prompt` in an empty context."""
        self._llama.reset()
        self._llama.eval(prompt)

    def extend(self, tokens: list[int], n_past: int) -> None:
        """Keep the first `n_past` tokens and evaluate `tokens` after them, in one call."""
        self._llama.n_tokens = n_past
        self._llama.eval(tokens)

    def beams(
        self, prompt: list[int], width: int, max_tokens: int, *, typed: bytes = b""
    ) -> list[Generated]:
        """Beam search for one line: up to `width` finished lines, the most likely first."""
        self.start(prompt)
        open_beams: list[tuple[float, list[int], list[float], Floats]] = [
            (0.0, [], [], log_softmax(self._last_logits()))
        ]
        done: list[tuple[float, Generated]] = []
        for _ in range(max_tokens):
            options: list[tuple[float, list[int], list[float]]] = []
            for total, tokens, logprobs, following in open_beams:
                pending = typed[sum(len(self.token_bytes(t)) for t in tokens) :]
                scores = self._constrained(following, pending)
                best = np.argpartition(-scores, width)[:width]
                options += [
                    (total + float(scores[t]), [*tokens, int(t)], [*logprobs, float(scores[t])])
                    for t in best
                ]
            options.sort(key=lambda option: -option[0])
            open_beams = []
            for total, tokens, logprobs in options[:width]:
                if tokens[-1] == self.end or b"\n" in self.token_bytes(tokens[-1]):
                    kept = tokens[:-1] if tokens[-1] == self.end else tokens
                    raw = b"".join(map(self.token_bytes, kept))[len(typed) :]
                    text = raw.decode("utf-8", "replace").split("\n")[0].rstrip()
                    done.append((total, Generated(kept, logprobs, text, ended=True)))
                    continue
                self.extend(tokens, len(prompt))
                open_beams.append((total, tokens, logprobs, log_softmax(self._last_logits())))
            # No open line can overtake what is done, as totals only fall.
            if not open_beams or (
                len(done) >= width and open_beams[0][0] < min(total for total, _ in done)
            ):
                break
        done.sort(key=lambda item: -item[0])
        return [generated for _, generated in done[:width]]

    def forced(self, prompt: list[int], continuation: list[int]) -> Floats:
        """Log-probabilities (one row per token of `continuation`) of all tokens before each."""
        self.start(prompt)
        rows: list[Floats] = []
        for token in continuation:
            rows.append(log_softmax(self._last_logits()))
            self._llama.eval([token])
        return np.stack(rows)

    def _last_logits(self) -> Floats:
        pointer = llama_cpp.llama_get_logits_ith(self._llama.ctx, -1)
        return np.ctypeslib.as_array(pointer, shape=(self.n_vocab,)).astype(np.float32)


class Scorer:
    """All positions' logits of one text, for bits per byte and for parity."""

    def __init__(self, path: Path, n_context: int, n_threads: int = 1) -> None:
        self._llama = llama_cpp.Llama(
            str(path),
            n_ctx=n_context,
            n_batch=n_context,
            n_threads=n_threads,
            n_threads_batch=n_threads,
            logits_all=True,
            verbose=False,
        )

    def logits(self, tokens: list[int]) -> Floats:
        self._llama.reset()
        self._llama.eval(tokens)
        return np.array(self._llama.scores[: len(tokens)], dtype=np.float32)
