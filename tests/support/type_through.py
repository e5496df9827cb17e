"""What is left of a suggestion, as the text alone."""

from __future__ import annotations

from lsp.document import Snapshot
from lsp.type_through import TypeThrough


def remainder(memory: TypeThrough, snapshot: Snapshot) -> str | None:
    found = memory.lookup(snapshot)
    return None if found is None else found.text
