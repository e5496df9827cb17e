"""A toy model over bytes, for tests of the engine without a runtime.

Its next token is a hash of everything its sequence holds, so that a token too many, too few or out
of place changes the text. It refuses what a real backend must not be asked.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from inference.backends.base import (
    Evaluation,
    GrammarState,
    LoadCancelledError,
    RowPolicy,
    Span,
    State,
)
from inference.backends.vocabulary import Vocabulary
from inference.config import EngineConfig
from inference.errors import BackendError, GrammarError
from inference.loading import LoadedModel
from inference.models.catalogue import PromptOrder
from inference.models.summary import FimTokens, ModelSummary
from inference.prompts.build import PromptBuilder
from inference.types import ModelInfo

END, FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE, FILE_SEPARATOR = range(256, 261)
WORDS = (b"return", b" return", b"    ", b"def ", b"self", b"()", b"ret", b" re", b"\n", b"turn")
LETTERS = b"abcdefghijklmnopqrstuvwxyz \n"
ROWS = RowPolicy(maximum=16, minimum=2)
_STATE_BYTES = 4
N_VOCAB = 261 + len(WORDS)
Predict = Callable[[list[int]], int]


def hashed(tokens: list[int]) -> int:
    """A letter that depends on every token; sometimes the end."""
    digest = zlib.crc32(np.array(tokens, np.int32).tobytes())
    return END if digest % 23 == 0 else LETTERS[digest % len(LETTERS)]


def spelling(text: bytes, n_prompt: int | None = None) -> Predict:
    """Says `text` after the prompt, byte by byte, then ends. The prompt is what holds `n_prompt`
    tokens, or what it is first asked about."""
    said: dict[int, int] = {}

    def predict(tokens: list[int]) -> int:
        start = said.setdefault(0, len(tokens)) if n_prompt is None else n_prompt
        at = len(tokens) - start
        return text[at] if at < len(text) else END

    return predict


def make_vocabulary() -> Vocabulary:
    """All bytes, five control tokens without text, and some words."""
    pieces = [bytes([byte]) for byte in range(256)] + [b""] * 5 + list(WORDS)
    return Vocabulary(
        pieces,
        end_ids=frozenset({END, FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE, FILE_SEPARATOR}),
        tokenize=lambda text: list(text.encode("utf-8", "replace")),
    )


def make_summary(*, has_fim: bool = True) -> ModelSummary:
    fim = FimTokens(
        prefix=FIM_PREFIX,
        suffix=FIM_SUFFIX,
        middle=FIM_MIDDLE,
        separator=FILE_SEPARATOR,
        source="metadata",
    )
    return ModelSummary(
        name="toy",
        path=Path("toy.gguf"),
        arch="toy",
        family="unknown",
        is_builtin=False,
        n_params=1,
        quantization="F32",
        size_bytes=1,
        n_parts=1,
        n_ctx_train=4096,
        n_vocab=N_VOCAB,
        n_layers=1,
        n_embd=1,
        kv_bytes_per_token=1,
        recurrent_bytes_per_sequence=0,
        max_heads=1,
        sliding_window=None,
        is_recurrent=False,
        is_hybrid=False,
        n_mtp_layers=0,
        mtp_kv_bytes_per_token=0,
        fim=fim if has_fim else None,
        has_chat_template=False,
    )


class FakeBackend:
    """See the module. What was evaluated is in `calls`, and what of it together in `batches`."""

    name = "toy"
    n_threads = 1
    max_logits = 16
    is_on_cpu = True
    can_interrupt = True
    draft_model = None

    def __init__(
        self,
        *,
        n_ctx: int = 512,
        n_sequences: int = 4,
        rows: RowPolicy = ROWS,
        can_truncate: bool = True,
        n_rollback: int | None = None,
        n_states: int = 1000,
        predict: Predict = hashed,
    ) -> None:
        self.vocabulary = make_vocabulary()
        self.n_ctx = n_ctx
        self.n_sequences = n_sequences
        self.rows = rows
        self.can_truncate = can_truncate
        self.n_rollback = n_rollback if n_rollback is not None else n_ctx if can_truncate else 0
        self.max_state_bytes = 0 if can_truncate else n_states * _STATE_BYTES
        self._n_droppable = [0] * n_sequences
        self.predict = predict
        self.sequences: list[list[int]] = [[] for _ in range(n_sequences)]
        self.calls: list[Span] = []
        self.batches: list[tuple[Span, ...]] = []
        self.during_evaluation: Callable[[Span], None] = lambda _span: None
        """Called in the middle of each evaluation; may interrupt or raise."""
        self.is_closed = False
        self._is_interrupted = False
        self._thread = threading.get_ident()

    @property
    def n_evaluated(self) -> int:
        return sum(len(span.tokens) for span in self.calls)

    def set_threads(self, n_threads: int) -> None:
        self._check_thread()
        self.n_threads = n_threads

    def evaluate(self, spans: Sequence[Span]) -> Evaluation:
        self._check_thread()
        assert sum(len(span.tokens) for span in spans) <= self.rows.maximum
        assert sum(span.n_logits for span in spans) <= self.max_logits
        self._check_is_one_part(spans)
        for span in spans:
            held = self.sequences[span.sequence]
            assert span.position == len(held), "a gap, or tokens that were not cut"
            assert len(span.tokens) > 0
            assert len(held) + len(span.tokens) <= self.n_ctx, "beyond the context"
            assert all(0 <= token < N_VOCAB for token in span.tokens)
            self.during_evaluation(span)
        if self._is_interrupted:
            return Evaluation(completed=False)
        self.batches.append(tuple(spans))
        logits: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []
        for span in spans:
            self.calls.append(span)
            held = self.sequences[span.sequence]
            held += span.tokens
            self._n_droppable[span.sequence] = min(self.n_rollback, len(span.tokens) - 1)
            for n_behind in range(span.n_logits - 1, -1, -1):
                logits.append(self._logits(held[: len(held) - n_behind]))
        return Evaluation(completed=True, logits=tuple(logits))

    def truncate(self, sequence: int, n_tokens: int) -> bool:
        self._check_thread()
        held = self.sequences[sequence]
        assert n_tokens <= len(held)
        n_dropped = len(held) - n_tokens
        if self.can_truncate or n_dropped <= self._n_droppable[sequence] or not n_tokens:
            if n_dropped:
                self._n_droppable[sequence] = 0
            del held[n_tokens:]
            return True
        return n_dropped == 0

    def save(self, sequence: int) -> State | None:
        self._check_thread()
        held = self.sequences[sequence]
        if self.can_truncate or not held:
            return None
        return State(len(held), _state_of(held))

    def restore(self, sequence: int, state: State) -> None:
        self._check_thread()
        held = self.sequences[sequence]
        assert state.n_tokens <= len(held), "attention's part of the state is not held any more"
        assert (state.data == _state_of(held[: state.n_tokens])).all(), "another text's state"
        del held[state.n_tokens :]
        self._n_droppable[sequence] = 0

    def fork(self, source: int, target: int) -> None:
        self._check_thread()
        assert source != target
        self.sequences[target] = self.sequences[source][:]
        self._n_droppable[target] = 0

    def draft_for(self, sequence: int, *, wanted: bool) -> None:
        self._check_thread()

    def grammar(self, rules: str) -> GrammarState:
        raise GrammarError(f"A toy knows no grammar: {rules}.")

    def rearm(self) -> None:
        self._is_interrupted = False

    def interrupt(self) -> None:
        self._is_interrupted = True

    def close(self) -> None:
        self._check_thread()
        self.is_closed = True

    def _logits(self, tokens: list[int]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        scores = np.zeros(N_VOCAB, np.float32)
        # A little of everything, so that a constraint always has something to choose from.
        scores += np.arange(N_VOCAB, dtype=np.float32) / N_VOCAB
        scores[self.predict(tokens)] = 10.0
        return scores

    def _check_is_one_part(self, spans: Sequence[Span]) -> None:
        """llama.cpp would evaluate anything else in several calls of other kinds."""
        assert len({len(span.tokens) for span in spans}) == 1, "of several lengths"
        first = spans[0].sequence
        sequences = [span.sequence for span in spans]
        assert sequences == list(range(first, first + len(spans))), "not one after the other"
        assert len(spans) == 1 or (self.can_truncate and len(spans[0].tokens) >= 2)

    def _check_thread(self) -> None:
        assert threading.get_ident() == self._thread, "used from a foreign thread"


def _state_of(tokens: list[int]) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Some bytes that depend on every token."""
    digest = zlib.crc32(np.array(tokens, np.int32).tobytes())
    return np.frombuffer(digest.to_bytes(_STATE_BYTES), np.uint8)


def make_prompts(
    backend: FakeBackend,
    *,
    order: PromptOrder = PromptOrder.SPM,
    heal: bool = True,
    has_fim: bool = True,
) -> PromptBuilder:
    summary = make_summary(has_fim=has_fim)
    return PromptBuilder(backend.vocabulary, summary, backend.n_ctx, order=order, heal=heal)


class FakeLoader:
    """Loads the toy model on the engine's thread. `backend` is there once it is loaded."""

    def __init__(self, prepare: Callable[[FakeBackend], None] = lambda _backend: None) -> None:
        self._prepare = prepare
        self.may_load = threading.Event()
        self.may_load.set()
        self.backend: FakeBackend | None = None

    def __call__(self, _config: EngineConfig, report: Callable[[float], bool]) -> LoadedModel:

        for percent in range(0, 101, 10):
            if not report(percent / 100):
                raise LoadCancelledError
        while not self.may_load.wait(0.005):
            if not report(1.0):
                raise LoadCancelledError
        self.backend = FakeBackend()
        self._prepare(self.backend)
        info = ModelInfo(
            name="toy",
            path="toy.gguf",
            arch="toy",
            n_params=1,
            quantization="F32",
            n_ctx=self.backend.n_ctx,
            size_bytes=1,
            is_builtin=False,
            supports_fim=True,
            min_line_logprob=-1.0,
        )
        return LoadedModel(self.backend, make_prompts(self.backend), info)


def failing(message: str) -> Callable[[Span], None]:
    """For `during_evaluation`: the runtime fails."""

    def fail(_span: Span) -> None:
        raise BackendError(message)

    return fail
