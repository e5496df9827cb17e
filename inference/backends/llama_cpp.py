"""The llama.cpp backend, through its C API.

One context with a cache stream per sequence: the token at position p of a sequence always lies in
cell p of that sequence's stream, whatever else was evaluated, cut or forked before. Together with
plain (not flash) attention and calls of at least two rows this makes a prompt's logits the same
bits with and without reuse; docs/engine.md has the measurements.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from inference.backends.base import EVEN_ROWS, Evaluation, Logits, RowPolicy, Span, State
from inference.backends.context_plan import ContextPlan, plans, state_budget, usual_rows
from inference.backends.draft_model import DraftModel
from inference.backends.llama_bindings import (
    AbortFlag,
    Batch,
    api,
    has_gpu,
    log_sink,
    logits_row,
    release_free_memory,
)
from inference.backends.llama_draft_context import Target
from inference.backends.llama_drafting import load_draft_model
from inference.backends.llama_grammar import LlamaGrammar
from inference.backends.llama_loading import load_model, read_vocabulary
from inference.backends.recurrent_memory import RecurrentMemory, is_recurrent, max_rollback
from inference.backends.span_checks import check_spans
from inference.config import EngineConfig
from inference.errors import BackendError, ModelTooLargeError
from inference.hardware import available_memory
from inference.models.draft import Draft
from inference.models.memory import DEFAULT_N_CTX, choose_n_ctx
from inference.models.summary import ModelSummary

_log = logging.getLogger(__name__)
_MAX_LOGITS = 32
"""Rows with logits per call: so many tokens less one can be drafted. Of the tokens of real edits
69 % stand in unchanged runs of 16 and more, 54 % in runs of 32."""
_MAX_MODEL_DRAFT = 15
"""Tokens that a draft model makes one by one; it is seldom right for longer."""
_ABORTED = 2
_NO_ROOM = 1
_NO_MEMORY = -2


class LlamaCppBackend:
    """One model and one context. See `inference.backends.base.Backend` for the methods."""

    def __init__(
        self,
        summary: ModelSummary,
        config: EngineConfig,
        n_threads: int,
        report: Callable[[float], bool] = lambda _progress: True,
        draft: Draft | None = None,
    ) -> None:
        """Loads the model on this thread, which then is the only one to use it.

        Args:
            report: called with the share that is loaded, 0 to 1; returning False stops loading.
            draft: what is to draft for it.

        Raises `InvalidModelError`, `ModelTooLargeError`, `LoadCancelledError`.
        """
        self._thread = threading.get_ident()
        self.is_on_cpu = not has_gpu() or config.n_gpu_layers == 0
        self.n_threads = n_threads
        self._abort = AbortFlag()
        self.notices: list[str] = []
        self._context: Any = None
        self.draft_model: DraftModel | None = None
        self._drafted_for: set[int] = set()
        with_mtp = draft is not None and draft.kind == "mtp"
        needs = draft.added_to(summary) if draft else summary
        n_ctx = self._longest_context(needs, config)
        self._model: Any = load_model(
            summary, config, on_gpu=not self.is_on_cpu, report=report, with_mtp=with_mtp
        )
        try:
            self._vocab: Any = api.llama_model_get_vocab(self._model)
            self.vocabulary = read_vocabulary(self._vocab, summary)
            self.n_sequences = self._make_context(needs, n_ctx, is_wanted=config.n_ctx is not None)
            self.n_ctx = int(api.llama_n_ctx_seq(self._context))
            if draft is not None:
                self.draft_model = load_draft_model(
                    draft, self._as_target(), config, report, n_max=_MAX_MODEL_DRAFT
                )
        except BaseException:
            self.close()
            raise
        self._memory: Any = api.llama_get_memory(self._context)
        self._recurrent = RecurrentMemory.of(self._model, self._context, summary, self.n_sequences)
        self.max_state_bytes = 0
        if self._recurrent is not None and self._recurrent.can_save:
            self.max_state_bytes = state_budget(summary.size_bytes, available_memory())
        self._batch = Batch(int(api.llama_n_batch(self._context)))
        self.rows = self._row_policy(summary, exact=config.exact_reuse)
        # Interrupted recurrent layers leave a state that is neither old nor new.
        self.can_interrupt = self._abort.works and self.is_on_cpu and self._recurrent is None
        if self.can_interrupt:
            api.llama_set_abort_callback(self._context, self._abort.callback, self._abort.argument)

    @property
    def name(self) -> str:
        return "llama.cpp on CPU" if self.is_on_cpu else "llama.cpp on GPU"

    @property
    def max_logits(self) -> int:
        return min(_MAX_LOGITS, self._batch.capacity)

    @property
    def can_truncate(self) -> bool:
        return self._recurrent is None

    @property
    def n_rollback(self) -> int:
        return self.n_ctx if self._recurrent is None else self._recurrent.n_rollback

    def set_threads(self, n_threads: int) -> None:
        if n_threads != self.n_threads:
            self._check_thread()
            self.n_threads = n_threads
            api.llama_set_n_threads(self._context, n_threads, n_threads)

    def evaluate(self, spans: Sequence[Span]) -> Evaluation:
        self._check_thread()
        check_spans(
            spans,
            max_rows=self._batch.capacity,
            max_logits=self.max_logits,
            n_vocab=len(self.vocabulary),
            n_sequences=self.n_sequences,
            n_ctx=self.n_ctx,
            n_held=self._n_held,
        )
        self._batch.clear()
        wanted = [self._batch.append(s.tokens, s.position, s.sequence, s.n_logits) for s in spans]
        log_sink.hold()
        code = int(api.llama_decode(self._context, self._batch.raw))
        # llama.cpp calls an interruption an error; it is none.
        log_sink.release(logging.DEBUG if code == _ABORTED else logging.ERROR)
        if code == _ABORTED:
            return self._interrupted(spans)
        if code == _NO_MEMORY:
            raise BackendError("The memory that the model needs to compute is not to be had.")
        if code == _NO_ROOM:
            raise BackendError("The model's context is full although it was checked for room.")
        if code != 0:
            raise BackendError(
                f"llama.cpp failed while decoding (code {code}): {log_sink.last_error}"
            )
        if self._recurrent is not None:
            self._recurrent.note_evaluation(spans)
        if self._drafted_for:
            self._show_draft_model(spans)
        return Evaluation(
            completed=True, logits=tuple([self._row(r) for rows in wanted for r in rows])
        )

    def truncate(self, sequence: int, n_tokens: int) -> bool:
        self._check_thread()
        end = self._n_held(sequence)
        if not 0 <= n_tokens < end:
            return n_tokens == end
        if self._recurrent is not None:
            if n_tokens and not self._recurrent.can_drop(sequence, end - n_tokens):
                return False
            self._recurrent.note_cut(sequence)
        is_cut = bool(api.llama_memory_seq_rm(self._memory, sequence, n_tokens or -1, -1))
        if is_cut and self.draft_model:
            self.draft_model.truncate(sequence, n_tokens)
        return is_cut

    def save(self, sequence: int) -> State | None:
        self._check_thread()
        if self._recurrent is None:
            return None
        return self._recurrent.save(sequence, self._n_held(sequence))

    def restore(self, sequence: int, state: State) -> None:
        self._check_thread()
        n_held = self._n_held(sequence)
        if self._recurrent is None or state.n_tokens > n_held:
            raise BackendError(f"A state of {state.n_tokens} tokens for a sequence of {n_held}.")
        self._recurrent.restore(sequence, state)
        if self.draft_model:
            self.draft_model.truncate(sequence, state.n_tokens)

    def fork(self, source: int, target: int) -> None:
        self._check_thread()
        api.llama_memory_seq_rm(self._memory, target, -1, -1)
        api.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        if self._recurrent is not None:
            self._recurrent.note_fork(source, target)
        if self.draft_model:
            self.draft_model.fork(source, target)

    def grammar(self, rules: str) -> LlamaGrammar:
        self._check_thread()
        return LlamaGrammar(rules, self._vocab, self.vocabulary)

    def draft_for(self, sequence: int, *, wanted: bool) -> None:
        self._check_thread()
        if wanted and self.draft_model:
            self._drafted_for.add(sequence)
        else:
            self._drafted_for.discard(sequence)

    def rearm(self) -> None:
        self._abort.clear()

    def interrupt(self) -> None:
        self._abort.raise_()

    def close(self) -> None:
        # Each refers to those freed after it: freeing the model first crashes.
        draft_model, self.draft_model = self.draft_model, None
        if draft_model:
            self._check_thread()
            draft_model.close()
        context, self._context = self._context, None
        model, self._model = self._model, None
        if context:
            self._check_thread()
            api.llama_free(context)
        if model:
            self._check_thread()
            api.llama_model_free(model)
            release_free_memory()

    def _longest_context(self, summary: ModelSummary, config: EngineConfig) -> int:
        """Raises `ModelTooLargeError` before anything is loaded."""
        if not self.is_on_cpu:
            return min(config.n_ctx or DEFAULT_N_CTX, summary.n_ctx_train)
        choice = choose_n_ctx(summary, config.n_ctx, available_memory())
        if choice.reason:
            self._note(f"{choice.reason} The context is {choice.n_ctx} tokens long.")
        return choice.n_ctx

    def _make_context(self, summary: ModelSummary, n_ctx: int, *, is_wanted: bool) -> int:
        """Makes the largest context that memory allows. Returns its number of sequences."""
        candidates = plans(
            n_ctx=n_ctx,
            is_wanted=is_wanted,
            bytes_per_token=summary.kv_bytes_per_token,
            bytes_per_sequence=summary.recurrent_bytes_per_sequence,
            max_rollback=max_rollback(summary.arch),
            model_bytes=summary.size_bytes,
            available_bytes=available_memory(),
        )
        has_failed = False
        for plan in candidates:
            self._context = api.llama_init_from_model(self._model, self._parameters(plan))
            if self._context:
                _log.info("context of %d tokens × %d sequences", plan.n_ctx, plan.n_sequences)
                if has_failed or (is_wanted and plan.n_ctx < n_ctx):
                    self._note(
                        f"There is not enough free memory for a context of {n_ctx} tokens of "
                        f"{summary.name}: it is {plan.n_ctx} tokens long"
                        + (" and evaluated in smaller steps." if plan.n_rows else ".")
                    )
                return plan.n_sequences
            has_failed = True
            _log.info("no context of %d × %d", plan.n_ctx, plan.n_sequences)
        raise ModelTooLargeError(
            f"There is not enough free memory for the context of {summary.name}. "
            "Choose a smaller model, a smaller context, or close other programs."
        )

    def _note(self, notice: str) -> None:
        _log.warning("%s", notice)
        self.notices.append(notice)

    def _parameters(self, plan: ContextPlan) -> Any:
        parameters = api.llama_context_default_params()
        parameters.n_ctx = plan.n_ctx * plan.n_sequences
        parameters.n_seq_max = plan.n_sequences
        parameters.kv_unified = False
        parameters.n_rs_seq = plan.n_rollback
        n_rows = plan.n_rows or usual_rows(
            on_cpu=self.is_on_cpu, is_recurrent=is_recurrent(self._model)
        )
        parameters.n_batch = parameters.n_ubatch = n_rows
        parameters.n_outputs_max = parameters.n_outputs_max_per_seq = min(_MAX_LOGITS, n_rows)
        parameters.n_threads = parameters.n_threads_batch = self.n_threads
        parameters.no_perf = True
        # A sliding-window cache of the window's size could not be truncated.
        parameters.swa_full = True
        if self.is_on_cpu:
            parameters.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_DISABLED
        return parameters

    def _n_held(self, sequence: int) -> int:
        """Tokens."""
        return int(api.llama_memory_seq_pos_max(self._memory, sequence)) + 1

    def _as_target(self) -> Target:
        return Target(
            model=self._model,
            context=self._context,
            n_vocab=len(self.vocabulary),
            n_embd=int(api.llama_model_n_embd(self._model)),
            end_ids=self.vocabulary.end_ids,
            n_ctx=self.n_ctx,
            n_sequences=self.n_sequences,
            n_threads=self.n_threads,
            on_gpu=not self.is_on_cpu,
            abort=self._abort,
        )

    def _show_draft_model(self, spans: Sequence[Span]) -> None:
        assert self.draft_model is not None
        row = 0
        for span in spans:
            if span.sequence in self._drafted_for:
                self.draft_model.follow(span.sequence, span.position, span.tokens, row)
            row += len(span.tokens)

    def _row_policy(self, summary: ModelSummary, *, exact: bool) -> RowPolicy:
        minimum, multiple = EVEN_ROWS if exact else (2, 1)
        if summary.has_uneven_layers and self.is_on_cpu and not exact:
            # Two rows would agree with more no better than one does, and take half as long again.
            minimum = 1
        return RowPolicy(maximum=self._batch.capacity, minimum=minimum, multiple=multiple)

    def _interrupted(self, spans: Sequence[Span]) -> Evaluation:
        """A call is one micro-batch, so nothing of it should have been kept."""
        for span in spans:
            end = self._n_held(span.sequence)
            if end > span.position and not self.truncate(span.sequence, span.position):
                raise BackendError("llama.cpp could not undo an interrupted evaluation.")
        return Evaluation(completed=False)

    def _row(self, row: int) -> Logits:
        logits = logits_row(self._context, row, len(self.vocabulary))
        if logits is None:
            raise BackendError("llama.cpp gave no logits for a token that was to have them.")
        return logits

    def _check_thread(self) -> None:
        if threading.get_ident() != self._thread:
            raise RuntimeError("a backend may only be used by the thread that loaded it")
