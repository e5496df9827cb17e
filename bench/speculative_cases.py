"""What the speculation benchmark asks, and what the answers are: made from real edits.

Each *set* turns an edit (`bench.edits`) into a request and its true answer:

- `edit`: the file with the region in it and what is to be done (the commit's message); the answer
  is the region's new text, the old one is given to draft from;
- `completion`: fill in the region's new text between the text before and after it;
- `shown`: the same, with a suggestion at hand that went wrong in its first word;
- `chat`: a question about the region; the answer is the commit's message and, in a fence, the new
  text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from bench.edits import Edit
from inference import FimPrompt, GenerationRequest, Priority, TextPrompt

N_LINES_BEFORE = 24
N_LINES_AFTER = 12


class Case(NamedTuple):
    """A request (its `sampling` is the benchmark's business) and the text it is to answer."""

    request: GenerationRequest
    answer: str


def edit(e: Edit) -> Case:
    prompt = f"{_before(e)}{e.old}{_after(e)}\n\n{e.message}\n\n"
    return Case(GenerationRequest(prompt=TextPrompt(text=prompt), old_text=e.old), e.new)


def completion(e: Edit) -> Case:
    return Case(GenerationRequest(prompt=FimPrompt(prefix=_before(e), suffix=_after(e))), e.new)


def shown(e: Edit) -> Case:
    prompt = FimPrompt(prefix=_before(e), suffix=_after(e))
    diverged = re.sub(r"\w+", "other", e.new, count=1)
    return Case(GenerationRequest(prompt=prompt, shown_text=diverged), e.new)


def chat(e: Edit) -> Case:
    code = f"```{e.language}\n{_before(e)}{e.old}{_after(e)}```"
    prompt = TextPrompt(text=f"{code}\n\nWhat should be changed here, and why?\n\n")
    answer = f"{e.message}\n\n```{e.language}\n{e.new}```\n"
    return Case(GenerationRequest(prompt=prompt, priority=Priority.CHAT), answer)


SETS: dict[str, Callable[[Edit], Case]] = {
    "edit": edit,
    "completion": completion,
    "shown": shown,
    "chat": chat,
}


def _before(e: Edit) -> str:
    return "".join(e.before.splitlines(keepends=True)[-N_LINES_BEFORE:])


def _after(e: Edit) -> str:
    return "".join(e.after.splitlines(keepends=True)[:N_LINES_AFTER])
