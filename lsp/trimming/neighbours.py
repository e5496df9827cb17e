"""Lines that say again what stands right above or below them.

Repeating is right as often as it is wrong: calls are made twice, rows of data are alike, a second
`try:` or `@property` begins something new. So the nearer a line's twin, the less it must say.
"""

from __future__ import annotations

import re

from lsp.context.surroundings import Surroundings, columns, indent_of
from lsp.trimming.repetition import is_telling, squash

_LETTER = re.compile(r"[^\W\d]")
_PRELUDE = re.compile(r"\s*(?:@[\w.:]+(?:\(.*\))?\s*$|#!?\[|(?:\w+|<[^<>]*>)[\s:{]*$)")
_ASSIGNMENT = re.compile(r"(?:\w+\s+)*([\w.\[\]\"']+)\s*(?::[^=]*)?:?=(?![=>~])(.+)")
_ACTIVE = re.compile(r"[(]|\+\+|--|\b(?:await|yield)\b")
_ONCE = re.compile(r"(?:break|continue|from|import|pass|raise|return|throw|use|using)\b")
_CALL = re.compile(r"[\w.:>$-]+!?\(")
_TELLING_CALL_CHARS = 24
_UNSURE_STARTS = tuple(")]}<@{[#")


def is_same(line: str, other: str) -> bool:
    """Whether two lines say the same at the same depth."""
    return squash(line) == squash(other) and _column(line) == _column(other)


def repeats_below(line: str, around: Surroundings, *, is_code: bool) -> bool:
    """Whether a line already stands below the cursor: next, or a few lines on in the same block."""
    if not around.next_lines:
        return False
    if is_same(line, around.next_line):
        return _LETTER.search(line) is not None and not _may_come_twice(line, around)
    if not is_code or not _is_one_of_a_kind(line, around):
        return False
    for below in around.next_lines:
        if _column(below) < _column(line):
            return False
        if is_same(line, below):
            return True
    return False


def repeat_two_below(first: str, second: str, around: Surroundings) -> bool:
    """Whether two lines are the next two, however little the first of them says."""
    if len(around.next_lines) < 2 or _LETTER.search(second) is None:
        return False
    return is_same(first, around.next_lines[0]) and is_same(second, around.next_lines[1])


def repeats_above(line: str, above: str, *, is_code: bool) -> bool:
    """Whether a line says again what stands directly above the cursor."""
    return is_same(line, above) and (is_telling(line) or (is_code and is_idle_twice(line)))


def is_idle_twice(line: str) -> bool:
    """Whether a statement does nothing when it comes a second time in a row.

    That is an assignment of what does not change by being looked at, and what is said once, such as
    `return x`. `i += 1` and `x = f()` are not.
    """
    statement = line.strip()
    if _ONCE.match(statement):
        return True
    found = _ASSIGNMENT.fullmatch(statement)
    if found is None or _ACTIVE.search(statement):
        return False
    target, value = found.groups()
    return re.search(rf"(?<!\w){re.escape(target)}(?!\w)", value) is None


def _may_come_twice(line: str, around: Surroundings) -> bool:
    """Whether a line may rightly stand above its twin: it is the beginning of something of its own.

    Such are decorators and bare words that open a block. Whether they repeat the next lines is for
    the line after them to say, see `repeat_two_below`.
    """
    language = around.language
    word = line.strip().rstrip(":{ ")
    if word in language.ends:
        return True
    if word in language.continues or not _PRELUDE.match(line):
        return False
    return line.lstrip()[0] in "@#" or around.opens_block(line)


def _is_one_of_a_kind(line: str, around: Surroundings) -> bool:
    """Whether a line says so much that one block does not have it twice.

    A loop's head may come again, and so may tags, decorators, rows of numbers and short calls.
    """
    text = line.strip()
    if _CALL.match(text) and len(squash(text)) < _TELLING_CALL_CHARS:
        return False
    if text.startswith(_UNSURE_STARTS) or around.opens_block(line):
        return False
    return is_telling(line) and _LETTER.search(text) is not None


def _column(line: str) -> int:
    return columns(indent_of(line))
