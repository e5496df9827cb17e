"""Reads an answer: fenced blocks, search/replace blocks, diffs, and what stands around them.

Models answer in many forms whatever they are told, and may be cut off anywhere. Nothing here judges
an answer or raises; lines end with `\\n`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter

from lsp.context.surroundings import to_newlines
from lsp.replies import marks
from lsp.replies.lines import Lines
from lsp.replies.replacements import (
    Replacement,
    between_markers,
    has_markers,
    in_diff,
    is_diff,
    next_replacement,
)

_THOUGHT = re.compile(r"<(think|thinking|reasoning)>")


@dataclass(frozen=True, slots=True)
class Block:
    """Code in a fence; or replacements in one file, in a fence or without."""

    text: str
    """What is in the fence, without the fence's indentation and a newline at its end."""
    language: str = ""
    path: str = ""
    """The file it is said to be of; may be empty."""
    is_closed: bool = True
    """Whether its fence is."""
    replacements: tuple[Replacement, ...] | None = None
    """None for code."""
    is_finished: bool = True
    """Whether no replacement was begun and not ended."""


@dataclass(frozen=True, slots=True)
class Reply:
    blocks: tuple[Block, ...] = ()
    bare: str = ""
    """What is in no block."""
    is_thinking: bool = False
    """It ended in the middle of a thought."""

    @property
    def code(self) -> tuple[Block, ...]:
        """The blocks that are no replacements."""
        return tuple(block for block in self.blocks if block.replacements is None)

    @property
    def changes(self) -> tuple[Block, ...]:
        """The blocks that have replacements."""
        return tuple(block for block in self.blocks if block.replacements)

    @property
    def is_unfinished(self) -> bool:
        """A replacement or a thought was not ended."""
        return self.is_thinking or not all(block.is_finished for block in self.blocks)


def without_thoughts(answer: str) -> str:
    """The answer without what the model thought aloud, be it ended or not."""
    return _split_thoughts(answer)[0]


def read_reply(answer: str) -> Reply:
    """An answer in which thoughts may stand."""
    text, is_thinking = _split_thoughts(answer)
    return replace(read_text(text), is_thinking=is_thinking)


def read_text(text: str) -> Reply:
    """An answer whose thoughts were taken out before: such marks in it are text."""
    lines = to_newlines(text).split("\n")
    nested = _read(lines, is_nested=True)
    # A fence inside a fence is only believed in if the fences add up.
    is_balanced = all(block.is_closed for block in nested.blocks)
    return nested if is_balanced else _read(lines, is_nested=False)


def _split_thoughts(answer: str) -> tuple[str, bool]:
    """The answer without thoughts, and whether the last of them was not ended."""
    text = to_newlines(answer)
    if "</think>" in text and "<think>" not in text:
        text = text.rpartition("</think>")[2]  # The template may have opened it.
    said: list[str] = []
    while (opening := _THOUGHT.search(text)) is not None:
        said.append(text[: opening.start()])
        _, closing, text = text[opening.end() :].partition(f"</{opening[1]}>")
        if not closing:
            return "".join(said), True
    return "".join([*said, text]), False


def _read(text: list[str], *, is_nested: bool) -> Reply:
    lines = Lines(text)
    blocks: list[Block] = []
    bare: list[str] = []
    while lines:
        line = lines.take()
        path = lines.path_before()
        if (fence := marks.match(marks.FENCE, line)) is not None:
            found = _with_changes(_block(lines, fence, path, is_nested=is_nested))
        elif (opening := marks.match(marks.SEARCH, line)) is not None:
            replacement = next_replacement(lines, opening["margin"])
            found = _by_file(Block("", path=path), [(path, replacement)])
        else:
            bare.append(line)
            continue
        for block in found:
            # Several in a row may follow one path.
            is_more = block.replacements is not None and not block.path and bool(blocks)
            blocks.append(replace(block, path=blocks[-1].path) if is_more else block)
    return Reply(tuple(blocks), "\n".join(bare))


def _block(lines: Lines, opening: re.Match[str], path: str, *, is_nested: bool) -> Block:
    fence, info, margin = opening["fence"], opening["info"], len(opening["margin"])
    taken: list[str] = []
    depth = 1
    in_markers = False
    while lines:
        line = lines.take()
        inner = None if in_markers else marks.match(marks.FENCE, line)
        if inner is not None and inner["fence"].startswith(fence):
            if inner["info"]:
                depth += is_nested
            else:
                depth -= 1
        if depth == 0:
            break
        # Inside search and replace markers a fence is text.
        ends = marks.match(marks.REPLACE, line)
        in_markers = not ends if in_markers else marks.match(marks.SEARCH, line) is not None
        taken.append(line if line[:margin].strip() else line[margin:])
    language = re.split(r"[\s:{]", info, maxsplit=1)[0].lower()
    named = marks.path_in_info(info)
    language = "" if language == named.lower() else language
    return Block("\n".join(taken), language, named or path, is_closed=depth == 0)


def _with_changes(block: Block) -> list[Block]:
    """The block, or what it says is to be replaced, a block for each file."""
    text = block.text.split("\n")
    if is_diff(block.language, text):
        found = _by_file(block, list(in_diff(text, block.path)))
        return [*found[:-1], replace(found[-1], is_finished=block.is_closed)]
    if has_markers(text):
        return _by_file(block, list(between_markers(text, block.path)))
    return [block]


def _by_file(block: Block, found: Sequence[tuple[str, Replacement | None]]) -> list[Block]:
    if not found:
        return [replace(block, replacements=())]
    blocks: list[Block] = []
    for path, group in groupby(found, key=itemgetter(0)):
        all_of_it = [replacement for _, replacement in group]
        ended = tuple(replacement for replacement in all_of_it if replacement is not None)
        is_finished = len(ended) == len(all_of_it)
        blocks.append(replace(block, path=path, replacements=ended, is_finished=is_finished))
    return blocks
