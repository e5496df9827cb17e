"""Replaces a piece of a text that a model quoted, or says why that cannot be done.

A model quotes from memory. Its quotation is looked for exactly; then line by line, white space at
the edges of lines left aside, and what replaces it is indented as the found lines are. If it is
found nowhere, or in several places, nothing is replaced: a wrong place is worse than none.
"""

from __future__ import annotations

import difflib
import re

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_MAX_COMPARED_LINES = 20_000


class NoPlaceError(Exception):
    """The message says why, for the model and the person."""


def replaced(text: str, old: str, new: str, *, whole_lines: bool) -> str:
    """`text` with the one place that says `old` saying `new`; its line endings are kept.

    Args:
        whole_lines: whether `old` is made of whole lines, and must not be found inside one.

    Raises `NoPlaceError`.
    """
    eol = dominant_eol(text)
    old, new = with_eol(old, eol), with_eol(new, eol)
    if not old.strip():
        raise NoPlaceError("The text to replace is empty.")
    found = [match.start() for match in re.finditer(re.escape(old), text)]
    places = [at for at in found if not whole_lines or at == 0 or text[at - 1] in "\r\n"]
    if len(places) == 1:
        return text[: places[0]] + new + text[places[0] + len(old) :]
    if places:
        raise NoPlaceError(f"The text to replace is there {len(places)} times: quote more lines.")
    return _replaced_by_lines(text, old, new, eol)


def dominant_eol(text: str) -> str:
    """The line ending most lines have; "\\n" where there is none."""
    n_crlf = text.count("\r\n")
    return "\r\n" if n_crlf and n_crlf * 2 >= text.count("\n") else "\n"


def with_eol(text: str, eol: str) -> str:
    """`text` with that line ending everywhere."""
    return re.sub(r"\r\n|\r|\n", eol, text)


def lines_of(text: str) -> list[str]:
    """Lines with their endings; only `\\n`, `\\r\\n` and `\\r` end one."""
    return _LINE.findall(text)


def _replaced_by_lines(text: str, old: str, new: str, eol: str) -> str:
    lines, wanted = lines_of(text), _without_blank_edges(lines_of(old))
    if len(lines) > _MAX_COMPARED_LINES:
        raise NoPlaceError("The text to replace is not in the file as it was quoted.")
    keys, wanted_keys = [_key(line) for line in lines], [_key(line) for line in wanted]
    n = len(wanted)
    starts = [i for i in range(len(lines) - n + 1) if keys[i : i + n] == wanted_keys]
    if not starts:
        raise NoPlaceError(_nearest(keys, wanted_keys))
    if len(starts) > 1:
        raise NoPlaceError(f"The text to replace is there {len(starts)} times: quote more lines.")
    (start,) = starts
    found = lines[start : start + n]
    shown = reindented(_without_blank_edges(lines_of(new)), wanted, found)
    body = "".join(shown)
    body = body.removesuffix(eol)
    if body and found[-1].endswith(("\n", "\r")):
        body += eol
    return "".join((*lines[:start], body, *lines[start + n :]))


def _key(line: str) -> str:
    """What of a line counts. Where white space stands inside it does, how much of it does not."""
    return " ".join(line.split())


def _without_blank_edges(lines: list[str]) -> list[str]:
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return lines[start:end]


def reindented(lines: list[str], quoted: list[str], found: list[str]) -> list[str]:
    """`lines`, written with the indentation of `quoted`, with that of `found`.

    Raises `NoPlaceError` if one does not follow from the other.
    """
    known: dict[str, str] = {}
    for wrong, right in zip(quoted, found, strict=True):
        if wrong.strip() and known.setdefault(indent(wrong), indent(right)) != indent(right):
            raise NoPlaceError("The text to replace is indented in another way than it was quoted.")
    return [_moved(line, known) for line in lines]


def _moved(line: str, known: dict[str, str]) -> str:
    if not line.strip():
        return line
    own = indent(line)
    # As the deepest known indentation that this one begins with; what is deeper is added.
    base = max((wrong for wrong in known if own.startswith(wrong)), key=len, default=None)
    if base is not None:
        return known[base] + own[len(base) :] + line[len(own) :]
    shallowest = min(known, key=len)
    missing = len(shallowest) - len(own)
    kept = known[shallowest][: max(len(known[shallowest]) - missing, 0)]
    return kept + line[len(own) :]


def indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _nearest(keys: list[str], wanted: list[str]) -> str:
    message = "The text to replace is not in the file."
    first = next((key for key in wanted if key), "")
    close = difflib.get_close_matches(first, keys, n=1, cutoff=0.7)
    return f"{message} The nearest is line {keys.index(close[0]) + 1}." if close else message
