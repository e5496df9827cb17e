"""The changes to files in a model's reply: search-and-replace blocks, diffs, and code to take the
place of what has the same name."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCE = re.compile(r"^(?P<margin>[ \t]*)(?P<fence>`{3,}|~{3,})(?P<info>[^`\n]*)$")
_SEARCH = re.compile(r"^<{5,9} ?SEARCH\s*$")
_DIVIDER = re.compile(r"^={5,9}\s*$")
_REPLACE = re.compile(r"^>{5,9} ?REPLACE\s*$")
_HUNK = re.compile(r"^@@.*@@")
_PATH_LINE = re.compile(
    r"^(?:#{1,6} +|[-*] +|\d+[.)] +)?(?:(?:File|Path|In|Datei)\b:? *)?[`*_]*"
    r"(?P<path>[\w@.~+()\[\]-]+(?:[/\\][\w@.~+()\[\] -]+)*\.[A-Za-z0-9_+-]+"
    r"|[\w./-]*(?:Makefile|Dockerfile))[`*_]*:?\s*$"
)
_COMMENT_PATH = re.compile(
    r"^(?:#|//|--|;|/\*|<!--) *(?:[Ff]ile(?:name)?|[Pp]ath)?:? *(?P<path>[\w./@-]+\.\w+)"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """One replacement."""

    old: str
    """Empty for a new file."""
    new: str


@dataclass(frozen=True, slots=True)
class Block:
    """A code block that says what to change."""

    path: str
    """Empty if it names no file."""
    pairs: tuple[Pair, ...]
    """Empty for code that takes the place of what has the same name."""
    code: str
    is_whole: bool = True
    """False if the reply ended in the middle of it."""


def read_blocks(reply: str) -> list[Block]:
    """All blocks of a reply, in their order. Ones in a shell's or no language, without a path and
    without markers, are examples for the reader and left out."""
    lines = reply.replace("\r\n", "\n").split("\n")
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        if fence is not None:
            end = _closing(lines, at, fence["fence"])
            block = _block(lines, at, end, fence["info"].strip(), len(fence["margin"]))
            at = end + 1
        elif _SEARCH.match(lines[at]):
            end = next((i for i in range(at, len(lines)) if _REPLACE.match(lines[i])), len(lines))
            block = _pairs_block(_path_before(lines, at), lines[at : end + 1])
            at = end + 1
        else:
            at += 1
            continue
        if block is not None:
            # Several blocks in a row may follow one path.
            if not block.path and block.pairs and blocks:
                block = Block(blocks[-1].path, block.pairs, block.code, block.is_whole)
            blocks.append(block)
    return blocks


def _closing(lines: list[str], start: int, fence: str) -> int:
    """The line that closes a fence; the number of lines if none does. Inside search and replace
    markers a fence is text."""
    is_inside = False
    for i in range(start + 1, len(lines)):
        if _SEARCH.match(lines[i]):
            is_inside = True
        elif _REPLACE.match(lines[i]):
            is_inside = False
        stripped = lines[i].strip()
        closes = len(stripped) >= len(fence) and set(stripped) == {fence[0]}
        if closes and not is_inside:
            return i
    return len(lines)


def _block(lines: list[str], start: int, end: int, info: str, margin: int) -> Block | None:
    body = [line[margin:] if not line[:margin].strip() else line for line in lines[start + 1 : end]]
    path = _path_in(info) or _path_before(lines, start)
    is_whole = end < len(lines)
    if any(_SEARCH.match(line) for line in body):
        if not path and body and (match := _PATH_LINE.match(body[0])):
            path = match["path"]
        return _pairs_block(path, body, is_whole=is_whole)
    language = info.partition(" ")[0].lower()
    if language in ("diff", "patch") or any(_HUNK.match(line) for line in body):
        return _diff_block(path, body, is_whole=is_whole)
    if not path and body and (match := _COMMENT_PATH.match(body[0])):
        path, body = match["path"], body[1:]
    shells = ("", "text", "console", "bash", "sh", "shell", "zsh", "output", "tool_code")
    if not path and language in shells:
        return None
    return Block(path, (), "\n".join(body) + "\n", is_whole)


def _path_in(info: str) -> str:
    """`python:src/a.py`, `python src/a.py`, `python title="src/a.py"`, `src/a.py`."""
    for word in re.split(r"[\s:=\"'{},]+", info):
        if re.fullmatch(r"[\w@.~+/\\()\[\]-]+\.[A-Za-z0-9_+-]+", word):
            return word
    return ""


def _path_before(lines: list[str], at: int) -> str:
    """From the last line with text before a block."""
    for line in reversed(lines[max(at - 2, 0) : at]):
        if line.strip():
            match = _PATH_LINE.match(line.strip())
            return match["path"] if match else ""
    return ""


def _pairs_block(path: str, body: list[str], *, is_whole: bool = True) -> Block:
    pairs: list[Pair] = []
    old: list[str] | None = None
    new: list[str] | None = None
    for line in body:
        if _SEARCH.match(line):
            old, new = [], None
        elif old is not None and new is None and _DIVIDER.match(line):
            new = []
        elif old is not None and new is not None and _REPLACE.match(line):
            pairs.append(Pair(_joined(old), _joined(new)))
            old = new = None
        elif new is not None:
            new.append(line)
        elif old is not None:
            old.append(line)
    return Block(path, tuple(pairs), "\n".join(body), is_whole and old is None)


def _diff_block(path: str, body: list[str], *, is_whole: bool) -> Block:
    pairs: list[Pair] = []
    old: list[str] = []
    new: list[str] = []
    for line in [*body, "@@ @@"]:
        if line.startswith(("--- ", "+++ ")):
            name = line[4:].split("\t")[0].strip()
            if name != "/dev/null":
                path = re.sub(r"^[ab]/", "", name)
        elif _HUNK.match(line):
            if old != new:
                pairs.append(Pair(_joined(old), _joined(new)))
            old, new = [], []
        elif line.startswith("-"):
            old.append(line[1:])
        elif line.startswith("+"):
            new.append(line[1:])
        elif not line.startswith(("diff ", "index ", "\\")):
            old.append(line[1:])
            new.append(line[1:])
    return Block(path, tuple(pairs), "\n".join(body), is_whole)


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
