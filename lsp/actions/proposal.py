"""What comes of an action: changes that passed every check, or a refusal that says why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lsp.changes import Change, Span


class RefusedError(Exception):
    """Nothing will be changed; the message is a sentence for the person at the editor."""


class FaultyAnswerError(Exception):
    """An answer that cannot be used. The message is a clause about "the answer", for the model
    and for the person alike: `leaves out a comment`."""


@dataclass(frozen=True, slots=True)
class OtherFile:
    """Changes to another file than the document."""

    path: Path
    old: str | None
    """Its text, without a BOM; None if there is no such file yet."""
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    changes: tuple[Change, ...] = ()
    """Of the document, in order."""
    region: Span | None = None
    """What the changes rest on: they fit as long as it stays as it is. None without changes."""
    other: OtherFile | None = None
    is_sure: bool = True
    """False if the answer had to be interpreted: the user should look before it is applied."""
