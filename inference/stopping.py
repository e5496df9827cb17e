"""Stop strings, found although they come in pieces."""

from __future__ import annotations

from collections.abc import Sequence


class StopMatcher:
    """Passes text on until the first complete stop string, which itself is not passed on.

    Text that may be the beginning of a stop string is held back until it is certain.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.found = False

    def feed(self, text: str) -> str:
        """What can be shown now. After `found` turned true, nothing more."""
        if self.found or not self._stops:
            return "" if self.found else text
        self._held += text
        ends = [(at + len(s), at) for s in self._stops if (at := self._held.find(s)) >= 0]
        if ends:
            # The one that is complete first, so that it does not matter how the text was cut.
            self.found = True
            _, start = min(ends)
            shown, self._held = self._held[:start], ""
            return shown
        n_held = self._n_possible()
        shown = self._held[: len(self._held) - n_held]
        self._held = self._held[len(shown) :]
        return shown

    def finish(self) -> str:
        """What was held back, when no more text will come."""
        held, self._held = self._held, ""
        return held

    def _n_possible(self) -> int:
        """Length of the longest end of the held text that begins a stop string."""
        longest = max(len(stop) for stop in self._stops) - 1
        for n in range(min(longest, len(self._held)), 0, -1):
            end = self._held[-n:]
            if any(stop.startswith(end) for stop in self._stops):
                return n
        return 0
