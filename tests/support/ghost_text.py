"""A whole text trimmed at once, and the one check of what is shown of what a model says."""

from __future__ import annotations

from lsp.document import Snapshot
from lsp.ghost_text import Trimmed, Trimmer, TrimReason
from tests.support.cursor import at_cursor


def trim(
    raw: str, snapshot: Snapshot, *, multiline: bool | None = None, truncated: bool = False
) -> Trimmed:
    """What of `raw` may be shown."""
    trimmer = Trimmer(snapshot, multiline=multiline)
    trimmer.feed(raw)
    return trimmer.result(truncated=truncated)


def is_complete(raw: str, snapshot: Snapshot, *, multiline: bool | None = None) -> bool:
    """Whether nothing that may follow `raw` can be shown."""
    return Trimmer(snapshot, multiline=multiline).feed(raw)


def check(
    language_id: str,
    document: str,
    says: str,
    shows: str,
    why: TrimReason | None = None,
    *,
    truncated: bool = False,
) -> None:
    """`why` is the rule that emptied it or else the first that shortened it."""
    trimmed = trim(says, at_cursor(document, language_id), truncated=truncated)
    assert trimmed.text == shows, trimmed
    if why is not None:
        assert (trimmed.reason or trimmed.cut) == why
