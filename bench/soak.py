"""Hours of typing into one server: does its memory grow, and does it slow down?

    python -m bench.soak [--minutes 120] [--keys N] [--model FILE] [--threads N] [--out FILE]

A pseudo-editor types a trace at the pace it was recorded with, again and again, into one server
process, until the time is up. Each *round* types the same keys in files of new names whose first
line is new, so rounds can be compared and yet nothing is answered from an earlier one. Reported
for each round: latency, processor time a key, resident memory, errors. Of all:

- *growth*: median resident memory of the last round less that of the first after the warm-up;
- *drift*: the median over the last third of the rounds after the warm-up, over that of the first
  third, less one, for the latencies and for the processor time a key (which other work on the
  machine moves least; the load average is beside it, and in how much of each round the cores were
  far apart, which a virtual machine's are now and then: `bench.core_distance`);
- *against a fresh server*: machines drift too, so when the time is up a round is typed into a
  fresh server, and one more into the old one; the old one's median of the round before and this
  one, over the fresh one's, less one (`--no-control` leaves it out).

The warm-up is the first round. The result is written after every round, so a run that is broken
off has not been for nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.command import add_model, add_out, command, run
from bench.core_distance import far_below, handed_on_bytes_per_s
from bench.editor import Editor, EditorError, require_sotto, sotto_command
from bench.latency import SHIPPED_TRACE
from bench.machine import Provenance, provenance
from bench.replay import replay
from bench.results import save
from bench.sotto_driver import SottoDriver
from bench.summary import Summary, figure, median, ratio, summarise, table
from bench.trace import Session, read_trace, shifted, take
from lsp.protocol import StatusModel

SAMPLE_EVERY_S = 5.0
DISTANCE_EVERY_S = 30.0
"""More rarely, as it takes both cores for some milliseconds."""
EXPECTED_ERRORS = {"-32800", "-32801", "-32802"}
"""Cancelled and superseded requests are answered so; the protocol wants it."""


class MemorySample(msgspec.Struct, frozen=True, array_like=True):
    at_s: float
    """Since the typing began."""
    rss_bytes: int


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """The trace typed once."""

    started_s: float
    n_keys: int
    shown_ms: Summary
    answered_ms: Summary
    cpu_ms_per_key: float
    rss_bytes: float
    """The median of the round's samples."""
    n_errors: int
    """Answers that were errors, but for cancelled and superseded requests."""
    load: float | None
    """One-minute load average at the end."""
    handed_on_bytes_per_s: list[float]
    """From core to core, twice a minute; empty where it cannot be measured."""


MEASURES: dict[str, Callable[[Round], float | None]] = {
    "shown p50": lambda r: r.shown_ms.p50,
    "shown p95": lambda r: r.shown_ms.p95,
    "answered p50": lambda r: r.answered_ms.p50,
    "answered p95": lambda r: r.answered_ms.p95,
    "CPU a key": lambda r: r.cpu_ms_per_key,
}


class SoakResult(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    trace: str
    speed: float
    model: StatusModel
    n_threads: int
    minutes: float
    rounds: list[Round]
    growth_bytes: float | None
    drift: dict[str, float | None]
    """By what is measured; 0.1 is 10 % slower at the end. None with too few rounds."""
    control: list[Round]
    """One in a fresh server and one more in the old one; empty without."""
    against_fresh: dict[str, float | None]
    """As `drift`."""
    errors: dict[str, int]
    """All answers that were errors, by code."""
    messages: list[str]
    """What the server showed or logged through the protocol."""
    broken_off: str | None
    """Why the run ended early; None if it did not."""
    samples: list[MemorySample]


class Soak:
    """One run: what it has seen so far."""

    def __init__(self, options: argparse.Namespace, sessions: Sequence[Session]) -> None:
        self._options = options
        self._sessions = sessions
        self._provenance = provenance()
        self._started = 0.0
        self._rounds: list[Round] = []
        self._samples: list[MemorySample] = []
        self._handed_on: list[float] = []
        self._control: list[Round] = []
        self._broken_off: str | None = None

    async def run(self) -> SoakResult:
        """Types until the time is up. Raises EditorError if not one round came to its end."""
        model: Path | None = self._options.model
        threads: int | None = self._options.threads
        arguments = [] if model is None else ["--model", str(model)]
        settings: dict[str, Any] = {"model": {"threads": threads}} if threads else {}
        async with Editor(sotto_command(*arguments), options=settings) as editor:
            await editor.ready(model)
            driver = SottoDriver(editor, cancels=True)
            self._started = time.perf_counter()
            sampling = asyncio.create_task(self._sample(editor))
            distances = asyncio.create_task(self._sample_distance())
            try:
                while self._elapsed() < 60 * self._options.minutes:
                    self._rounds.append(await self._round(editor, driver))
                    self._note(self._result(editor, driver))
                sampling.cancel()
                if self._options.control:
                    async with Editor(sotto_command(*arguments), options=settings) as fresh:
                        await fresh.ready(model)
                        other = SottoDriver(fresh, cancels=True)
                        self._control = [await self._round(fresh, other)]
                    self._control.append(await self._round(editor, driver))
            except (EditorError, asyncio.CancelledError) as error:
                if not self._rounds:
                    raise
                self._broken_off = str(error) or "interrupted"
            finally:
                sampling.cancel()
                distances.cancel()
            return self._result(editor, driver)

    async def _round(self, editor: Editor, driver: SottoDriver) -> Round:
        started, n_samples = self._elapsed(), len(self._samples)
        n_handed_on = len(self._handed_on)
        cpu, n_errors = editor.cpu_seconds(), _unexpected(driver.errors)
        heading = f"# round {len(self._rounds) + 1} of {time.time_ns():x}\n"
        sessions = [shifted(session, heading) for session in self._sessions]
        keys = await replay(driver, sessions, speed=self._options.speed)
        await driver.finish()
        # The client's notes must not grow for hours beside the server it watches.
        driver.forget()
        cpu = editor.cpu_seconds() - cpu
        self._samples.append(MemorySample(round(self._elapsed(), 1), editor.rss_bytes()))
        rss = median(float(sample.rss_bytes) for sample in self._samples[n_samples:])
        assert rss is not None
        return Round(
            started_s=round(started, 1),
            n_keys=len(keys),
            shown_ms=summarise(ms for key in keys if (ms := key.shown_ms) is not None),
            answered_ms=summarise(ms for key in keys if (ms := key.answered_ms) is not None),
            cpu_ms_per_key=round(1e3 * cpu / len(keys), 3),
            rss_bytes=rss,
            n_errors=_unexpected(driver.errors) - n_errors,
            load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            handed_on_bytes_per_s=self._handed_on[n_handed_on:],
        )

    async def _sample(self, editor: Editor) -> None:
        while True:
            self._samples.append(MemorySample(round(self._elapsed(), 1), editor.rss_bytes()))
            await asyncio.sleep(SAMPLE_EVERY_S)

    async def _sample_distance(self) -> None:
        while (speed := await asyncio.to_thread(handed_on_bytes_per_s)) is not None:
            self._handed_on.append(speed)
            await asyncio.sleep(DISTANCE_EVERY_S)

    def _elapsed(self) -> float:
        return time.perf_counter() - self._started

    def _note(self, result: SoakResult) -> None:
        done = self._rounds[-1]
        print(
            f"  {self._elapsed() / 60:5.1f} min: p50 {figure(done.answered_ms.p50)} ms, "
            f"{done.cpu_ms_per_key:.1f} CPU ms a key, {done.rss_bytes / 2**20:.1f} MiB",
            file=sys.stderr,
            flush=True,
        )
        save("soak", result, self._options.out)

    def _result(self, editor: Editor, driver: SottoDriver) -> SoakResult:
        assert editor.status is not None
        assert editor.status.model is not None
        model = editor.status.model
        warm = self._rounds[1:]
        return SoakResult(
            provenance=self._provenance,
            trace=self._options.trace.name,
            speed=self._options.speed,
            # The path is the machine's business.
            model=msgspec.structs.replace(model, path=Path(model.path).name),
            n_threads=editor.status.threads,
            minutes=round(self._elapsed() / 60, 1),
            rounds=self._rounds,
            growth_bytes=warm[-1].rss_bytes - warm[0].rss_bytes if len(warm) > 1 else None,
            drift={name: drift(map(value, warm)) for name, value in MEASURES.items()},
            control=self._control,
            against_fresh=against_fresh(self._rounds, self._control),
            errors=dict(driver.errors),
            messages=editor.messages,
            broken_off=self._broken_off,
            samples=self._samples,
        )


def drift(values: Iterable[float | None]) -> float | None:
    """By how much the median of the last third exceeds that of the first: 0.1 is 10 % more. None
    if there are fewer than two values to compare, or the first third's median is 0."""
    known = [value for value in values if value is not None]
    third = len(known) // 3 or 1
    if len(known) < 2:
        return None
    grown = ratio(median(known[-third:]), median(known[:third]))
    return None if grown is None else round(grown - 1, 4)


def against_fresh(rounds: Sequence[Round], control: Sequence[Round]) -> dict[str, float | None]:
    """By how much the old server was slower than the fresh one, before and after it."""
    if len(control) < 2:
        return {}
    fresh, old = control[0], [rounds[-1], control[1]]
    return {
        name: drift([value(fresh), median(known)])
        for name, value in MEASURES.items()
        if (known := [ms for each in old if (ms := value(each)) is not None])
    }


def far_shares(rounds: Sequence[Round]) -> list[float | None]:
    """In how much of each round the cores were far apart; None where that is not known."""
    bound = far_below(speed for r in rounds for speed in r.handed_on_bytes_per_s)
    return [
        sum(speed < bound for speed in r.handed_on_bytes_per_s) / len(r.handed_on_bytes_per_s)
        if r.handed_on_bytes_per_s
        else None
        for r in rounds
    ]


def _unexpected(errors: Counter[str]) -> int:
    return sum(n for code, n in errors.items() if code not in EXPECTED_ERRORS)


def report(result: SoakResult) -> str:
    """The rounds as a table, and what they say together."""
    heading = ["min", "keys", "shown p50", "p95", "answered p50", "p95", "CPU a key"]
    rows = [[*heading, "MiB", "load", "far"]]
    far = far_shares([*result.rounds, *result.control])
    for index, r in enumerate([*result.rounds, *result.control]):
        times = (r.shown_ms.p50, r.shown_ms.p95, r.answered_ms.p50, r.answered_ms.p95)
        cells = [figure(value) for value in (*times, r.cpu_ms_per_key)]
        memory = figure(r.rss_bytes / 2**20)
        share = "–" if (known := far[index]) is None else f"{100 * known:.0f} %"
        started = f"{r.started_s / 60:.0f}"
        rows.append([started, str(r.n_keys), *cells, memory, figure(r.load), share])
    growth = None if result.growth_bytes is None else result.growth_bytes / 2**20
    n_errors = sum(r.n_errors for r in result.rounds)
    lines = [
        table(rows),
        f"{result.minutes:.0f} minutes; memory grew by {figure(growth, 2)} MiB after the warm-up",
        f"drift: {_shares(result.drift)}",
        f"unexpected errors: {n_errors}; messages of the server: {len(result.messages)}",
    ]
    if result.against_fresh:
        lines.insert(3, f"against a fresh server (last two rows): {_shares(result.against_fresh)}")
    if result.broken_off:
        lines.append(f"broken off: {result.broken_off}")
    return "\n".join(lines)


def _shares(values: Mapping[str, float | None]) -> str:
    return ", ".join(
        f"{name} {'–' if value is None else f'{100 * value:+.1f} %'}"
        for name, value in values.items()
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command("soak", __doc__)
    parser.add_argument("--minutes", type=float, default=120.0, help="default: 120")
    parser.add_argument("--trace", type=Path, default=SHIPPED_TRACE)
    parser.add_argument("--keys", type=int, help="in one round; default: the whole trace")
    parser.add_argument("--speed", type=float, default=1.0, help="divides the pauses; default: 1")
    parser.add_argument(
        "--no-control", dest="control", action="store_false", help="no fresh server at the end"
    )
    add_model(parser)
    parser.add_argument("--threads", type=int, help="default: what Sotto chooses")
    add_out(parser)
    options = parser.parse_args(arguments)
    require_sotto()

    def measured() -> SoakResult:
        sessions = read_trace(options.trace)
        if options.keys is not None:
            sessions = take(sessions, options.keys)
        return asyncio.run(Soak(options, sessions).run())

    result = run("soak", measured, report, options.out)
    return int(result is None or result.broken_off is not None)


if __name__ == "__main__":
    raise SystemExit(main())
