"""From a configuration to a model that is ready to use. Runs on the engine thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from inference.backends.base import EVEN_ROWS, Backend
from inference.config import EngineConfig
from inference.errors import ModelError, ModelTooLargeError
from inference.hardware import choose_threads
from inference.models.catalogue import family_named
from inference.models.draft import Draft, find_draft
from inference.models.summary import ModelSummary, inspect_model
from inference.prompts.build import PromptBuilder
from inference.speculation.policy import Speculation
from inference.trial import TrialUnavailableError, ensure_tried, try_model
from inference.types import ModelInfo

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    backend: Backend
    prompts: PromptBuilder
    info: ModelInfo
    speculation: Speculation | None = None
    """None speculates nowhere."""
    notice: str | None = None
    """What is not as it was asked for, for a person; None if all is."""


def load_model(config: EngineConfig, report: Callable[[float], bool]) -> LoadedModel:
    """Loads a model file and what drafts for it; files that were not seen before first on trial, in
    a child process. A model that cannot be drafted for is loaded without, with a notice.

    Args:
        report: called with the share that is loaded, 0 to 1; returning False stops loading.

    Raises a `ModelError`, or `LoadCancelledError`.
    """
    summary = inspect_model(config.model_path)
    notices: list[str | None] = []
    try:
        draft = find_draft(summary, config)
        if draft is not None:
            return _load_tried(summary, config, draft, report)
    except ModelError as error:
        notices.append(f"{error} {summary.name} runs without drafts.")
        _log.warning("%s", notices[0])
    loaded = _load_tried(summary, config, None, report)
    notices.append(loaded.notice)
    return replace(loaded, notice=" ".join(filter(None, notices)) or None)


def _load_tried(
    summary: ModelSummary,
    config: EngineConfig,
    draft: Draft | None,
    report: Callable[[float], bool],
) -> LoadedModel:
    # The built-in model came with the program, as did the code that would try it.
    is_known = summary.is_builtin and (draft is None or draft.path is None)
    if not is_known and ensure_tried(summary, config, lambda p: report(p / 2), draft=draft):
        return load_checked(summary, config, lambda p: report(0.5 + p / 2), draft)
    return load_checked(summary, config, report, draft)


def try_again(config: EngineConfig) -> bool:
    """Loads a model file on trial, whatever came of it before. False: no trial is possible here.

    Raises a `ModelError`.
    """
    try:
        summary = inspect_model(config.model_path)
        try_model(summary, config, draft=find_draft(summary, config))
    except TrialUnavailableError:
        return False
    return True


def load_checked(
    summary: ModelSummary,
    config: EngineConfig,
    report: Callable[[float], bool],
    draft: Draft | None = None,
) -> LoadedModel:
    """Loads a model file in this process, whatever it may do to it.

    Raises a `ModelError` for either of the two, or `LoadCancelledError`.
    """
    n_threads = config.n_threads or choose_threads().n_threads
    # Imported only now: this loads the runtime's shared libraries.
    from inference.backends.llama_bindings import has_gpu
    from inference.backends.llama_cpp import LlamaCppBackend

    notices: list[str] = []
    try:
        backend = LlamaCppBackend(summary, config, n_threads, report, draft)
    except ModelTooLargeError as error:
        if not has_gpu() or config.n_gpu_layers == 0:
            raise
        notices.append(f"{error} It runs on the CPU.")
        _log.warning("%s", notices[0])
        on_cpu = msgspec.structs.replace(config, n_gpu_layers=0)
        backend = LlamaCppBackend(summary, on_cpu, n_threads, report, draft)
    notices += backend.notices
    try:
        prompts = PromptBuilder(
            backend.vocabulary,
            summary,
            backend.n_ctx,
            order=config.prompt_order,
            heal=config.use_token_healing,
            use_cache_model=config.use_cache_model,
        )
    except BaseException:
        backend.close()
        raise
    info = _info(summary, backend.n_ctx, supports_chat=prompts.supports_chat)
    speculation: Speculation | None = None
    if backend.n_rollback >= backend.rows.minimum - 1:
        # Whoever loads a model to draft wants it to be asked.
        is_free = not backend.is_on_cpu or backend.draft_model is not None
        edit_rows = backend.rows
        if summary.has_uneven_rows and backend.is_on_cpu:
            edit_rows = replace(edit_rows, minimum=EVEN_ROWS[0], multiple=EVEN_ROWS[1])
        speculation = Speculation(
            config.speculate, backend.rows, is_second_row_free=is_free, edit_rows=edit_rows
        )
    return LoadedModel(backend, prompts, info, speculation, " ".join(notices) or None)


def _info(summary: ModelSummary, n_ctx: int, *, supports_chat: bool) -> ModelInfo:
    return ModelInfo(
        name=summary.name,
        path=str(summary.path),
        arch=summary.arch,
        n_params=summary.n_params,
        quantization=summary.quantization,
        n_ctx=n_ctx,
        size_bytes=summary.size_bytes,
        is_builtin=summary.is_builtin,
        supports_fim=summary.fim is not None,
        min_line_logprob=family_named(summary.family).min_line_logprob,
        supports_chat=supports_chat,
    )
