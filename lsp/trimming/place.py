"""Where a suggestion goes: everything about the cursor that the rules look at, read once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lsp.context.brackets import Enclosure, enclosure_of
from lsp.context.lexer import Zone
from lsp.context.surroundings import Surroundings, surroundings_of
from lsp.context.syntax import InsertedBlock, zone_at
from lsp.document import Snapshot
from lsp.trimming.angles import angles_left

# What must never reach an editor: control characters, broken characters, line separators the LSP
# does not count, marks that reorder text, what nobody sees (but what joins letters and emoji), and
# control tokens a model wrote out as text.
FORBIDDEN = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffd\ud800-\udfff"
    r"\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2060-\u2065\u206a-\u206f\u3164\uffa0"
    r"\U000e0000-\U000e01ef]"
)
_CONTROL_TOKEN = r"<\|[a-z]|<｜"  # noqa: S105 (a model's token, not a password)
_ONLY_CLOSERS = re.compile(r"\s*[)\]};,]*")


@dataclass(frozen=True)
class Place:
    around: Surroundings
    enclosure: Enclosure
    block: InsertedBlock
    multiline: bool
    max_lines: int
    forbidden: re.Pattern[str]
    """What ends a suggestion wherever it comes."""
    angles_left: int | None
    """The `<` of type arguments that the suggestion may close; None: `<` and `>` are not paired."""


def place_of(snapshot: Snapshot, *, multiline: bool | None, max_lines: int) -> Place:
    """Reads the windows around the cursor; `multiline` None lets them decide."""
    around = surroundings_of(snapshot)
    enclosure = enclosure_of(around, zone_at(around))
    if multiline is None:
        multiline = _wants_multiline(around, enclosure)
    # A file about such tokens (this project's, say) may have them suggested.
    is_about_tokens = "<|" in around.before or "<|" in around.after
    return Place(
        around,
        enclosure,
        InsertedBlock(around),
        multiline,
        max_lines if multiline else 1,
        re.compile(FORBIDDEN if is_about_tokens else f"{FORBIDDEN}|{_CONTROL_TOKEN}"),
        angles_left(around) if enclosure.zone is Zone.CODE else None,
    )


def _wants_multiline(around: Surroundings, enclosure: Enclosure) -> bool:
    """Several lines on a blank line, after what opens a block, and in an empty `{}`.

    One line in comments and strings, and wherever text stands right of the cursor.
    """
    if enclosure.zone is not Zone.CODE:
        return False
    before = around.line_prefix.rstrip()
    suffix = around.line_suffix.strip()
    if suffix:
        is_empty_braces = before.endswith("{") and suffix[0] == "}"
        return is_empty_braces and _ONLY_CLOSERS.fullmatch(suffix) is not None
    return not before or around.opens_block(around.line_prefix)
