"""A model that knows the file, replayed over this project's own source: its words are shown whole.

The model says what stood behind the cursor and then goes on with the rest of the file, as models
do. Shown must be what was taken out, and nothing of the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lsp.document import Snapshot
from lsp.ghost_text import Trimmer

ROOT = Path(__file__).resolve().parents[3]
MAX_SAID_CHARS = 2_000
LEAST_SHARE = 0.97
"""Some cuts cannot be told: half a string may be closed by the next one's quote."""


def sources() -> Iterator[tuple[str, list[str]]]:
    for path in sorted((ROOT / "lsp").rglob("*.py")):
        lines = path.read_text(encoding="utf-8").split("\n")
        if len(lines) > 40:
            yield path.name, lines


def shown(before: str, taken_out: str, after: str) -> str:
    snapshot = Snapshot("file:///a.py", 1, "python", before + after, len(before))
    trimmer = Trimmer(snapshot)
    trimmer.feed((taken_out + after)[:MAX_SAID_CHARS])
    return trimmer.result().text


def check_share(outcomes: list[tuple[str, str, str]]) -> None:
    """`(where, wanted, shown)` of each case."""
    wrong = [outcome for outcome in outcomes if outcome[1].strip() != outcome[2].strip()]
    assert len(outcomes) > 100
    assert len(wrong) <= (1 - LEAST_SHARE) * len(outcomes), wrong


def test_the_rest_of_a_line() -> None:
    outcomes: list[tuple[str, str, str]] = []
    for name, lines in sources():
        for number in range(5, len(lines) - 5, 23):
            line = lines[number]
            words = [match.end() for match in re.finditer(r"\w\W+", line)]
            if not words:
                continue
            cut = words[len(words) // 2]
            before = "\n".join([*lines[:number], line[:cut]])
            after = "\n".join(["", *lines[number + 1 :]])
            if line[cut:].strip():
                outcomes.append(
                    (f"{name}:{number + 1}", line[cut:], shown(before, line[cut:], after))
                )
    check_share(outcomes)


def test_the_arguments_of_a_call() -> None:
    outcomes: list[tuple[str, str, str]] = []
    for name, lines in sources():
        for number, line in enumerate(lines):
            call = re.search(r"\w\(([^()]+)\)[):,]*$", line)
            if call is None or number % 3:
                continue
            before = "\n".join([*lines[:number], line[: call.start(1)]])
            after = "\n".join([line[call.end(1) :], *lines[number + 1 :]])
            outcomes.append((f"{name}:{number + 1}", call[1], shown(before, call[1], after)))
    check_share(outcomes)


def test_the_body_of_a_block() -> None:
    outcomes: list[tuple[str, str, str]] = []
    for name, lines in sources():
        for number, line in enumerate(lines[:-1]):
            indent = len(line) - len(line.lstrip())
            if not re.match(r"\s+(if|for|while|with|else|elif|try)\b.*:$", line):
                continue
            end = number + 1
            while lines[end].startswith(" " * (indent + 1)):
                end += 1
            if not number + 1 < end < number + 12:
                continue
            body = "\n" + "\n".join(lines[number + 1 : end])
            before = "\n".join(lines[: number + 1])
            after = "\n".join(["", *lines[end:]])
            outcomes.append((f"{name}:{number + 1}", body, shown(before, body, after)))
    check_share(outcomes)
