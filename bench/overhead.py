"""What the server adds to the runtime, and how it keeps its event loop and its start free.

    python -m bench.overhead [--model FILE] [--completions N] [--starts N]

Three measurements:

1. A cold completion through the server, from the editor's request to its answer, against the same
   prompt tokens and as many decoded ones through llama.cpp's own functions in a child process
   (`bench.direct`), in turn A B B A. Each document is another piece of Python's standard library,
   so nothing can be reused. Reported as the ratio of the medians, and of the medians of what the
   engine alone took. The medians of prefill and of a decoded token are compared too.
2. The event loop's lateness inside the real server while it answers such requests back to back
   (`bench.loop_probe`), and the round trip of `sotto/status` sent every 5 ms meanwhile.
3. The time from the start of the process to the answer to `initialize`, in fresh processes.

Timings mean little on a busy machine: the load average is in the result.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.cold import cold_completion, documents
from bench.direct import Job, Timing
from bench.editor import Editor, EditorError, require_sotto, sotto_command
from bench.machine import PROJECT, Provenance, provenance
from bench.prompt_ids import PromptIds
from bench.responsiveness import Responsiveness, responsiveness, starts
from bench.results import save
from bench.summary import Summary, figure, median, ratio, summarise, table
from lsp.protocol import StatusModel
from lsp.records import RequestRecord

MAX_DECODED = 128
MAX_REUSED = 16
"""A prompt's first tokens are the same in all documents; more than these is not cold."""


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """One cold completion both ways."""

    n_prompt_tokens: int
    n_decoded_tokens: int
    server_ms: float
    record_ms: float
    """By the server's own record: from the request's arrival to its answer."""
    direct_ms: float
    direct_prefill_ms: float
    server_prefill_ms: float


class OverheadResult(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    model: StatusModel
    n_threads: int
    completions: list[Completion]
    n_left_out: int
    """Completions that reused something or decoded nothing."""
    ratio_of_medians: float | None
    record_ratio_of_medians: float | None
    median_of_ratios: float | None
    responsiveness: Responsiveness
    initialize_ms: Summary
    ready_ms: Summary


class DirectProcess:
    """`bench.direct` as a child. Use `async with`."""

    def __init__(self, model: StatusModel, n_threads: int) -> None:
        self._command = [sys.executable, "-m", "bench.direct", model.path, str(n_threads)]
        self._command.append(str(model.n_ctx))
        self._process: asyncio.subprocess.Process

    async def __aenter__(self) -> DirectProcess:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=PROJECT,
            limit=1 << 24,
        )
        await self._line()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                await asyncio.wait_for(self._process.wait(), 5)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def run(self, job: Job) -> Timing:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(job) + b"\n")
        return msgspec.json.decode(await self._line(), type=Timing)

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise EditorError("llama.cpp could not be run directly; its message is above.")
        return line


async def completions(model: Path | None, n: int) -> tuple[list[Completion], int, StatusModel, int]:
    """Measurement 1: the completions, how many were left out, the model, its threads."""
    arguments = [] if model is None else ["--model", str(model)]
    done: list[Completion] = []
    n_left_out = 0
    async with Editor(sotto_command(*arguments)) as editor:
        status = await editor.ready(model)
        assert status.model is not None
        ids = PromptIds(status.model)
        async with DirectProcess(status.model, status.threads) as direct:
            for index, document in enumerate(documents(n, salt=f"{time.time_ns():x}")):
                tokens = ids.of(document.uri, document.asked_text, document.offset)
                job = Job(tokens, MAX_DECODED)
                # A B B A: in every second pair the yardstick goes first.
                direct_first = index % 4 in {1, 2}
                timing = await direct.run(job) if direct_first else None
                server_ms, record = await cold_completion(editor, document)
                timing = timing or await direct.run(job)
                if record.n_reused_tokens > MAX_REUSED or not record.n_decoded_tokens:
                    n_left_out += 1
                    continue
                if len(tokens) != record.n_prompt_tokens:
                    raise EditorError(
                        f"the server's prompt had {record.n_prompt_tokens} tokens where "
                        f"{len(tokens)} were expected: bench/prompt_ids.py is out of date."
                    )
                done.append(_completion(server_ms, record, timing))
        ids.close()
        return done, n_left_out, status.model, status.threads


def _completion(server_ms: float, record: RequestRecord, timing: Timing) -> Completion:
    return Completion(
        n_prompt_tokens=record.n_prompt_tokens,
        n_decoded_tokens=record.n_decoded_tokens,
        server_ms=round(server_ms, 3),
        record_ms=round(record.total_ms, 3),
        direct_ms=round(timing.token_ms[record.n_decoded_tokens - 1], 3),
        direct_prefill_ms=round(timing.prefill_ms, 3),
        server_prefill_ms=round(record.prefill_ms, 3),
    )


async def measure(options: argparse.Namespace) -> OverheadResult:
    """All three. Raises EditorError."""
    described = provenance()
    done, n_left_out, model, n_threads = await completions(options.model, options.completions)
    responsive = await responsiveness(options.model, options.completions)
    initialize, ready = await starts(options.model, options.starts)
    direct = median(c.direct_ms for c in done)
    return OverheadResult(
        provenance=described,
        model=msgspec.structs.replace(model, path=Path(model.path).name),
        n_threads=n_threads,
        completions=done,
        n_left_out=n_left_out,
        ratio_of_medians=ratio(median(c.server_ms for c in done), direct),
        record_ratio_of_medians=ratio(median(c.record_ms for c in done), direct),
        median_of_ratios=median(c.server_ms / c.direct_ms for c in done),
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

    cold = [
        ["a cold completion, ms", "p50", "p95", "max"],
        row("through the server, on the wire", [c.server_ms for c in done]),
        row("  by the server's own record", [c.record_ms for c in done]),
        row("    prefill", [c.server_prefill_ms for c in done]),
        row("llama.cpp directly", [c.direct_ms for c in done]),
        row("    prefill", [c.direct_prefill_ms for c in done]),
        row("(prompt tokens)", [float(c.n_prompt_tokens) for c in done]),
        row("(decoded tokens)", [float(c.n_decoded_tokens) for c in done]),
    ]

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
    return (
        f"{table(cold)}\n{len(done)} completions, {result.n_left_out} left out\n"
        f"ratio of medians {figure(result.ratio_of_medians, 3)}, "
        f"by the record {figure(result.record_ratio_of_medians, 3)}; "
        f"median of ratios {figure(result.median_of_ratios, 3)}\n\n{table(rest)}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.overhead",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=Path, help="a GGUF file; default: the built-in model")
    parser.add_argument("--completions", type=int, default=60)
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--out", type=Path, help="default: a new file in bench/results/")
    options = parser.parse_args(arguments)
    require_sotto()
    try:
        result = asyncio.run(measure(options))
    except EditorError as error:
        print(error, file=sys.stderr)
        return 1
    print(report(result))
    print(f"written to {save('overhead', result, result.provenance, options.out)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
