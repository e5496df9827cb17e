"""Text in Markdown."""

from __future__ import annotations

import re


def fence_for(text: str) -> str:
    """Longer than any run of backticks in the text, so that nothing in it ends the block."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(3, longest + 1)
