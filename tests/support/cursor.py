"""Documents with the cursor marked in place, so that a test reads like the editor looks."""

from __future__ import annotations

from lsp.document import Snapshot

CURSOR = "‸"
"""Marks the cursor; a character no code uses."""

EXTENSIONS = {
    "python": ".py",
    "javascript": ".js",
    "typescript": ".ts",
    "typescriptreact": ".tsx",
    "rust": ".rs",
    "go": ".go",
    "c": ".c",
    "ruby": ".rb",
    "json": ".json",
    "html": ".html",
    "plaintext": ".txt",
}


def at_cursor(marked: str, language_id: str = "python", *, uri: str = "") -> Snapshot:
    """A snapshot of `marked` with its one `‸` taken out and the cursor put there."""
    before, mark, after = marked.partition(CURSOR)
    if not mark or CURSOR in after:
        raise ValueError(f"a document needs exactly one {CURSOR}: {marked!r}")
    uri = uri or f"file:///project/example{EXTENSIONS.get(language_id, '')}"
    return Snapshot(uri, 1, language_id, before + after, len(before))


def with_cursor(snapshot: Snapshot) -> str:
    """The other way round, for messages."""
    return snapshot.prefix + CURSOR + snapshot.suffix


def typed(snapshot: Snapshot, text: str, auto_closed: str = "") -> Snapshot:
    """The snapshot after `text` was typed; an editor put `auto_closed` right of the cursor."""
    before = snapshot.prefix + text
    return Snapshot(
        snapshot.uri,
        snapshot.version + 1,
        snapshot.language_id,
        before + auto_closed + snapshot.suffix,
        len(before),
    )
