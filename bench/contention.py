"""What a token costs while other programs need the cores, with and without adapting to it.

    python -m bench.contention [--model FILE] [--threads N] [--seconds S] [--rounds N]

Two processes hold the model and decode in turn, A B B A: *adaptive* chooses its threads by what it
measures (`inference/threads.py`), *plain* always uses all of them. First on the machine as it is,
then with one process more that never rests, then with as many as there are cores. The adaptive one
is told nothing of it: what it takes to find out is in its figures.

The aim is a token in at most three times its idle time with every core busy, and no loss on an
idle machine. Run it on one: what else was busy is in the result.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from bench.busy import busy
from bench.command import add_model, add_out, command, run
from bench.decoder import Decoded
from bench.editor import EditorError
from bench.machine import PROJECT, Provenance, provenance
from bench.summary import Summary, figure, ratio, summarise, table
from inference.hardware import choose_threads

Kind = Literal["adaptive", "plain"]
KINDS: tuple[Kind, Kind] = ("adaptive", "plain")


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """Decoding one token one way, at one load."""

    ms: Summary
    n_threads: list[int]
    """At the end of each run."""


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """One load of the machine."""

    n_busy: int
    """Processes started to keep cores busy."""
    n_cores_busy_before: float
    """Cores' worth of time used by whatever ran before they were started."""
    adaptive: Token
    plain: Token
    mean_over_plain: float | None
    mean_over_idle: float | None
    """The adaptive one's mean over its mean at the first level; the aim is 3 at the last."""
    p50_over_idle: float | None


class ContentionResult(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    model: str
    n_threads: int
    seconds: float
    levels: list[Level]


class DecoderProcess:
    """`bench.decoder` as a child. Use `async with`."""

    def __init__(self, kind: Kind, n_threads: int, model: Path | None) -> None:
        self._command = [sys.executable, "-m", "bench.decoder", kind, str(n_threads)]
        self._command += [] if model is None else [str(model.resolve())]
        self._process: asyncio.subprocess.Process

    async def __aenter__(self) -> DecoderProcess:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=pipe, cwd=PROJECT, limit=1 << 26
        )
        await self._line()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def run(self, seconds: float) -> Decoded:
        """Raises EditorError if the child is gone."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n".encode())
        return msgspec.json.decode(await self._line(), type=Decoded)

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise EditorError("The model could not be decoded with; the message is above.")
        return line


async def measure(options: argparse.Namespace) -> ContentionResult:
    """All levels. Raises EditorError."""
    described = provenance()
    n_cores = described.machine.n_cores
    n_threads = options.threads or choose_threads().n_threads
    levels: list[Level] = []
    async with (
        DecoderProcess("adaptive", n_threads, options.model) as adaptive,
        DecoderProcess("plain", n_threads, options.model) as plain,
    ):
        decoders: dict[Kind, DecoderProcess] = {"adaptive": adaptive, "plain": plain}
        for n_busy in sorted({0, 1, n_cores}):
            before = n_cores * psutil.cpu_percent(interval=1) / 100
            with busy(n_busy):
                runs = await _in_turn(decoders, options.seconds, options.rounds)
            levels.append(_level(n_busy, before, runs, levels[0] if levels else None))
    return ContentionResult(
        provenance=described,
        model="built in" if options.model is None else options.model.name,
        n_threads=n_threads,
        seconds=options.seconds,
        levels=levels,
    )


async def _in_turn(
    decoders: dict[Kind, DecoderProcess], seconds: float, n_rounds: int
) -> dict[Kind, list[Decoded]]:
    """A B B A, so that a machine that slows down or heats up favours nobody."""
    runs: dict[Kind, list[Decoded]] = {kind: [] for kind in KINDS}
    for _ in range(n_rounds):
        for kind in (*KINDS, *KINDS[::-1]):
            runs[kind].append(await decoders[kind].run(seconds))
    return runs


def _level(
    n_busy: int, before: float, runs: dict[Kind, list[Decoded]], idle: Level | None
) -> Level:
    adaptive, plain = (_token(runs[kind]) for kind in KINDS)
    first = idle.adaptive.ms if idle else adaptive.ms
    return Level(
        n_busy=n_busy,
        n_cores_busy_before=round(before, 2),
        adaptive=adaptive,
        plain=plain,
        mean_over_plain=ratio(adaptive.ms.mean, plain.ms.mean),
        mean_over_idle=ratio(adaptive.ms.mean, first.mean),
        p50_over_idle=ratio(adaptive.ms.p50, first.p50),
    )


def _token(runs: list[Decoded]) -> Token:
    steps = [ms for run in runs for ms in run.step_ms]
    return Token(ms=summarise(steps, 3), n_threads=[run.n_threads for run in runs])


def report(result: ContentionResult) -> str:
    """The result as text."""
    rows = [["ms a token", "p50", "p95", "mean", "threads", "÷ plain", "÷ idle", "before"]]
    for level in result.levels:
        for kind, token in zip(KINDS, (level.adaptive, level.plain), strict=True):
            ms = token.ms
            is_adaptive = kind == "adaptive"
            rows.append(
                [
                    f"{level.n_busy} busy, {kind}",
                    *(figure(value, 2) for value in (ms.p50, ms.p95, ms.mean)),
                    ",".join(map(str, token.n_threads)),
                    figure(level.mean_over_plain, 2) if is_adaptive else "",
                    figure(level.mean_over_idle, 2) if is_adaptive else "",
                    figure(level.n_cores_busy_before, 1) if is_adaptive else "",
                ]
            )
    note = "÷: ratios of means. before: cores that were busy with other work already."
    return f"{table(rows)}\n\n{result.model}, at most {result.n_threads} threads. {note}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command("contention", __doc__)
    add_model(parser)
    parser.add_argument("--threads", type=int, help="at most; default: what Sotto chooses")
    parser.add_argument("--seconds", type=float, default=4.0, help="of one run")
    parser.add_argument("--rounds", type=int, default=2, help="of A B B A at each load")
    add_out(parser)
    options = parser.parse_args(arguments)
    result = run("contention", lambda: asyncio.run(measure(options)), report, options.out)
    return int(result is None)


if __name__ == "__main__":
    raise SystemExit(main())
