"""What Sotto knows about models: the typed form of `catalogue.toml`."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from functools import cache
from pathlib import Path

import msgspec

from inference.cache_model import Weights


class PromptOrder(StrEnum):
    """In which order a fill-in-the-middle prompt gives its parts."""

    PSM = "psm"
    """Prefix, suffix, middle."""
    PSM_ANCHORED = "psm-anchored"
    """As PSM, with what is typed of the current line after the middle token: the prompt then only
    grows at its end while a line is typed."""
    SPM = "spm"
    """Suffix, prefix, middle."""


class Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Models that take the same prompt."""

    name: str
    architectures: tuple[str, ...] = ()
    prefix_tokens: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    prompt_order: PromptOrder
    min_line_logprob: float
    """Default of the confidence gate: natural logarithm of the least probability of a
    suggestion's line."""
    heals_space: bool = False
    """Whether token healing spells white space before the cursor again, as in training."""
    calibrated: bool
    """Whether `min_line_logprob` was measured on this family, not guessed."""
    stop_texts: tuple[str, ...]
    notes: str
    file_weights: Weights = ()
    """Of the open file in the cache language model that is mixed in; empty for none."""
    project_weights: Weights = ()
    """Of the project's other files, given those of the open file."""
    name_weights: Weights = ()
    """Of the open file's names, given both."""

    def fits(self, architecture: str, prefix_token: str | None, names: tuple[str, ...]) -> bool:
        """The rule is described in `catalogue.toml`."""
        lowered = [name.lower() for name in names]
        return (
            (not self.architectures or architecture in self.architectures)
            and (not self.prefix_tokens or prefix_token in self.prefix_tokens)
            and (not self.names or any(mark in name for mark in self.names for name in lowered))
        )


class FimTexts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Texts of one model family's fill-in-the-middle tokens."""

    prefix: str
    suffix: str
    middle: str | None = None
    pad: str | None = None
    repository: str | None = None
    separator: str | None = None


class Architectures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names of `general.architecture`, by what the runtime can do with them."""

    generating: frozenset[str]
    recurrent: frozenset[str]
    hybrid: frozenset[str]
    whole_head_rope: frozenset[str]
    mtp: frozenset[str]
    """Whose layers for multi-token prediction can draft here."""
    draft_heads: frozenset[str]
    eagle3_targets: frozenset[str]
    """Models that let a head see what goes into their layers."""
    unsuitable: dict[str, str]


class Recommendation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model a user may fetch. Known facts, none of it measured by this project."""

    name: str
    quantization: str
    file_gb: float
    min_memory_gb: float
    """Memory of a machine that runs it beside an editor and a browser."""
    licence: str
    source: str
    notes: str = ""


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    architectures: Architectures
    fim_tokens: tuple[FimTexts, ...]
    families: tuple[Family, ...]
    recommended: tuple[Recommendation, ...] = ()

    def family(self, architecture: str, prefix_token: str | None, names: tuple[str, ...]) -> Family:
        """The first family that fits; the last one, `unknown`, fits anything."""
        return next(f for f in self.families if f.fits(architecture, prefix_token, names))

    def token_texts(self) -> frozenset[str]:
        """Every fill-in-the-middle token text of any family."""
        texts = {
            text for tokens in self.fim_tokens for text in msgspec.structs.astuple(tokens) if text
        }
        return frozenset(texts)


@cache
def catalogue() -> Catalogue:
    """The catalogue that ships with the program, read once."""
    data = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return msgspec.convert(data, Catalogue)


def family_named(name: str) -> Family:
    """The family `ModelSummary.family` names. Raises KeyError for any other text."""
    for family in catalogue().families:
        if family.name == name:
            return family
    raise KeyError(name)
