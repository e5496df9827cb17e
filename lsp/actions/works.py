"""What an action does when it is chosen. Plain data; `lsp.actions.perform` does it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, auto

from lsp.actions.definitions import Definition
from lsp.changes import Change, Span


class Keeps(Flag):
    """What of the old text a rewrite must still have."""

    NOTHING = 0
    COMMENTS = auto()
    NAMES = auto()
    """The functions and classes defined in it."""
    CODE = auto()
    """Every token but types and imports."""


@dataclass(frozen=True)
class Exact:
    """Known from the syntax tree alone; needs no model."""

    changes: tuple[Change, ...]


@dataclass(frozen=True)
class SortImports:
    """By a program; needs no model."""


@dataclass(frozen=True)
class FillBody:
    definition: Definition
    stub: Span
    """What gives way to the body; may be empty."""


@dataclass(frozen=True)
class FillDocumentation:
    definition: Definition


@dataclass(frozen=True)
class Rewrite:
    """Lines rewritten as an instruction says."""

    region: Span
    instruction: str
    keeps: Keeps = Keeps.NOTHING
    adds_function: bool = False
    """The answer has one definition more than the region."""


@dataclass(frozen=True)
class Rename:
    """A better name for something that only one function knows."""

    function: Definition
    name: str
    occurrences: tuple[Span, ...]


@dataclass(frozen=True)
class WriteTests:
    definition: Definition


@dataclass(frozen=True)
class Explain:
    region: Span


Work = Exact | SortImports | FillBody | FillDocumentation | Rewrite | Rename | WriteTests | Explain
