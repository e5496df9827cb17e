"""The forms that answers are asked for in, and held to while the model writes."""

from __future__ import annotations

from dataclasses import dataclass

from inference import Grammar
from lsp.markdown import fence_for


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer looks, all of it, or the `rest` of it where it is begun for the model."""

    beginning: str
    whole: Grammar
    rest: Grammar


def fenced(old_text: str) -> Form:
    """One closed block of code, whose fence is longer than any in `old_text`, and nothing else."""
    fence = fence_for(old_text)
    # A line in the block never begins with what would close it.
    rules = f"""
lines ::= line* "{fence}"
line ::= [ \\t]* (text | ticks)? "\\n"
text ::= [^` \\t\\n\\r] [^\\n\\r]*
ticks ::= "`"{{1,{len(fence) - 1}}} ([^`\\n\\r] [^\\n\\r]*)?
"""
    return Form(
        f"{fence}\n",
        Grammar(rules=f'root ::= "{fence}" [a-zA-Z0-9#+_-]{{0,20}} "\\n" lines{rules}'),
        Grammar(rules=f"root ::= lines{rules}"),
    )


_NAME = "name ::= [a-zA-Z_] [a-zA-Z0-9_]{0,39}"
NAME_IN_BACKTICKS = Form(
    "`",
    Grammar(rules=f'root ::= "`" name "`"\n{_NAME}'),
    Grammar(rules=f'root ::= name "`"\n{_NAME}'),
)
