"""A reply on a terminal: Markdown a block at a time, as it comes. What a model writes can move no
cursor and change no title: control characters are shown, not sent."""

from __future__ import annotations

import re

from rich.console import Console
from rich.markdown import Markdown
from rich.syntax import Syntax

_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f\ufeff]"
)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")


def harmless(text: str) -> str:
    """`text` without what a terminal would obey or a reader would not see."""
    text = text.replace("\r\n", "\n")
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


class BlockPrinter:
    """Prints each paragraph, list or code block once it is complete, so nothing is drawn twice.
    Into a file or a pipe they go as they are: a program that reads them wants no lines broken."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._held = ""

    def feed(self, text: str) -> None:
        self._held += text
        blocks, self._held = complete_blocks(self._held)
        if blocks:
            self._print(blocks)

    def finish(self) -> None:
        held, self._held = self._held, ""
        if held.strip():
            self._print(held.rstrip("\n") + "\n")

    def _print(self, text: str) -> None:
        if self._console.is_terminal:
            self._console.print(Markdown(harmless(text)), soft_wrap=False)
        else:
            self._console.out(harmless(text), end="", highlight=False)


def complete_blocks(text: str) -> tuple[str, str]:
    """What can be rendered now, up to the last empty line outside code, and the rest."""
    end = at = 0
    fence = ""
    for line in text.splitlines(keepends=True):
        at += len(line)
        match = _FENCE.match(line)
        if match and not fence:
            fence = match[1]
        elif match and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
            if line.endswith("\n"):
                end = at
        elif not fence and not line.strip() and line.endswith("\n"):
            end = at
    return text[:end], text[end:]


def diff(console: Console, text: str) -> None:
    """A unified diff in colours."""
    console.print(Syntax(harmless(text), "diff", theme="ansi_dark", background_color="default"))
