"""What a server costs that nobody asks anything: processor time, and the threads that wake up.

    python -m bench.idle [--model FILE] [--seconds S] [--completions N]

Twice: with the model loaded and never used, and after some completions, when the runtime's threads
have worked. The editor's process is watched by the server as usual. The aim is 0.2 % of one core.
Processor time is the system's own account, in ticks of some milliseconds: over a minute one tick is
0.02 %. Wake-ups are counted on Linux alone.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.cold import cold_completion, documents
from bench.command import add_model, add_out, command, run
from bench.editor import Editor, require_sotto, sotto_command
from bench.machine import Provenance, provenance
from bench.summary import figure, table

_SETTLE_S = 2.0


class Rest(msgspec.Struct, frozen=True, kw_only=True):
    """A time without requests."""

    seconds: float
    cpu_percent: float
    """Of one core."""
    n_threads: int
    wakeups_per_second: list[float]
    """Of each thread, most first."""


class IdleResult(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    n_completions: int
    before: Rest
    after: Rest


async def measure(options: argparse.Namespace) -> IdleResult:
    """Raises EditorError."""
    described = provenance()
    arguments = [] if options.model is None else ["--model", str(options.model)]
    async with Editor(sotto_command(*arguments)) as editor:
        await editor.ready(options.model)
        before = await _rest(editor, options.seconds)
        for document in documents(options.completions, salt=f"{time.time_ns():x}"):
            await cold_completion(editor, document)
        after = await _rest(editor, options.seconds)
    return IdleResult(
        provenance=described, n_completions=options.completions, before=before, after=after
    )


async def _rest(editor: Editor, seconds: float) -> Rest:
    await asyncio.sleep(_SETTLE_S)
    cpu, woken, started = editor.cpu_seconds(), _wakeups(editor.pid), time.perf_counter()
    await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - started
    rates = [
        round((n - woken.get(thread, 0)) / elapsed, 2) for thread, n in _wakeups(editor.pid).items()
    ]
    return Rest(
        seconds=round(elapsed, 2),
        cpu_percent=round(100 * (editor.cpu_seconds() - cpu) / elapsed, 3),
        n_threads=len(rates),
        wakeups_per_second=sorted(rates, reverse=True),
    )


def _wakeups(pid: int) -> dict[str, int]:
    """How often each thread has begun to wait, which is as often as it was woken; Linux alone."""
    counts: dict[str, int] = {}
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text("ascii", "replace").splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                counts[status.parent.name] = int(line.split()[1])
    return counts


def report(result: IdleResult) -> str:
    """The result as text."""
    rows = [["at rest", "% of a core", "seconds", "threads", "wake-ups a second"]]
    after = f"after {result.n_completions} completions"
    for label, rest in (("before any request", result.before), (after, result.after)):
        rates = " ".join(figure(rate) for rate in rest.wakeups_per_second if rate) or "none"
        cells = (figure(rest.cpu_percent, 3), figure(rest.seconds, 0), str(rest.n_threads), rates)
        rows.append([label, *cells])
    return table(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command("idle", __doc__)
    add_model(parser)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each rest")
    parser.add_argument("--completions", type=int, default=20)
    add_out(parser)
    options = parser.parse_args(arguments)
    require_sotto()
    result = run("idle", lambda: asyncio.run(measure(options)), report, options.out)
    return int(result is None)


if __name__ == "__main__":
    raise SystemExit(main())
