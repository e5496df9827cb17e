"""What the server adds to the runtime, and how it keeps its event loop and its start free.

    python -m bench.overhead [--model FILE] [--threads N] [--completions N] [--starts N]

Three measurements:

1. A cold completion through the server, from the editor's request to its answer, against the same
   prompt tokens and as many decoded ones through llama.cpp's own functions in child processes
   (`bench.direct`): one with llama.cpp's default settings, one with the engine's; in turn A B C,
   C B A. Each document is another piece of Python's standard library, so nothing can be reused.
   Reported as the ratio of the medians on the wire and of the processor time.
2. The event loop's lateness inside the real server while it answers such requests back to back
   (`bench.loop_probe`), and the round trip of `sotto/status` sent every 5 ms meanwhile.
3. The time from the start of the process to the answer to `initialize`, in fresh processes.

Timings mean little on a busy machine: the load average is in the result.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.cold import Answered, cold_completion, documents
from bench.command import add_model, add_out, command, run
from bench.direct_job import Job, Timing
from bench.direct_process import DirectProcess
from bench.editor import Editor, EditorError, require_sotto, sotto_command
from bench.machine import Provenance, provenance
from bench.prompt_ids import PromptIds
from bench.responsiveness import Responsiveness, responsiveness, starts
from bench.summary import Summary, figure, median, ratio, summarise, table
from lsp.protocol import StatusModel

MAX_DECODED = 128
MAX_REUSED = 16
"""A prompt's first tokens are the same in all documents; more than these is not cold."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Of one cold completion, one way."""

    ms: float
    prefill_ms: float
    cpu_ms: float
    """Processor time. The server's is as coarse as the system counts: only sums say something."""


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """One cold completion three ways."""

    n_prompt_tokens: int
    n_decoded_tokens: int
    record_ms: float
    """By the server's own record: from the request's arrival to its answer."""
    server: Cost
    defaults: Cost
    """Directly, in a context as llama.cpp makes it by default."""
    engine: Cost
    """Directly, in a context set up as the engine sets up its own."""


class Ratios(msgspec.Struct, frozen=True, kw_only=True):
    """The server's time over a yardstick's."""

    of_medians: float | None
    of_cpu: float | None
    """Of the sums of processor time; the figure that other work on the machine moves least."""


class OverheadResult(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    model: StatusModel
    n_threads: int
    completions: list[Completion]
    n_left_out: int
    """Completions that reused something or decoded nothing."""
    to_defaults: Ratios
    to_engine: Ratios
    responsiveness: Responsiveness
    initialize_ms: Summary
    ready_ms: Summary


async def completions(
    model: Path | None, n: int, options: dict[str, Any]
) -> tuple[list[Completion], int, StatusModel, int]:
    """Measurement 1: the completions, how many were left out, the model, its threads."""
    arguments = [] if model is None else ["--model", str(model)]
    done: list[Completion] = []
    n_left_out = 0
    async with Editor(sotto_command(*arguments), options=options) as editor:
        status = await editor.ready(model)
        assert status.model is not None
        ids = PromptIds(status.model)
        model_file, n_ctx = status.model.path, status.model.n_ctx
        async with (
            DirectProcess(model_file, status.threads, n_ctx, "defaults") as defaults,
            DirectProcess(model_file, status.threads, n_ctx, "engine") as engine,
        ):
            for index, document in enumerate(documents(n, salt=f"{time.time_ns():x}")):
                tokens = ids.of(document.uri, document.asked_text, document.offset)
                job = Job(tokens, MAX_DECODED)
                # A B C, C B A, so that a machine that slows down or heats up favours nobody.
                if index % 2:
                    timings = await engine.run(job), await defaults.run(job)
                    answered = await cold_completion(editor, document)
                else:
                    answered = await cold_completion(editor, document)
                    timings = (await defaults.run(job), await engine.run(job))[::-1]
                record = answered.record
                if record.n_reused_tokens > MAX_REUSED or not record.n_decoded_tokens:
                    n_left_out += 1
                    continue
                if len(tokens) != record.n_prompt_tokens:
                    raise EditorError(
                        f"the server's prompt had {record.n_prompt_tokens} tokens where "
                        f"{len(tokens)} were expected: bench/prompt_ids.py is out of date."
                    )
                done.append(_completion(answered, *timings))
        ids.close()
        return done, n_left_out, status.model, status.threads


def _completion(answered: Answered, engine: Timing, defaults: Timing) -> Completion:
    record = answered.record

    def direct(timing: Timing) -> Cost:
        last = record.n_decoded_tokens - 1
        return Cost(
            ms=round(timing.token_ms[last], 3),
            prefill_ms=round(timing.prefill_ms, 3),
            cpu_ms=round(timing.cpu_ms[last], 3),
        )

    return Completion(
        n_prompt_tokens=record.n_prompt_tokens,
        n_decoded_tokens=record.n_decoded_tokens,
        record_ms=round(record.total_ms, 3),
        server=Cost(
            ms=round(answered.ms, 3),
            prefill_ms=round(record.prefill_ms, 3),
            cpu_ms=round(answered.cpu_ms, 3),
        ),
        defaults=direct(defaults),
        engine=direct(engine),
    )


def _ratios(server: list[Cost], yardstick: list[Cost]) -> Ratios:
    return Ratios(
        of_medians=ratio(median(c.ms for c in server), median(c.ms for c in yardstick)),
        of_cpu=ratio(sum(c.cpu_ms for c in server), sum(c.cpu_ms for c in yardstick)),
    )


async def measure(options: argparse.Namespace) -> OverheadResult:
    """All three. Raises EditorError."""
    described = provenance()
    server_options = {"model": {"threads": options.threads}} if options.threads else {}
    done, n_left_out, model, n_threads = await completions(
        options.model, options.completions, server_options
    )
    responsive = await responsiveness(options.model, options.completions, server_options)
    initialize, ready = await starts(options.model, options.starts)
    server = [c.server for c in done]
    return OverheadResult(
        provenance=described,
        model=msgspec.structs.replace(model, path=Path(model.path).name),
        n_threads=n_threads,
        completions=done,
        n_left_out=n_left_out,
        to_defaults=_ratios(server, [c.defaults for c in done]),
        to_engine=_ratios(server, [c.engine for c in done]),
        responsiveness=responsive,
        initialize_ms=initialize,
        ready_ms=ready,
    )


def report(result: OverheadResult) -> str:
    """The result as text."""
    done = result.completions

    def row(label: str, values: list[float]) -> list[str]:
        summary = summarise(values)
        return [label, *(figure(v, 2) for v in (summary.p50, summary.p95, summary.max))]

    def rows(label: str, costs: list[Cost]) -> list[list[str]]:
        return [
            row(label, [c.ms for c in costs]),
            row("    prefill", [c.prefill_ms for c in costs]),
        ]

    cold = [
        ["a cold completion, ms", "p50", "p95", "max"],
        *rows("through the server, on the wire", [c.server for c in done]),
        row("    by its own record", [c.record_ms for c in done]),
        *rows("llama.cpp directly, its defaults", [c.defaults for c in done]),
        *rows("llama.cpp directly, engine's settings", [c.engine for c in done]),
        row("(prompt tokens)", [float(c.n_prompt_tokens) for c in done]),
        row("(decoded tokens)", [float(c.n_decoded_tokens) for c in done]),
    ]
    ratios = [["the server's time over that of", "medians", "processor time"]]
    for label, r in (
        ("llama.cpp's defaults", result.to_defaults),
        ("the engine's settings", result.to_engine),
    ):
        ratios.append([label, figure(r.of_medians, 3), figure(r.of_cpu, 3)])

    def summary(label: str, s: Summary) -> list[str]:
        return [label, *(figure(value, 2) for value in (s.p50, s.p99, s.max)), str(s.n)]

    rest = [
        ["ms", "p50", "p99", "max", "n"],
        summary("event loop late, idle", result.responsiveness.late_idle),
        summary("event loop late, answering", result.responsiveness.late_answering),
        summary("sotto/status, idle", result.responsiveness.status_idle),
        summary("sotto/status, answering", result.responsiveness.status_answering),
        summary("start to initialize answered", result.initialize_ms),
        summary("start to model ready", result.ready_ms),
    ]
    count = f"{len(done)} completions, {result.n_left_out} left out"
    return "\n\n".join([table(cold), count, table(ratios), table(rest)])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command("overhead", __doc__)
    add_model(parser)
    parser.add_argument("--threads", type=int, help="of both; default: what Sotto chooses")
    parser.add_argument("--completions", type=int, default=60)
    parser.add_argument("--starts", type=int, default=7)
    add_out(parser)
    options = parser.parse_args(arguments)
    require_sotto()
    result = run("overhead", lambda: asyncio.run(measure(options)), report, options.out)
    return int(result is None)


if __name__ == "__main__":
    raise SystemExit(main())
