"""A model's reply → the new text of the lines it was asked to rewrite.

Whatever form the reply has, what comes out is the region alone, in the file's own indentation.
Raises FaultyAnswerError for what cannot be brought into that form without guessing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import chain
from pathlib import PurePosixPath

from lsp.actions.definitions import definitions_around
from lsp.actions.imports import split_imports
from lsp.actions.indentation import reindented
from lsp.actions.place import Place
from lsp.actions.proposal import FaultyAnswerError
from lsp.changes import Span
from lsp.context.surroundings import surroundings_of, to_newlines
from lsp.replies.marks import path_in_comment
from lsp.replies.reading import Block, Reply

_CONSOLES = frozenset({"bash", "sh", "shell", "console", "text", "txt", "output", "json", "yaml"})
_TOOL_CALL = re.compile(r"<\|?tool_call|\[TOOL_CALLS\]|<function[=_]|<\|python_tag\|>")
_PROSE = re.compile(r"[A-Z*#>\d-].*[.:!?*]|[A-Z][\w' ,]*")
_CODE_MARKS = re.compile(r"[=(){};\[\]@<>]|\breturn\b|^\s*(?:#|//)|^\s*(?:import|from|def|class)\b")
_IMPORT_LINE = re.compile(r"\s*(?:import|from|use|using|#include)\b.*")


@dataclass(frozen=True, slots=True)
class Fitted:
    text: str
    """The region's new text, lines ended by `\\n`, the last one without."""
    imports: tuple[str, ...]
    """Lines that belong to the file's imports."""
    is_sure: bool


@dataclass(frozen=True)
class Target:
    """The lines to be rewritten."""

    place: Place
    region: Span

    @property
    def old(self) -> str:
        return to_newlines(self.region.cut(self.place.text))

    @property
    def above(self) -> list[str]:
        return to_newlines(self.place.text[: self.region.start]).lstrip("\ufeff").split("\n")[:-1]

    @property
    def below(self) -> list[str]:
        return to_newlines(self.place.text[self.region.end :]).split("\n")[1:]

    @property
    def file_name(self) -> str:
        return self.place.path.name if self.place.path else ""


def fit(reply: Reply, target: Target, *, is_cut: bool) -> Fitted:
    """`is_cut`: the model was stopped by a token limit."""
    if reply.is_unfinished:
        raise FaultyAnswerError("was cut off")
    if reply.changes:
        return _replaced(reply.changes, target)
    if reply.code:
        block = _best(reply.code, target)
        if is_cut and not block.is_closed:
            raise FaultyAnswerError("was cut off")
        code, is_sure = block.text, True
        if not block.is_closed:
            code, is_sure = _without_prose(block.text, target)
    else:
        if is_cut:
            raise FaultyAnswerError("was cut off")
        code, is_sure = _without_prose(reply.bare, target)
    return _placed(code, target, is_sure=is_sure)


def _placed(code: str, target: Target, *, is_sure: bool) -> Fitted:
    """Code on its own → the region's new text."""
    code = _without_path_comment(code.strip("\n"), target)
    if _TOOL_CALL.search(code) or _is_tool_call(code, target):
        raise FaultyAnswerError("asks for a tool instead of giving code")
    if not code.strip():
        raise FaultyAnswerError("has no code")
    code, extra = _inner_part(code.split("\n"), target)
    imports, code = split_imports(code, target.old, target.place.language)
    unit = surroundings_of(target.place.snapshot).indent_unit
    text = reindented(code.strip("\n"), target.old, unit=unit, language=target.place.language)
    lines = [line.rstrip() if not line.strip() else line for line in text.split("\n")]
    return Fitted("\n".join(lines), (*extra, *imports), is_sure)


def _best(blocks: tuple[Block, ...], target: Target) -> Block:
    """The block that is the region; raises FaultyAnswerError if all are of other files."""
    own = [block for block in blocks if _is_own_file(block.path, target)]
    if not own:
        raise FaultyAnswerError(f"is about another file, {blocks[0].path}")
    language = target.place.language
    code = [b for b in own if b.language not in _CONSOLES or b.language == language.id] or own
    old = target.old

    def likeness(block: Block) -> float:
        return SequenceMatcher(None, block.text, old, autojunk=False).quick_ratio()

    return max(code, key=likeness)


def _is_own_file(path: str, target: Target) -> bool:
    name = PurePosixPath(path.replace("\\", "/")).name
    return not name or not target.file_name or name == target.file_name


def _replaced(changes: tuple[Block, ...], target: Target) -> Fitted:
    lines = target.old.split("\n")
    is_sure = True
    other = next((block for block in changes if not _is_own_file(block.path, target)), None)
    if other is not None:
        raise FaultyAnswerError(f"is about another file, {other.path}")
    for replacement in chain.from_iterable(block.replacements or () for block in changes):
        search = replacement.search.strip("\n").split("\n")
        replace = replacement.replace.strip("\n")
        start, is_exact = _find(search, lines, target)
        found = lines[start : start + len(search)]
        if not is_exact:
            unit = surroundings_of(target.place.snapshot).indent_unit
            language = target.place.language
            replace = reindented(replace, "\n".join(found), unit=unit, language=language)
        is_sure = is_sure and is_exact
        lines[start : start + len(search)] = replace.split("\n") if replace else []
    return Fitted("\n".join(lines), (), is_sure)


def _find(search: list[str], lines: list[str], target: Target) -> tuple[int, bool]:
    """Where the lines stand, and whether as they are: the white space around them may differ."""
    if not any(line.strip() for line in search):
        raise FaultyAnswerError("has an empty search block")
    for is_exact in (True, False):
        wanted = search if is_exact else [line.strip() for line in search]
        given = lines if is_exact else [line.strip() for line in lines]
        last = len(lines) - len(search)
        starts = [n for n in range(last + 1) if given[n : n + len(search)] == wanted]
        if len(starts) > 1:
            raise FaultyAnswerError("has a search block that matches in several places")
        if starts:
            return starts[0], is_exact
    everything = [line.strip() for line in [*target.above, *target.below]]
    if all(line.strip() in everything for line in search if line.strip()):
        raise FaultyAnswerError("changes code outside the marked part")
    raise FaultyAnswerError("has a search block that is not in the code")


def _without_prose(bare: str, target: Target) -> tuple[str, bool]:
    """The code in a text without blocks, and whether nothing had to be left out."""
    parts = re.split(r"(\n(?:[ \t]*\n)+)", bare.strip("\n"))
    paragraphs = parts[::2]
    known = {line.strip() for line in target.old.split("\n") if line.strip()}

    def is_prose(paragraph: str) -> bool:
        lines = paragraph.split("\n")
        if any(line.strip() in known for line in lines):
            return False
        return all(_is_prose_line(line) for line in lines)

    n_before = next((n for n, p in enumerate(paragraphs) if not is_prose(p)), len(paragraphs))
    if n_before == len(paragraphs):
        if _TOOL_CALL.search(bare):
            raise FaultyAnswerError("asks for a tool instead of giving code")
        if target.place.tree is None and bare.strip():
            return bare, True  # A text about texts: prose is what was asked for.
        raise FaultyAnswerError("has no code")
    n_after = next(n for n, p in enumerate(reversed(paragraphs)) if not is_prose(p))
    code = "".join(parts[2 * n_before : len(parts) - 2 * n_after])
    first, _, rest = code.partition("\n")
    if _is_prose_line(first) and first.strip() not in known and rest:
        code, n_before = rest, n_before + 1
    return code, n_before + n_after == 0


def _is_prose_line(line: str) -> bool:
    return bool(_PROSE.fullmatch(line.rstrip())) and not _CODE_MARKS.search(line.rstrip(".:!?*"))


def _is_tool_call(bare: str, target: Target) -> bool:
    if target.place.language.id in ("json", "jsonc"):
        return False
    try:
        value: object = json.loads(bare)
    except ValueError:
        return False
    return isinstance(value, dict) and bool({"name", "tool", "function"} & value.keys())


def _without_path_comment(code: str, target: Target) -> str:
    """Without a first line that only says which file it is."""
    first, _, rest = code.partition("\n")
    named = path_in_comment(first)
    if not named or first.strip() in target.old:
        return code
    if not _is_own_file(named, target):
        raise FaultyAnswerError(f"is about another file, {named}")
    return rest


def _inner_part(lines: list[str], target: Target) -> tuple[str, tuple[str, ...]]:
    """The region out of an answer that has what stands around it too, the whole function or file;
    and the imports added around it. Around it nothing else may differ."""
    for above, below in _frames(target):
        extra = _strip_frame(lines, above, below)
        if extra is not None:
            return extra
    return "\n".join(lines), ()


def _frames(target: Target) -> list[tuple[list[str], list[str]]]:
    """What stands above and below the region in each definition around it, and in the file."""
    place, text = target.place, target.place.text
    spans = [Span(0, len(text))]
    if place.tree is not None:
        spans = [
            *(place.lines(d.span) for d in definitions_around(place.tree, target.region)),
            *spans,
        ]
    frames: list[tuple[list[str], list[str]]] = []
    for span in spans:
        above = to_newlines(text[span.start : target.region.start]).lstrip("\ufeff").split("\n")
        below = to_newlines(text[target.region.end : span.end]).split("\n")
        frame = tuple([line for line in part if line.strip()] for part in (above, below))
        if frame[0] or frame[1]:
            frames.append((frame[0], frame[1]))
    return frames


def _strip_frame(
    lines: list[str], above: list[str], below: list[str]
) -> tuple[str, tuple[str, ...]] | None:
    """The lines without the frame and the imports added to it; None if they have no such frame.

    Raises FaultyAnswerError if they have one that differs.
    """
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    has_head = bool(above) and lines[first].strip() == above[0].strip()
    start, added = _match(lines, above) if has_head else (0, [])
    end, added_below = _match(lines[::-1], below[::-1])
    has_tail = bool(below) and end is not None
    if not has_head:
        if above or not has_tail:
            return None
        start = 0
    if start is None and _IMPORT_LINE.fullmatch(above[0]):
        return None  # It only repeats the file's first import.
    if start is None or (below and end is None) or added_below:
        raise FaultyAnswerError("changes code outside the marked part")
    inner = lines[start : len(lines) - (end or 0)]
    return "\n".join(inner), tuple(added)


def _match(lines: list[str], frame: list[str]) -> tuple[int | None, list[str]]:
    """How many lines the frame takes at the beginning of `lines`, and the imports in between that
    it does not have; None if it is not there."""
    added: list[str] = []
    wanted = iter(frame)
    expected = next(wanted, None)
    for number, line in enumerate(lines):
        if expected is None:
            return number, added
        if not line.strip():
            continue
        if line.strip() == expected.strip():
            expected = next(wanted, None)
        elif _IMPORT_LINE.fullmatch(line):
            added.append(line.strip())
        else:
            return None, []
    return (len(lines), added) if expected is None else (None, [])
