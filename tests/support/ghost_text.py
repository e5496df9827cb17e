"""The one check of what is shown of what a model says."""

from __future__ import annotations

from lsp.ghost_text import TrimReason, trim
from tests.support.cursor import at_cursor


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
