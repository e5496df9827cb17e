"""Drafts of names: what stands after this receiver's dot elsewhere, and what is imported elsewhere.

Look-up needs the tokens before a name to be the same. After `self.` or `import ` the name is what
matters, however the line began.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from inference.speculation.draft import Draft

_MEMBER = re.compile(r"(?<!\w)([^\W\d]\w*)\.([^\W\d]\w*)")
_IMPORT = re.compile(r"(?m)^\s*(?:from\s+[\w.]+\s+import|import|from|use)\s+([^\W\d][\w.]*)")
# `\Z`, not `$`: what a line ends with is no name in the making once the next one has begun.
_AFTER_DOT = re.compile(r"(?<!\w)([^\W\d]\w*)\.((?:[^\W\d]\w*)?)\Z")
_AFTER_IMPORT = re.compile(r"(?m)^\s*(?:from\s+[\w.]+\s+import|import|from|use)\s+([\w.]*)\Z")
_MAX_TOKENS_BACK = 32
_FEW = 4


class Symbols:
    """A token's bucket says how much of the name is written, and how many names fit."""

    name = "symbols"

    def __init__(
        self,
        text: Callable[[], str],
        *,
        piece: Callable[[int], bytes],
        tokenize: Callable[[str], list[int]],
    ) -> None:
        """
        Args:
            text: gives what names are looked for in, at the first need of them.
            piece: a token's bytes.
            tokenize: plain text to ids.
        """
        self._text = text
        self._piece, self._tokenize = piece, tokenize
        self._members: dict[str, Counter[str]] | None = None
        self._imports: Counter[str] = Counter()

    def draft(self, context: Sequence[int], n: int) -> Draft | None:
        written = b"".join(map(self._piece, context[-_MAX_TOKENS_BACK:])).decode("utf-8", "replace")
        after_dot = _AFTER_DOT.search(written)
        after_import = None if after_dot else _AFTER_IMPORT.search(written)
        if after_dot:
            names, begun = self._of(after_dot[1]), after_dot[2]
        elif after_import:
            names, begun = self._imported(), after_import[1]
        else:
            return None
        fits = {name: count for name, count in names.items() if name.startswith(begun)}
        if not fits:
            return None
        likeliest = max(fits, key=fits.__getitem__)
        tokens = self._tokenize(likeliest[len(begun) :])[:n]
        if not tokens:
            return None
        crowd = 0 if len(fits) > _FEW else 1 if len(fits) > 1 else 2
        bucket = 3 * min(len(begun), 2) + crowd
        # The rest of a name once begun is surer than its first token.
        return Draft(tokens, [bucket, *[9 + crowd] * (len(tokens) - 1)])

    def _of(self, receiver: str) -> Counter[str]:
        return self._read().get(receiver, Counter())

    def _imported(self) -> Counter[str]:
        self._read()
        return self._imports

    def _read(self) -> dict[str, Counter[str]]:
        if self._members is None:
            text = self._text()
            self._members = defaultdict(Counter)
            for receiver, member in _MEMBER.findall(text):
                self._members[receiver][member] += 1
            self._imports = Counter(_IMPORT.findall(text))
        return self._members
