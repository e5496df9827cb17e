"""Runs `sotto` with a probe on its event loop: how late is a task that only wants to sleep?

    SOTTO_BENCH_LATENESS=FILE python -m bench.loop_probe serve …

Everything is as in the console script, but one more task sleeps 5 ms at a time and notes by how
much it overslept. When the loop ends the notes are written to FILE: JSON pairs of a time (seconds
of CLOCK_MONOTONIC, which another process can compare with its own) and a lateness in milliseconds.
The loop's timers are rounded up to a millisecond, so an idle loop shows up to about one.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import msgspec

PERIOD_S = 0.005
FILE_VARIABLE = "SOTTO_BENCH_LATENESS"


async def watch(notes: list[tuple[float, float]]) -> None:
    """Note the lateness of each sleep, until cancelled."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(PERIOD_S)
        now = time.monotonic()
        notes.append((round(now, 6), round(1e3 * (now - before - PERIOD_S), 3)))


class ProbedLoop(asyncio.SelectorEventLoop):
    """The ordinary loop, watched while it runs."""

    def run_forever(self) -> None:
        notes: list[tuple[float, float]] = []
        watching = self.create_task(watch(notes))
        try:
            super().run_forever()
        finally:
            watching.cancel()
            target = Path(os.environ[FILE_VARIABLE])
            # The loop runs several times in a process's life; its longest run is the one to keep.
            if not target.is_file() or len(notes) > len(msgspec.json.decode(target.read_bytes())):
                target.write_bytes(msgspec.json.encode(notes))


def main() -> int:
    # `asyncio.run` makes its loop through this name.
    asyncio.events.new_event_loop = ProbedLoop
    from lsp.cli import main as sotto

    return sotto(sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
