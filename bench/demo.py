"""The demonstration behind `make demo`: the real server, the built-in model, a real source file.

It starts `sotto serve` as an editor does, opens a file of this project, takes a few lines
out, types their beginnings again at the pace of a fast typist, and prints the ghost text as
it comes, with what each suggestion cost. Nothing is written to the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.answers import Answer
from bench.command import add_model, command
from bench.editor import Editor, EditorError, require_sotto, sotto_command
from bench.machine import PROJECT
from bench.summary import figure, percentile
from bench.trace import Delete, Insert, Move
from lsp.records import RequestRecord

KEY_PAUSE_S = 0.09
LAST_PAUSE_S = 0.6
"""Long enough to read the suggestion."""
ANSWER_TIMEOUT_S = 5.0


class Place(NamedTuple):
    """A line of the file, by its beginning, and how much of it is typed again."""

    line_start: str
    typed: str


class Shown(NamedTuple):
    """A suggestion as it came."""

    wait_ms: float
    record: RequestRecord | None


FILE = PROJECT / "lsp" / "jobs.py"
PLACES = (
    Place("logger = logging", "logger = l"),
    Place("        self.superseded_by: str | None", "        self.superseded_by: str |"),
    Place("    def supersede(self", "    def supersede("),
    Place("        for uri in list(", "        for uri in "),
    Place("        return len(", "        return "),
)


class Screen:
    """Ghost text on a terminal: dim, in place; or as plain lines where there is none."""

    def __init__(self) -> None:
        self._fancy = os.isatty(1) and os.environ.get("TERM", "dumb") != "dumb"
        self._fancy &= "NO_COLOR" not in os.environ
        self._open_line = False

    def dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._fancy else text

    def bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._fancy else text

    def say(self, text: str = "") -> None:
        self.settle()
        print(text, flush=True)

    def line(self, number: int, typed: str, ghost: str, note: str) -> None:
        """Draw the line that is typed in, over itself if the terminal can."""
        first, *more = ghost.split("\n")
        rest = f" +{len(more)} lines" if more else ""
        margin = self.dim(f"{number:5} │ ")
        if self._fancy:
            # A line that wrapped could not be drawn over.
            room = shutil.get_terminal_size().columns - len(f"{number:5} │ {typed}") - len(rest) - 5
            first = first[: max(room, 1)]
            note = note[: max(room - len(first), 0)]
            cursor = f"\x1b[7m{first[:1] or ' '}\x1b[0m"
            text = f"{margin}{typed}{cursor}{self.dim(first[1:] + rest)}   {self.dim(note)}"
            print(f"\r\x1b[K{text}", end="", flush=True)
            self._open_line = True
        else:
            print(f"{margin}{typed}▏{first}{rest}   {note}".rstrip(), flush=True)

    def settle(self) -> None:
        """End the line that was drawn in place."""
        if self._open_line:
            print()
            self._open_line = False


class Demo:
    """One run through all places."""

    def __init__(self, editor: Editor, screen: Screen) -> None:
        self._editor = editor
        self._screen = screen
        self.shown: list[Shown] = []
        self.records: list[RequestRecord] = []
        self.n_keys = 0

    async def show(self, uri: str, text: str, places: Sequence[Place]) -> None:
        self._editor.open(uri, "python", text)
        for place in places:
            buffer = self._editor.buffer
            assert buffer is not None
            found = buffer.text.find("\n" + place.line_start)
            if found < 0:
                continue
            await self._retype(found + 1, place.typed)

    async def _retype(self, start: int, typed: str) -> None:
        buffer = self._editor.buffer
        assert buffer is not None
        number = buffer.text.count("\n", 0, start) + 1
        lines = buffer.text.splitlines()
        self._screen.say()
        for i in range(max(0, number - 4), number - 1):
            self._screen.say(self._screen.dim(f"{i + 1:5} │ ") + lines[i])
        end = buffer.text.index("\n", start)
        self._editor.press(Move(start, 0))
        self._editor.press(Delete(start, end - start, 0))
        indent = typed[: len(typed) - len(typed.lstrip())]
        self._editor.press(Insert(start, indent, 0))
        ghost = ""
        for i in range(len(indent), len(typed)):
            self._editor.press(Insert(start + i, typed[i], 0))
            self.n_keys += 1
            began = time.perf_counter()
            ghost = await self._ask(number, typed[: i + 1])
            pause = KEY_PAUSE_S if i + 1 < len(typed) else LAST_PAUSE_S
            await asyncio.sleep(max(0.0, pause - (time.perf_counter() - began)))
        rest = lines[number - 1].removeprefix(typed)
        verdict = "the file has the same" if ghost == rest else "what the file has"
        self._screen.settle()
        self._screen.line(number, typed + rest, "", verdict)
        self._editor.press(Insert(start + len(typed), rest, 0))

    async def _ask(self, number: int, typed: str) -> str:
        answer = self._editor.complete()
        try:
            await asyncio.wait_for(answer.done.wait(), ANSWER_TIMEOUT_S)
        except TimeoutError:
            raise EditorError("a suggestion took longer than five seconds") from None
        if answer.error is not None:
            raise EditorError(f"the server answered with an error: {answer.error}")
        ghost = next(iter(answer.texts()), "")
        record = await self._record(answer)
        if ghost:
            self.shown.append(Shown(answer.ms or 0.0, record))
        self._screen.line(number, typed, ghost, cost(answer, record))
        return ghost

    async def _record(self, answer: Answer) -> RequestRecord | None:
        for record in reversed(await self._editor.recent_requests()):
            if str(record.id) == str(answer.request_id):
                self.records.append(record)
                return record
        return None


def cost(answer: Answer, record: RequestRecord | None) -> str:
    """What a suggestion cost, in one line."""
    ms = f"{answer.ms or 0.0:.0f} ms"
    if record is None:
        return ms
    if record.outcome != "shown":
        return f"{ms} · nothing: {record.reason or record.outcome}"
    if record.source != "model":
        return f"{ms} · {record.source}, no model"
    return (
        f"first text {figure(record.first_text_ms)} ms · all {ms} · reused "
        f"{record.n_reused_tokens} · evaluated {record.n_evaluated_tokens} · "
        f"decoded {record.n_decoded_tokens}"
    )


def source(path: Path) -> str:
    """The module's text, as an editor would read it. Raises EditorError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EditorError(f"{path} cannot be read: {error}") from error


async def run(model: Path | None) -> None:
    """The whole demonstration. Raises EditorError."""
    screen = Screen()
    arguments = [] if model is None else ["--model", str(model)]
    command = sotto_command(*arguments)
    screen.say(screen.bold("Sotto: ghost text from a model inside the language server"))
    screen.say(f"$ {Path(command[0]).name} {' '.join(command[1:])}")
    async with Editor(command) as editor:
        screen.say(f"answered `initialize` {editor.initialized_ms:.0f} ms after it was started")
        status = await editor.ready(model)
        ready_s = time.perf_counter() - editor.started_at
        described = status.model
        assert described is not None
        screen.say(
            f"{described.name}: {described.n_params / 1e6:.1f} M parameters, "
            f"{described.quantization}, {status.threads} threads; ready after {ready_s:.1f} s"
        )
        screen.say(f"opened {FILE.relative_to(PROJECT).as_posix()}, a file of this project")
        demo = Demo(editor, screen)
        started = time.perf_counter()
        await demo.show(FILE.as_uri(), source(FILE), PLACES)
        screen.say()
        _summarise(demo, editor, time.perf_counter() - started, screen)
    if not demo.shown:
        raise EditorError("no ghost text came; `sotto doctor` says what does not work.")


def _summarise(demo: Demo, editor: Editor, seconds: float, screen: Screen) -> None:
    waits = [shown.wait_ms for shown in demo.shown]
    by_model = [r for r in demo.records if r.source == "model" and r.n_prompt_tokens]
    n_prompt = sum(r.n_prompt_tokens for r in by_model)
    n_reused = sum(r.n_reused_tokens for r in by_model)
    free = sum(r.outcome == "shown" and r.source != "model" for r in demo.records)
    share = f"{100 * n_reused / n_prompt:.0f} %" if n_prompt else "–"
    screen.say(
        screen.bold(
            f"{demo.n_keys} keys, {len(waits)} with ghost text: "
            f"key to ghost text {figure(percentile(waits, 0.5))} ms in the middle, "
            f"{figure(max(waits, default=None))} ms at most"
        )
    )
    screen.say(
        f"{share} of {n_prompt} prompt tokens were already computed; "
        f"{free} suggestions needed no model, because what was suggested was typed"
    )
    with contextlib.suppress(psutil.Error):
        rss = editor.rss_bytes() / 2**20
        screen.say(f"{editor.cpu_seconds():.1f} s of processor time, {rss:.0f} MiB resident")
    screen.say(f"typed for {seconds:.1f} s; nothing left this machine, no port was opened")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command("demo", __doc__)
    add_model(parser)
    options = parser.parse_args(arguments)
    require_sotto()
    try:
        asyncio.run(run(options.model))
    except EditorError as error:
        print(f"\nThe demonstration failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
