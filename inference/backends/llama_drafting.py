"""Loads what drafts for a model that is loaded already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inference.backends.draft_model import DraftModel
from inference.backends.llama_bindings import api
from inference.backends.llama_draft_context import DraftContext, Target
from inference.backends.llama_draft_head import LastLayer, LlamaDraftHead, ThreeLayers
from inference.backends.llama_draft_model import LlamaDraftModel
from inference.backends.llama_extensions import output_hidden_rows, require_functions
from inference.backends.llama_loading import load_model
from inference.config import EngineConfig
from inference.models.draft import Draft
from inference.models.refusals import shown, unsupported
from inference.models.summary import ModelSummary


def load_draft_model(
    draft: Draft,
    target: Target,
    config: EngineConfig,
    report: Callable[[float], bool],
    *,
    n_max: int,
) -> DraftModel:
    """On the target's thread, which then is the only one to use it.

    Raises a `ModelError`, or `LoadCancelledError` once `report` returns False.
    """
    if draft.summary is None:
        require_functions()
        return _mtp(target, n_max)
    if draft.kind == "eagle-3":
        require_functions()
    model = load_model(draft.summary, config, on_gpu=target.on_gpu, report=report)
    if draft.kind == "eagle-3":
        return _eagle3(model, draft, target, n_max)
    try:
        _check_same_tokens(model, draft.summary, target)
    except BaseException:
        api.llama_model_free(model)
        raise
    return LlamaDraftModel(model, target, n_max=n_max)


def _mtp(target: Target, n_max: int) -> DraftModel:
    context = DraftContext(target.model, target, n_ctx=target.n_ctx, n_embd=target.n_embd, mtp=True)
    output_hidden_rows(context.handle)
    return LlamaDraftHead("mtp", context, LastLayer(target), target, n_max=n_max)


def _eagle3(model: Any, draft: Draft, target: Target, n_max: int) -> DraftModel:
    """Takes the model over."""
    width = int(api.llama_model_n_embd(model))
    try:
        context = DraftContext(
            model, target, n_ctx=target.n_ctx, n_embd=width, has_logits_for_all=True
        )
    except BaseException:
        api.llama_model_free(model)
        raise
    output_hidden_rows(context.handle)
    states = ThreeLayers(context, width, target, draft.target_layers)
    return LlamaDraftHead("eagle-3", context, states, target, n_max=n_max, model=model)


def _check_same_tokens(model: Any, summary: ModelSummary, target: Target) -> None:
    """A token must mean the same to both models, or drafts would be right by accident only."""
    its, known = (api.llama_model_get_vocab(model), api.llama_model_get_vocab(target.model))
    sizes = [int(api.llama_vocab_n_tokens(vocab)) for vocab in (its, known)]
    text = api.llama_vocab_get_text
    different = (i for i in range(min(sizes)) if text(its, i) != text(known, i))
    token = next(different, None)
    if token is not None:
        texts = f"{shown(text(its, token))} and {shown(text(known, token))}"
        why = f"token {token} is not the same to it and to the model it would draft for: {texts}"
        raise unsupported(summary.path, why, "draft with a smaller model of the same family")
