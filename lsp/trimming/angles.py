"""Closing angle brackets of type arguments, `Map<string, ‸>`, that already follow the cursor.

Elsewhere `<` and `>` compare, shift or make arrows, which is why the lexer does not pair them. Here
they are looked at only where a `>` stands right of the cursor and a `<` before it has the look of
type arguments.
"""

from __future__ import annotations

import re

from lsp.context.surroundings import Surroundings

_ANGLE = re.compile(r"(?<=[\w:])<(?![<=])|(?<![=\-\s])>(?!=)")
_OPEN_AT_CURSOR = re.compile(r"(?<![\w:<])<$")


def angles_left(around: Surroundings) -> int | None:
    """How many `<` left of the cursor the rest of the line does not close.

    None where the cursor is not in type arguments that an editor has closed.
    """
    suffix = around.line_suffix
    if not around.language.type_arguments or not suffix.startswith(">"):
        return None
    n_open, _ = _unpaired(around.line_prefix)
    n_open += _OPEN_AT_CURSOR.search(around.line_prefix) is not None
    _, n_closing = _unpaired(suffix)
    return max(0, n_open - n_closing) if n_open and n_closing else None


def surplus_angle(text: str, around: Surroundings, n_left: int) -> int | None:
    """The index in `text`, said at the cursor, of a `>` that the rest of the line has already."""
    start = len(around.line_prefix)
    depth = n_left
    for match in _ANGLE.finditer(around.line_prefix + text, start):
        depth += 1 if match.group() == "<" else -1
        if depth < 0:
            return match.start() - start
    return None


def closes_angle(text: str, at: int, around: Surroundings) -> bool:
    """Whether `text`, said at the cursor and without surplus, closes type arguments at `at`."""
    match = _ANGLE.match(around.line_prefix + text, len(around.line_prefix) + at)
    return match is not None and match.group() == ">"


def _unpaired(text: str) -> tuple[int, int]:
    """How many `<` and how many `>` in `text` have no partner in it."""
    n_open = n_closing = 0
    for match in _ANGLE.finditer(text):
        if match.group() == "<":
            n_open += 1
        elif n_open:
            n_open -= 1
        else:
            n_closing += 1
    return n_open, n_closing
