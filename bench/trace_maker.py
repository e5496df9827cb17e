"""Makes a typing trace from the history of a git repository.

    python -m bench.trace_maker --out FILE PATH...     (paths inside the repository)

Each pair of consecutive versions of a file becomes edits: changed line ranges, top to bottom; of a
single changed line only what differs. The old text of a range is selected and deleted, the new
text is typed from left to right, new lines after an Enter at the end of the line above. A long
new passage is pasted up to its last lines, which are typed. Enter brings the next line's
indentation along, as editors do. The pauses between keys are drawn from a seeded log-normal
distribution (median 140 ms inside a word, as fast typists in keystroke studies, longer at the start
of a word, after Enter and before a new place), and now and then a neighbouring letter is typed,
noticed and taken back. So the texts are real and the order and times are plausible; nobody typed
exactly so.
"""

from __future__ import annotations

import difflib
import math
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.command import command
from bench.trace import Delete, Event, Insert, Move, Open, Session, TraceError, apply, write_trace

LANGUAGES = {
    ".py": "python",
    ".lua": "lua",
    ".ts": "typescript",
    ".js": "javascript",
    ".rs": "rust",
    ".go": "go",
    ".c": "c",
    ".md": "markdown",
    ".toml": "toml",
}
# Each letter's neighbours on a QWERTY keyboard's own row.
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
NEIGHBOURS = {
    letter: row[max(0, i - 1) : i] + row[i + 1 : i + 2]
    for row in ROWS
    for i, letter in enumerate(row)
}


class Typist:
    """Turns wanted edits into events with human pauses. The same seed gives the same trace."""

    def __init__(self, seed: int, *, typo_share: float = 0.015) -> None:
        self._random = random.Random(seed)
        self._typo_share = typo_share

    def rewrite(self, text: str, new: str, *, typed_lines: int) -> Iterator[Event]:
        """The events that turn `text` into `new`, typing at most `typed_lines` of each place."""
        for start, end, wanted in _places(text, new):
            yield Move(start, self._pause(1400, 0.6))
            if end > start:
                yield Delete(start, end - start, self._pause(500, 0.4))
            lines = wanted.splitlines(keepends=True)
            pasted = "".join(lines[:-typed_lines])
            if pasted:
                yield Insert(start, pasted, self._pause(900, 0.4))
            yield from self._type(start + len(pasted), wanted[len(pasted) :])

    def _type(self, at: int, text: str) -> Iterator[Event]:
        previous = "\n"
        # A line break takes the following indentation along; every other character is one key.
        for key in re.findall(r"\r?\n[ \t]*|(?s:.)", text):
            typo = self._typo(key)
            if typo:
                yield Insert(at, typo, self._gap(previous, key))
                yield Delete(at, len(typo), self._pause(260, 0.3))
            yield Insert(at, key, self._gap(previous, key))
            at += len(key)
            previous = key

    def _typo(self, key: str) -> str:
        neighbours = NEIGHBOURS.get(key, "")
        if not neighbours or self._random.random() >= self._typo_share:
            return ""
        return self._random.choice(neighbours)

    def _gap(self, previous: str, key: str) -> float:
        if previous.startswith(("\n", "\r")):
            return self._pause(420, 0.5)
        if not key.isalnum() and not key.isspace():
            return self._pause(190, 0.35)
        if not previous.isalnum():
            return self._pause(210, 0.4)
        return self._pause(140, 0.3)

    def _pause(self, median_ms: float, spread: float) -> float:
        """Log-normal, cut at three seconds: thinking longer than that measures nothing new."""
        drawn = self._random.lognormvariate(math.log(median_ms), spread)
        return float(round(min(drawn, 3000.0)))


def _places(old: str, new: str) -> Iterator[tuple[int, int, str]]:
    """Changed ranges top to bottom: start and end in the text as it is by then, and new text."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    offset = 0
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        wanted = "".join(after[j1:j2])
        if tag == "equal":
            offset += len(wanted)
            continue
        was = "".join(before[i1:i2])
        if i2 - i1 == j2 - j1 == 1:
            head = _shared(was, wanted)
            tail = _shared(was[head:][::-1], wanted[head:][::-1])
            yield offset + head, offset + len(was) - tail, wanted[head : len(wanted) - tail]
        elif not was and offset and wanted.endswith("\n") and after[j1 - 1].endswith("\n"):
            # New lines begin with Enter at the end of the line above.
            yield offset - 1, offset - 1, "\n" + wanted[:-1]
        else:
            # The last line's end stays, so that the next line is not to the right of the cursor.
            kept = int(was.endswith("\n") and wanted.endswith("\n"))
            yield offset, offset + len(was) - kept, wanted[: len(wanted) - kept]
        offset += len(wanted)


def _shared(a: str, b: str) -> int:
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n


def versions(repository: Path, path: str) -> list[str]:
    """The file's texts, oldest first, the first an empty one. Raises TraceError."""
    listed = _git(repository, "log", "--reverse", "--format=%H", "--", path).split()
    if not listed:
        raise TraceError(f"{path} has no history in {repository}.")
    texts = [""]
    for revision in listed:
        try:
            text = _git(repository, "show", f"{revision}:./{path}")
        except TraceError:
            continue  # deleted in this revision
        if text != texts[-1] and "\r" not in text:
            texts.append(text)
    return texts


def make_session(
    repository: Path, path: str, typist: Typist, *, max_keys: int, typed_lines: int
) -> Session:
    """A session in one file: its newest changes, as many as fit into `max_keys`."""
    texts = versions(repository, path)
    language = LANGUAGES.get(Path(path).suffix, "plaintext")
    steps: list[list[Event]] = []
    start = len(texts) - 1
    # Newest first, because a file's later edits happen among the most context.
    while start > 0:
        step = list(typist.rewrite(texts[start - 1], texts[start], typed_lines=typed_lines))
        if steps and sum(map(len, steps)) + len(step) > max_keys:
            break
        steps.insert(0, step)
        start -= 1
    events = [event for step in steps for event in step]
    session = Session(Open(path, language, texts[start]), tuple(events[:max_keys]))
    text = session.file.text
    for event in session.events:
        text, _ = apply(text, event)
    if len(events) <= max_keys and text != texts[-1]:
        raise TraceError(f"{path}: the events do not lead to its newest version.")
    return session


def _git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True)
    if done.returncode:
        raise TraceError(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode("utf-8", errors="strict")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command("trace_maker", __doc__)
    parser.add_argument("paths", nargs="+", help="files, relative to the repository's root")
    parser.add_argument("--repository", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-keys", type=int, default=500, help="events in one file")
    parser.add_argument("--typed-lines", type=int, default=8, help="of one place; more are pasted")
    options = parser.parse_args(arguments)
    typist = Typist(options.seed)
    try:
        sessions = [
            make_session(
                options.repository,
                path,
                typist,
                max_keys=options.max_keys,
                typed_lines=options.typed_lines,
            )
            for path in options.paths
        ]
        about = f"{len(sessions)} files at {_git(options.repository, 'rev-parse', 'HEAD').strip()}"
    except (TraceError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return 1
    write_trace(options.out, sessions, about=f"{about}, seed {options.seed}")
    n_keys = sum(session.n_keys for session in sessions)
    print(
        f"{options.out}: {len(sessions)} files, {n_keys} keys, {options.out.stat().st_size} bytes"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
