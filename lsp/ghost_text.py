"""Raw model text → what may be shown as ghost text at a cursor.

The text is read as it comes, from left to right, and the first thing that must not be shown ends
it: everything before is kept, everything after is never looked at. That is what makes stopping
early safe: once a `Trimmer` is complete, more text cannot change its result.

Nothing here knows the model. What is shown is the beginning of what the model wrote, except that
white space at the beginning of lines may change.
"""

from __future__ import annotations

from dataclasses import dataclass

from lsp.document import Snapshot
from lsp.trimming.ending import fit_end
from lsp.trimming.place import place_of
from lsp.trimming.reading import Reading, TrimReason

__all__ = ["MAX_LINES", "TrimReason", "Trimmed", "Trimmer"]

MAX_LINES = 16
"""Lines one suggestion may have; more is hard to judge at a glance and slow to wait for."""


@dataclass(frozen=True, slots=True)
class Trimmed:
    text: str
    """What to insert at the cursor, with the document's line endings; "" shows nothing."""
    reason: TrimReason | None
    """Why `text` is empty; None if it is not."""
    cut: TrimReason | None = None
    """The first rule that shortened the raw text; None if it was taken to its end."""


class Trimmer:
    """Takes a model's text as it comes and says when no more of it can be shown.

        trimmer = Trimmer(snapshot)
        async for chunk in generation:
            if trimmer.feed(chunk.text):
                break
        shown = trimmer.result(truncated=hit_the_token_limit)

    `multiline`: None lets the text around the cursor decide; True allows several lines, False one.
    Reading the surroundings costs some 3 ms once; feeding costs the new line only.
    """

    def __init__(
        self, snapshot: Snapshot, *, multiline: bool | None = None, max_lines: int = MAX_LINES
    ) -> None:
        self._place = place_of(snapshot, multiline=multiline, max_lines=max_lines)
        self._eol = snapshot.eol
        self._reading = Reading(self._place)

    @property
    def is_complete(self) -> bool:
        return self._reading.cut is not None

    def feed(self, text: str) -> bool:
        """Takes more text; True when no more of it can be shown."""
        self._reading.feed(text)
        return self.is_complete

    def restart(self, text: str) -> None:
        """Forgets what was fed and takes `text`, at the same place."""
        self._reading = Reading(self._place)
        self._reading.feed(text)

    def result(self, *, truncated: bool = False) -> Trimmed:
        """What may be shown of all that was fed. Nothing is fed after it.

        `truncated`: the model was stopped by a token limit, so its last line or word is unfinished
        and left out where something remains without it.
        """
        self._reading.finish()
        text, cut = self._reading.text(truncated=truncated)
        reason = cut
        shown, ended = fit_end(text, self._place)
        cut = cut or ended
        settled = ""
        while shown and shown != settled:
            # What is left is judged like fresh text, until nothing changes any more.
            settled, reason = shown, ended or reason
            again = Reading(self._place)
            again.feed(settled)
            shown, ended = again.text(truncated=False)
            if shown:
                shown, ended = fit_end(shown, self._place)
        if shown:
            return Trimmed(shown.replace("\n", self._eol), None, cut)
        if not self._reading.has_input:
            return Trimmed("", TrimReason.NOTHING)
        return Trimmed("", ended or reason or TrimReason.WHITESPACE, cut)
