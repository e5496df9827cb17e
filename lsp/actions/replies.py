"""Reads a model's answer: fenced blocks, search/replace blocks, diffs, and what stands around them.

Models answer in many forms whatever they are told, and may be cut off anywhere. Nothing here judges
an answer or raises; lines end with `\\n`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lsp.context.surroundings import to_newlines

_FENCE = re.compile(r"\s*(?P<fence>`{3,}|~{3,})\s*(?P<info>[^`\n]*?)\s*")
_SEARCH = re.compile(r"\s*<{5,9}\s*(?:SEARCH|ORIGINAL|HEAD|OLD)?\s*")
_DIVIDER = re.compile(r"\s*={5,9}\s*")
_REPLACE = re.compile(r"\s*>{5,9}\s*(?:REPLACE|UPDATED|NEW)?\s*")
_THOUGHT = re.compile(r"<(think|thinking|reasoning)>")
_PATH = r"(?P<path>[\w.@~-]*(?:[\\/][\w.@~-]+)*\.[A-Za-z]\w{0,7})"
_PATH_LINE = re.compile(rf"[\s#*`/-]*(?:(?:file|filename|path)\s*:\s*)?[`*]*{_PATH}[`*:\s-]*", re.I)
_PATH_IN_INFO = re.compile(rf"(?:^|[:\s=\"'{{]){_PATH}(?:$|[\s\"'}}])")
_DIFF_HEAD = re.compile(rf"(?:---|\+\+\+) (?:[ab]/)?{_PATH}\s*")
_MAX_MARK_CHARS = 300
"""A longer line is none of these: some of the patterns take the square of its length."""
_HUNK = re.compile(r"@@.*")


@dataclass(frozen=True, slots=True)
class Block:
    """Text in a fence."""

    text: str
    language: str = ""
    path: str = ""
    """The file it is said to be of; may be empty."""
    is_closed: bool = True


@dataclass(frozen=True, slots=True)
class Replacement:
    search: str
    replace: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    blocks: tuple[Block, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    bare: str = ""
    """What is in no block."""
    is_unfinished: bool = False
    """A replacement or a thought was not ended."""


def without_thoughts(answer: str) -> str:
    """The answer without what the model thought aloud, be it ended or not."""
    return _split_thoughts(answer)[0]


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


def read_reply(answer: str) -> Reply:
    text, is_thinking = _split_thoughts(answer)
    nested, plain = (_read(text, is_nested=is_nested) for is_nested in (True, False))
    # A fence inside a fence is only believed in if the fences add up.
    is_balanced = all(block.is_closed for block in nested.blocks)
    reply = nested if is_balanced else plain
    return Reply(reply.blocks, reply.replacements, reply.bare, reply.is_unfinished or is_thinking)


def _read(text: str, *, is_nested: bool) -> Reply:
    lines = _Lines(text.split("\n"))
    blocks: list[Block] = []
    replacements: list[Replacement] = []
    bare: list[str] = []
    is_unfinished = False
    while lines:
        line = lines.take()
        fence = _match(_FENCE, line)
        if fence is not None:
            block = _block(lines, fence, _path_before(bare), is_nested=is_nested)
            inner = _read_replacements(block)
            if inner is None:
                blocks.append(block)
            else:
                replacements += inner.replacements
                is_unfinished = is_unfinished or inner.is_unfinished
        elif _match(_SEARCH, line):
            replacement = _replacement(lines, _path_before(bare))
            if replacement is None:
                is_unfinished = True
            else:
                replacements.append(replacement)
        else:
            bare.append(line)
    return Reply(tuple(blocks), tuple(replacements), "\n".join(bare), is_unfinished)


def _match(pattern: re.Pattern[str], line: str) -> re.Match[str] | None:
    return pattern.fullmatch(line) if len(line) <= _MAX_MARK_CHARS else None


class _Lines:
    """Lines to be taken one by one."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._next = 0

    def __bool__(self) -> bool:
        return self._next < len(self._lines)

    def take(self) -> str:
        self._next += 1
        return self._lines[self._next - 1]

    def until(self, end: re.Pattern[str]) -> list[str] | None:
        """The lines before the next one that matches, which is taken too; None without one."""
        taken: list[str] = []
        while self:
            line = self.take()
            if _match(end, line):
                return taken
            taken.append(line)
        return None


def _block(lines: _Lines, opening: re.Match[str], path: str, *, is_nested: bool) -> Block:
    fence, info = opening["fence"], opening["info"]
    taken: list[str] = []
    depth, is_closed = 1, False
    while lines and not is_closed:
        line = lines.take()
        inner = _match(_FENCE, line)
        if inner is not None and inner["fence"].startswith(fence):
            if inner["info"]:
                depth += is_nested
            else:
                depth -= 1
        is_closed = depth == 0
        if not is_closed:
            taken.append(line)
    language = re.split(r"[\s:{]", info, maxsplit=1)[0].lower()
    named = _PATH_IN_INFO.search(info)  # No longer than a mark.
    is_path = named is not None and language == named["path"].lower()
    return Block(
        "\n".join(taken),
        "" if is_path else language,
        named["path"] if named else path,
        is_closed,
    )


def _path_before(bare: list[str]) -> str:
    """The file named on the line before, if nothing else is on it."""
    before = next((line for line in reversed(bare[-2:]) if line.strip()), "")
    named = _match(_PATH_LINE, before)
    return named["path"] if named else ""


def _replacement(lines: _Lines, path: str) -> Replacement | None:
    search = lines.until(_DIVIDER)
    replace = lines.until(_REPLACE) if search is not None else None
    if search is None or replace is None:
        return None
    return Replacement("\n".join(search), "\n".join(replace), path)


def _read_replacements(block: Block) -> Reply | None:
    """A block whose content is replacements or a diff; None for any other."""
    if block.language in ("diff", "patch"):
        return Reply(replacements=tuple(_hunks(block)), is_unfinished=not block.is_closed)
    if not any(_match(_SEARCH, line) for line in block.text.split("\n")):
        return None
    inner = _read(block.text, is_nested=False)
    named = (Replacement(r.search, r.replace, r.path or block.path) for r in inner.replacements)
    return Reply(replacements=tuple(named), is_unfinished=inner.is_unfinished)


def _hunks(block: Block) -> Iterator[Replacement]:
    """Each hunk of a unified diff as what it removes and what it puts there."""
    path = block.path
    old: list[str] = []
    new: list[str] = []
    for line in [*block.text.split("\n"), "@@"]:
        if line.startswith(("--- ", "+++ ")):
            named = _match(_DIFF_HEAD, line)
            path = named["path"] if named else path
        elif _match(_HUNK, line):
            if old != new:
                yield Replacement("\n".join(old), "\n".join(new), path)
            old, new = [], []
        elif line.startswith("-"):
            old.append(line[1:])
        elif line.startswith("+"):
            new.append(line[1:])
        else:
            old.append(line[1:])
            new.append(line[1:])
