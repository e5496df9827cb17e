"""Random but plausible editing of a text around a cursor."""

from __future__ import annotations

import random
from dataclasses import dataclass

MAX_CHARS = 2000
TYPED = (
    *"x(s",
    "    ",
    "\n",
    "\r\n",
    "\t",
    "\n    ",
    "def f(",
    "self.",
    "return ",
    "retu",
    " = ",
    "()",
    "é",
    "日本",
    "🙂",
    "<|fim_middle|>",
)


@dataclass
class Editing:
    """Offsets are Python string indices."""

    text: str
    cursor: int
    chance: random.Random

    @classmethod
    def of(cls, source: str, chance: random.Random) -> Editing:
        """A piece of `source` with the cursor somewhere in it."""
        start = chance.randrange(max(len(source) - MAX_CHARS, 1))
        text = source[start : start + chance.randint(100, MAX_CHARS)]
        return cls(text, chance.randint(0, len(text)), chance)

    @property
    def prefix(self) -> str:
        return self.text[: self.cursor]

    @property
    def suffix(self) -> str:
        return self.text[self.cursor :]

    def edit(self) -> None:
        """Types, deletes, moves a little, or jumps."""
        what = self.chance.random()
        if what < 0.6:
            typed = self.chance.choice(TYPED)
            self.text = self.prefix + typed + self.suffix
            self.cursor += len(typed)
        elif what < 0.75:
            kept = self.prefix[: max(self.cursor - self.chance.randint(1, 6), 0)]
            self.text, self.cursor = kept + self.suffix, len(kept)
        elif what < 0.9:
            moved = self.cursor + self.chance.randint(-80, 80)
            self.cursor = min(max(moved, 0), len(self.text))
        else:
            self.cursor = self.chance.randint(0, len(self.text))
