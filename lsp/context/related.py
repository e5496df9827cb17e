"""Which texts of the project may help with the open file: other open documents of its language."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

MAX_CHARS = 1 << 18
"""Of all texts together: what the engine indexes in some 0.1 s, once, and again after a change."""
MAX_CHARS_EACH = 1 << 16


class OpenText(Protocol):
    """What is needed of a document."""

    uri: str
    language_id: str
    text: str


def related_texts(uri: str, language_id: str, documents: Iterable[OpenText]) -> tuple[str, ...]:
    """Texts of the other documents in the same language, the latest opened first.

    Whole files only, as long as they fit: a text that stays the same object is indexed once.
    """
    texts: list[str] = []
    left = MAX_CHARS
    for document in reversed(list(documents)):
        size = len(document.text)
        is_other = document.uri != uri and document.language_id == language_id
        if is_other and 0 < size <= min(left, MAX_CHARS_EACH):
            texts.append(document.text)
            left -= size
    return tuple(texts)
