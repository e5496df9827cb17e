"""From a configuration to a model that is ready to use. Runs on the engine thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inference.backends.base import Backend
from inference.config import EngineConfig
from inference.hardware import choose_threads
from inference.models.catalogue import family_named
from inference.models.summary import ModelSummary, inspect_model
from inference.prompts.build import PromptBuilder
from inference.types import ModelInfo


@dataclass(frozen=True, slots=True)
class LoadedModel:
    backend: Backend
    prompts: PromptBuilder
    info: ModelInfo


def load_model(config: EngineConfig, report: Callable[[float], bool]) -> LoadedModel:
    """
    Args:
        report: called with the share that is loaded, 0 to 1; returning False stops loading.

    Raises a `ModelError`, or `LoadCancelledError`.
    """
    summary = inspect_model(config.model_path)
    n_threads = config.n_threads or choose_threads().n_threads
    # Imported only now: this loads the runtime's shared libraries.
    from inference.backends.llama_cpp import LlamaCppBackend

    backend = LlamaCppBackend(summary, config, n_threads, report)
    prompts = PromptBuilder(
        backend.vocabulary,
        summary,
        backend.n_ctx,
        order=config.prompt_order,
        heal=config.use_token_healing,
        use_cache_model=config.use_cache_model,
    )
    return LoadedModel(backend, prompts, _info(summary, backend.n_ctx))


def _info(summary: ModelSummary, n_ctx: int) -> ModelInfo:
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
    )
