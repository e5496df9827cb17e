"""Tokens of a text, block by block, so that a keystroke tokenises a line and not a window.

A block is a line with the blank lines around it. Cutting there changes no token as long as the
tokenizer's own pre-splitting cuts there too. Which rule that is differs between tokenizers and is
not in the metadata, so it is found out with sample texts when a model is loaded; a tokenizer that
fits neither (SentencePiece) gets its text whole.

The tokens of a text depend on that text alone, never on what was tokenised before.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Tokenize = Callable[[str], list[int]]

_AFTER_NEWLINES = re.compile(r"[^\n]*\n(?:[^\S\n]*\n)*|[^\n]+")
"""Blocks end with their newlines: Qwen, Llama 3, DeepSeek and others."""
_BEFORE_NEWLINES = re.compile(r"\s*\S(?:[^\n]*\S)?|\s+")
"""Blocks start with the white space before them: GPT-2, StarCoder and others, whose tokens join a
newline with the indentation after it."""

_SAMPLES = (
    "def f(x):\n    if x:\n        return (1)\n\n\n    y = [x,\n         2]\n\nclass A:\n  pass\n",
    "int f(int x)\n{\n\tif (x) {\n\t\treturn 1;   \n\t}\n\n\treturn 0; // ok.\n}\n",
    "a\r\n  b\r\n\r\n\tc();\r\n}\r\n",
    "# Überschrift\n\n*  Punkt – eins…\n   \n  日本語\n'it''s'\n```\n",
    "x = 1\n    ",
    "\n\n    return self.value\n\n",
)
_MAX_CACHED_CHARS = 1_000_000
_LONG_CHARS = 512
_MAX_TEXTS = 8


class BlockTokenizer:
    """Tokenises texts that mostly repeat earlier ones."""

    def __init__(self, tokenize: Tokenize) -> None:
        self._tokenize = tokenize
        self._cache: dict[str, tuple[int, ...]] = {}
        """Of blocks."""
        self._texts: dict[str, tuple[int, ...]] = {}
        """Of the last long texts, the oldest first."""
        self.n_cached_chars = 0
        self._rule = next(
            (
                rule
                for rule in (_AFTER_NEWLINES, _BEFORE_NEWLINES)
                if all(self._fits(rule, sample) for sample in _SAMPLES)
            ),
            None,
        )

    @property
    def cuts(self) -> bool:
        """Whether texts are cut into blocks for this tokenizer."""
        return self._rule is not None

    def tokens(self, text: str) -> list[int]:
        """Ids of plain text."""
        # The text after the cursor is the same at every key of a line.
        known = self._texts.get(text)
        if known is not None:
            return list(known)
        blocks = self._rule.findall(text) if self._rule else [text]
        ids: list[int] = []
        for block in blocks:
            ids += self._cache.get(block) or self._read(block)
        if len(text) >= _LONG_CHARS:
            if len(self._texts) >= _MAX_TEXTS:
                del self._texts[next(iter(self._texts))]
            self._texts[text] = tuple(ids)
        return ids

    def _read(self, block: str) -> tuple[int, ...]:
        if self.n_cached_chars > _MAX_CACHED_CHARS:
            self._cache.clear()
            self.n_cached_chars = 0
        ids = self._cache[block] = tuple(self._tokenize(block))
        self.n_cached_chars += len(block)
        return ids

    def _fits(self, rule: re.Pattern[str], sample: str) -> bool:
        blocks = rule.findall(sample)
        pieces = [token for block in blocks for token in self._tokenize(block)]
        return "".join(blocks) == sample and pieces == self._tokenize(sample)
