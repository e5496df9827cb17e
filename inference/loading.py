"""From a configuration to a model that is ready to use. Runs on the engine thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from inference.backends.base import Backend
from inference.config import EngineConfig
from inference.errors import ModelTooLargeError
from inference.hardware import choose_threads
from inference.models.catalogue import family_named
from inference.models.summary import ModelSummary, inspect_model
from inference.prompts.build import PromptBuilder
from inference.trial import TrialUnavailableError, ensure_tried, try_model
from inference.types import ModelInfo

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    backend: Backend
    prompts: PromptBuilder
    info: ModelInfo
    notice: str | None = None
    """What is not as it was asked for, for a person; None if all is."""


def load_model(config: EngineConfig, report: Callable[[float], bool]) -> LoadedModel:
    """Loads a model file; one that was not seen before first on trial, in a child process.

    Args:
        report: called with the share that is loaded, 0 to 1; returning False stops loading.

    Raises a `ModelError`, or `LoadCancelledError`.
    """
    summary = inspect_model(config.model_path)
    # The built-in model came with the program, as did the code that would try it.
    if not summary.is_builtin and ensure_tried(summary, config, lambda p: report(p / 2)):
        return load_checked(summary, config, lambda p: report(0.5 + p / 2))
    return load_checked(summary, config, report)


def try_again(config: EngineConfig) -> bool:
    """Loads a model file on trial, whatever came of it before. False: no trial is possible here.

    Raises a `ModelError`.
    """
    try:
        try_model(inspect_model(config.model_path), config)
    except TrialUnavailableError:
        return False
    return True


def load_checked(
    summary: ModelSummary, config: EngineConfig, report: Callable[[float], bool]
) -> LoadedModel:
    """Loads a model file in this process, whatever it may do to it."""
    n_threads = config.n_threads or choose_threads().n_threads
    # Imported only now: this loads the runtime's shared libraries.
    from inference.backends.llama_bindings import has_gpu
    from inference.backends.llama_cpp import LlamaCppBackend

    notices: list[str] = []
    try:
        backend = LlamaCppBackend(summary, config, n_threads, report)
    except ModelTooLargeError as error:
        if not has_gpu() or config.n_gpu_layers == 0:
            raise
        notices.append(f"{error} It runs on the CPU.")
        _log.warning("%s", notices[0])
        on_cpu = msgspec.structs.replace(config, n_gpu_layers=0)
        backend = LlamaCppBackend(summary, on_cpu, n_threads, report)
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
    return LoadedModel(backend, prompts, info, " ".join(notices) or None)


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
