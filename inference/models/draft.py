"""Which model drafts for another, judged from the files' headers alone."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from inference.config import EngineConfig
from inference.models.catalogue import catalogue
from inference.models.eagle3 import read_target_layers
from inference.models.refusals import unsupported
from inference.models.summary import ModelSummary, inspect_model

DraftKind = Literal["draft-model", "mtp", "eagle-3"]
MAX_EXTRA_TOKENS = 512
"""Vocabularies of one family are padded to different lengths: 151 936 and 152 064 for Qwen2.5."""
_HIDDEN_ELEMENT_BYTES = 4


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What drafts."""

    kind: DraftKind
    summary: ModelSummary | None = None
    """Of its file; None where it lies in the model's own."""
    bytes_per_token: int
    """Of cache, and of the model's hidden state where it is kept."""
    target_layers: tuple[int, ...] = ()
    """Layers of the model whose inputs the head sees."""

    @property
    def path(self) -> Path | None:
        return self.summary.path if self.summary else None

    def added_to(self, target: ModelSummary) -> ModelSummary:
        """The model with what the draft needs of memory added to its own needs."""
        return msgspec.structs.replace(
            target,
            size_bytes=target.size_bytes + (self.summary.size_bytes if self.summary else 0),
            kv_bytes_per_token=target.kv_bytes_per_token + self.bytes_per_token,
        )


def find_draft(target: ModelSummary, config: EngineConfig) -> Draft | None:
    """What is to draft for this model: the file that the configuration names, else the layers for
    it in the model's own file, else nothing.

    Opens the file and reads its header only.

    Raises a `ModelError` if the file cannot be used, or not with this model.
    """
    if config.draft_model_path is not None:
        return _in_file(config.draft_model_path, target)
    has_head = target.n_mtp_layers == 1 and target.arch in catalogue().architectures.mtp
    if not has_head or not config.use_draft_heads:
        return None
    hidden_bytes = target.n_embd * _HIDDEN_ELEMENT_BYTES
    return Draft(kind="mtp", bytes_per_token=target.mtp_kv_bytes_per_token + hidden_bytes)


def _in_file(path: Path, target: ModelSummary) -> Draft:
    summary = inspect_model(path, may_be_head=True)
    if summary.arch in catalogue().architectures.draft_heads:
        hidden_bytes = summary.n_embd * _HIDDEN_ELEMENT_BYTES
        return Draft(
            kind="eagle-3",
            summary=summary,
            bytes_per_token=summary.kv_bytes_per_token + hidden_bytes,
            target_layers=read_target_layers(summary, target),
        )
    if summary.is_recurrent or summary.is_hybrid:
        # Its state could not go back to before the draft.
        why = f"its architecture {summary.arch!r} keeps a state that cannot be cut"
        raise unsupported(path, why, "draft with a model of attention layers alone")
    if abs(summary.n_vocab - target.n_vocab) > MAX_EXTRA_TOKENS:
        why = f"it has {summary.n_vocab} tokens and the model it would draft for {target.n_vocab}"
        raise unsupported(path, why, "draft with a smaller model of the same family")
    return Draft(kind="draft-model", summary=summary, bytes_per_token=summary.kv_bytes_per_token)
