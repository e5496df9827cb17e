"""The end of a suggestion against the text that follows it in the document."""

from __future__ import annotations

from lsp.context.brackets import closer_of
from lsp.context.lexer import Zone
from lsp.context.surroundings import indent_of
from lsp.trimming.overlap import balance_of, find_overlap
from lsp.trimming.place import Place
from lsp.trimming.reading import TrimReason


def fit_end(text: str, place: Place) -> tuple[str, TrimReason | None]:
    """`text` without white space at its end and without what follows the cursor already.

    The reason is the rule that took more than white space; None if none did.
    """
    reason: TrimReason | None = None
    text = _stripped(text, place)
    before, _, last_line = text.rpartition("\n")
    if _is_empty_comment(last_line if before else place.around.line_prefix + text, place):
        text, reason = _stripped(before, place), TrimReason.EMPTY_COMMENT
    while text:
        overlap = find_overlap(
            text, place.around, place.enclosure, has_angles=place.angles_left is not None
        )
        if overlap is None:
            break
        reason = TrimReason.REPEATS_SUFFIX
        text = _stripped(text[: overlap.start], place)
    opened_at = _left_open(text, place)
    if opened_at is not None:
        return _stripped(text[:opened_at], place), TrimReason.UNBALANCED
    return text, reason


def _is_empty_comment(line: str, place: Place) -> bool:
    """Whether a line only begins a comment: the model had nothing to say."""
    language = place.around.language
    marks = [*language.line_comments, *(quote.opening for quote in language.block_comments)]
    rest = line.strip()
    begins = [mark for mark in marks if rest.startswith(mark)]
    return bool(begins) and place.enclosure.zone is Zone.CODE and not rest.strip("/*#!-<>;")


def _stripped(text: str, place: Place) -> str:
    """Without white space at the end, but for what separates it from the text that follows."""
    kept = text.rstrip()
    tail = text[len(kept) :]
    suffix = place.around.line_suffix
    if not kept or not tail or not suffix or suffix[0].isspace():
        return kept
    if "\n" not in tail:
        return kept if suffix[0] in ")]};,:" else text
    # `{‸}`: the body is on lines of its own, so the closing bracket gets one too.
    openers = place.enclosure.openers
    if openers and closer_of(place.around.language, openers[-1].bracket) == suffix[0]:
        return f"{kept}\n{indent_of(place.around.line_prefix)}"
    return kept


def _left_open(text: str, place: Place) -> int | None:
    """The first bracket that `text` opens and that the rest of the line would close wrongly."""
    if not place.around.line_suffix.strip():
        return None
    if not any(opener.is_closed for opener in place.enclosure.openers):
        return None
    opened = balance_of(text, place.around, place.enclosure).opened
    return opened[0] if opened else None
