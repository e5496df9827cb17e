"""A corpus of real edits, made from the histories of git repositories at hand.

    python -m bench.edits REPOSITORY… [--each N] [--out FILE]

REPOSITORY is a clone (bare or not), for example of a project whose licence permits such use:

    git clone https://github.com/pallets/click

From each the newest N commits are taken that change a Python, JavaScript or TypeScript file in one
place, one edit a commit. What is recorded of it is what an editor would know: the text before and
after a *region*, the region's old text and its new text, both non-empty and of at most 60 lines.
The region is the innermost function around the change where it is that short, else the changed
lines with up to three lines on either side, as a diff shows them.

The corpus is JSON lines, kept in the user's cache folder; it is other people's code and is never
committed. Results name the repositories' commits, so that it can be made again.
"""

from __future__ import annotations

import difflib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

import msgspec
import platformdirs

from bench.command import command
from bench.errors import BenchError
from lsp.context.languages import language_of, parser_of

SUFFIXES = {
    ".py": "python",
    ".js": "javascript",
    ".mjs": "javascript",
    ".ts": "typescript",
}
MAX_LINES = 60
N_CONTEXT_LINES = 3
MAX_FILE_CHARS = 200_000
MAX_LINE_CHARS = 400
"""Longer lines are seldom written by people."""


class EditsError(BenchError):
    """No edits can be had; says why and what to do."""


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """One place of one file, before and after a commit."""

    repository: str
    """The clone's folder."""
    commit: str
    message: str
    """The commit's, without trailers."""
    path: str
    language: str
    region: Literal["function", "lines"]
    before: str
    """The file's text up to the region."""
    old: str
    """Whole lines, as is `new`."""
    new: str
    after: str


def default_corpus() -> Path:
    """Where the corpus is kept."""
    return Path(platformdirs.user_cache_dir("sotto", appauthor=False)) / "edits" / "edits.jsonl"


def read_edits(path: Path) -> list[Edit]:
    """Raises EditsError."""
    try:
        return msgspec.json.Decoder(Edit).decode_lines(path.read_bytes())
    except OSError as error:
        hint = "`python -m bench.edits --help` says how to make it."
        raise EditsError(f"{path}: {error.strerror or error}. {hint}") from error
    except msgspec.DecodeError as error:
        raise EditsError(f"{path} is no corpus of edits: {error}") from error


def edits_of(repository: Path) -> Iterator[Edit]:
    """The repository's edits, newest first, at most one of a commit. Raises EditsError."""
    name = repository.resolve().name.removesuffix(".git")
    for commit, message, paths in _commits(repository):
        for path in paths:
            versions = [_text(repository, f"{c}:{path}") for c in (f"{commit}^", commit)]
            language = SUFFIXES[Path(path).suffix]
            parts = place(versions[0], versions[1], language)
            if parts is None:
                continue
            region, before, old, new, after = parts
            yield Edit(
                repository=name,
                commit=commit,
                message=message,
                path=path,
                language=language,
                region=region,
                before=before,
                old=old,
                new=new,
                after=after,
            )
            break


def place(
    old: str, new: str, language: str
) -> tuple[Literal["function", "lines"], str, str, str, str] | None:
    """Kind of region, text before it, its old and new text, text after it; None if the two texts
    differ in no place or several, or the region would be too long or empty."""
    if not 0 < len(old) < MAX_FILE_CHARS or not 0 < len(new) < MAX_FILE_CHARS or "\r" in old + new:
        return None
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    head = _shared(before, after)
    tail = _shared(before[head:][::-1], after[head:][::-1])
    n_removed, n_added = len(before) - head - tail, len(after) - head - tail
    if max(n_removed, n_added) > MAX_LINES or not n_removed + n_added:
        return None
    if not _is_one_hunk(before[head : len(before) - tail], after[head : len(after) - tail]):
        return None
    spans: list[tuple[Literal["function", "lines"], int, int]] = [
        ("lines", max(head - N_CONTEXT_LINES, 0), max(tail - N_CONTEXT_LINES, 0))
    ]
    function = _function(before, head, len(before) - tail, language)
    if function is not None:
        spans.insert(0, ("function", function[0], len(before) - function[1]))
    for kind, start, n_after in spans:
        removed = before[start : len(before) - n_after]
        added = after[start : len(after) - n_after]
        if removed and added and max(len(removed), len(added)) <= MAX_LINES:
            if max(map(len, removed + added)) > MAX_LINE_CHARS:
                return None
            rest = "".join(before[len(before) - n_after :])
            return kind, "".join(before[:start]), "".join(removed), "".join(added), rest
    return None


def _is_one_hunk(removed: Sequence[str], added: Sequence[str]) -> bool:
    """Whether a diff with the usual context would show the change as one hunk."""
    matcher = difflib.SequenceMatcher(None, removed, added, autojunk=False)
    gaps = [i2 - i1 for tag, i1, i2, _, _ in matcher.get_opcodes() if tag == "equal"]
    return max(gaps, default=0) <= 2 * N_CONTEXT_LINES


def _function(lines: Sequence[str], start: int, end: int, language: str) -> tuple[int, int] | None:
    """First line and the one after the last of the innermost function around some lines."""
    parser = parser_of(language_of(language))
    if parser is None:
        return None
    source = [line.encode() for line in lines]
    first = sum(map(len, source[:start]))
    # Up to the last changed line's end, not over it: there the next thing may begin.
    last = max(first + sum(map(len, source[start:end])) - 1, first)
    node = parser.parse(b"".join(source)).root_node.descendant_for_byte_range(first, last)
    while node is not None:
        if "function" in node.type or "method" in node.type:
            rows = node.start_point.row, node.end_point.row + 1
            if rows[0] <= start and rows[1] >= end and rows[1] - rows[0] > 1:
                return rows
        node = node.parent
    return None


def _shared(a: Sequence[str], b: Sequence[str]) -> int:
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n


def _commits(repository: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Commit, message and the changed files of interest, newest first."""
    wanted = [f"*{suffix}" for suffix in SUFFIXES]
    listing = _git(
        repository,
        *("log", "--no-merges", "--diff-filter=M", "--name-only", "--format=%x1e%H%x1f%B%x1f"),
        *("--", *wanted),
    )
    for record in listing.split("\x1e")[1:]:
        commit, message, names = record.split("\x1f")
        paths = [name for name in names.split("\n") if name]
        yield commit, message.strip().split("\n\n")[0], paths


def _text(repository: Path, name: str) -> str:
    """A file's text in a commit; empty where there is none or it is no UTF-8."""
    try:
        return _git(repository, "show", name)
    except (EditsError, UnicodeDecodeError):
        return ""


def _git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), "-c", "core.quotePath=false", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise EditsError(f"{repository}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode("utf-8", errors="strict" if arguments[0] == "show" else "replace")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command("edits", __doc__)
    parser.add_argument("repositories", nargs="+", type=Path, metavar="REPOSITORY")
    parser.add_argument("--each", type=int, default=40, help="edits of a repository; default: 40")
    parser.add_argument("--out", type=Path, default=default_corpus())
    options = parser.parse_args(arguments)
    try:
        edits = [
            e for folder in options.repositories for e in islice(edits_of(folder), options.each)
        ]
    except EditsError as error:
        print(error, file=sys.stderr)
        return 1
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(msgspec.json.Encoder().encode_lines(edits))
    kinds = Counter(f"{edit.repository} {edit.region}" for edit in edits)
    print(f"{options.out}: {len(edits)} edits; {dict(kinds)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
