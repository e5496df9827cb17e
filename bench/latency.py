"""Keystroke to suggestion: Sotto over stdio against llama-server as llama.vim drives it.

    python -m bench.latency [--trace FILE] [--keys N] [--speed 1|4|lockstep] [--model FILE]
                            [--threads N] [--llama-server PATH] [--rounds N]

One pseudo-editor types the same trace into both, in turn A B B A with a fresh process each, the
same model file and the same threads. Reported for each:

- shown ms: from the key to ghost text for the text as it is after that key, where any came before
  the next key;
- answered ms: the same, counting the keys to which the answer was "nothing" as well;
- tokens evaluated and decoded per key, and the share of decoded tokens of answers of which nothing
  was ever shown;
- processor time of the server's process, and what it holds in memory at the end.

The peer's policy is described in `bench/llama_vim.py`. Without a llama-server (see
`python -m bench.build_peer`) only Sotto is measured. The result goes to `bench/results/` as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench import llama_vim
from bench.build_peer import find_peer
from bench.editor import Editor, EditorError, require_sotto, sotto_command
from bench.llama_server import LlamaServer, PeerError
from bench.llama_server import version as peer_version
from bench.llama_vim import LlamaVim
from bench.machine import Provenance, provenance
from bench.replay import Keystroke, replay
from bench.results import save
from bench.sotto_driver import SottoDriver
from bench.summary import Summary, figure, ratio, summarise, table
from bench.trace import Session, TraceError, read_trace, take
from lsp.protocol import StatusModel

SHIPPED_TRACE = Path(__file__).resolve().parent / "traces" / "sotto.jsonl"


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One process that was typed into once."""

    name: str
    n_keys: int
    n_shown: int
    n_answered: int
    shown_ms: Summary
    answered_ms: Summary
    mean_chars_shown: float | None
    seconds: float
    cpu_seconds: float
    rss_bytes: int
    empty_reasons: dict[str, int]
    """Why keys got nothing, as the driver saw it."""
    cost: dict[str, Any]
    shown_ms_each: list[float]
    answered_ms_each: list[float]


class LatencyResult(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    trace: str
    trace_sha256: str
    n_sessions: int
    speed: float | None
    cancels: bool
    model: StatusModel
    n_threads: int
    server_options: dict[str, Any]
    """What Sotto was told beyond its defaults."""
    peer: str | None
    peer_arguments: tuple[str, ...]
    runs: list[Run]


class Bench:
    """One comparison: what is fixed while the runs differ only in who is typed into."""

    def __init__(self, options: argparse.Namespace, sessions: list[Session]) -> None:
        self._model: Path | None = options.model
        self._speed: float | None = options.speed
        self._cancels: bool = options.cancels
        self._sessions = sessions
        self.server_options = _server_options(options)
        self.peer_arguments = (*llama_vim.SERVER_ARGUMENTS, *options.peer_argument)
        self.model: StatusModel
        self.n_threads = 0

    async def sotto(self) -> Run:
        arguments = [] if self._model is None else ["--model", str(self._model)]
        async with Editor(sotto_command(*arguments), options=self.server_options) as editor:
            status = await editor.ready(self._model)
            assert status.model is not None
            self.model, self.n_threads = status.model, status.threads
            driver = SottoDriver(editor, cancels=self._cancels)
            cpu, start = editor.cpu_seconds(), time.perf_counter()
            keys = await replay(driver, self._sessions, speed=self._speed)
            seconds = time.perf_counter() - start
            cpu = editor.cpu_seconds() - cpu
            await driver.finish()
            cost = msgspec.to_builtins(driver.cost())
            return _run("sotto", keys, seconds, cpu, editor.rss_bytes(), cost)

    async def peer(self, program: Path) -> Run:
        async with LlamaServer(
            program,
            Path(self.model.path),
            n_threads=self.n_threads,
            arguments=self.peer_arguments,
        ) as server:
            driver = LlamaVim(server)
            cpu, start = server.cpu_seconds(), time.perf_counter()
            keys = await replay(driver, self._sessions, speed=self._speed)
            seconds = time.perf_counter() - start
            cpu = server.cpu_seconds() - cpu
            cost = msgspec.to_builtins(llama_vim.cost(driver.responses))
            return _run("llama-server", keys, seconds, cpu, server.rss_bytes(), cost)


def _server_options(options: argparse.Namespace) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    if options.threads is not None:
        chosen["model"] = {"threads": options.threads}
    if options.min_confidence is not None:
        chosen["inlineCompletion"] = {"minConfidence": options.min_confidence}
    return chosen


def _run(
    name: str,
    keys: list[Keystroke],
    seconds: float,
    cpu_seconds: float,
    rss_bytes: int,
    cost: dict[str, Any],
) -> Run:
    shown = [ms for key in keys if (ms := key.shown_ms) is not None]
    answered = [ms for key in keys if (ms := key.answered_ms) is not None]
    chars = [key.n_chars for key in keys if key.shown_at is not None]
    return Run(
        name=name,
        n_keys=len(keys),
        n_shown=len(shown),
        n_answered=len(answered),
        shown_ms=summarise(shown),
        answered_ms=summarise(answered),
        mean_chars_shown=sum(chars) / len(chars) if chars else None,
        seconds=round(seconds, 2),
        cpu_seconds=round(cpu_seconds, 2),
        rss_bytes=rss_bytes,
        empty_reasons=dict(Counter(key.reason for key in keys if key.reason).most_common()),
        cost=cost,
        shown_ms_each=[round(ms, 2) for ms in shown],
        answered_ms_each=[round(ms, 2) for ms in answered],
    )


async def measure(options: argparse.Namespace, sessions: list[Session]) -> LatencyResult:
    """All runs. Raises EditorError or PeerError."""
    described = provenance()
    bench = Bench(options, sessions)
    runs: list[Run] = []
    peer: Path | None = options.llama_server
    peer_says = peer_version(peer) if peer else None
    turns = ["sotto", "peer", "peer", "sotto"] if peer else ["sotto"]
    for turn in turns * options.rounds:
        run = await bench.sotto() if turn == "sotto" or peer is None else await bench.peer(peer)
        runs.append(run)
        figures = f"{run.n_shown} of {run.n_keys} keys shown, p50 {figure(run.shown_ms.p50)} ms"
        print(f"  {run.name}: {figures}, {run.seconds:.0f} s", file=sys.stderr, flush=True)
    return LatencyResult(
        provenance=described,
        trace=options.trace.name,
        trace_sha256=hashlib.sha256(options.trace.read_bytes()).hexdigest(),
        n_sessions=len(sessions),
        speed=options.speed,
        cancels=options.cancels,
        # The path is the machine's business.
        model=msgspec.structs.replace(bench.model, path=Path(bench.model.path).name),
        n_threads=bench.n_threads,
        server_options=bench.server_options,
        peer=peer_says,
        peer_arguments=bench.peer_arguments if peer else (),
        runs=runs,
    )


def report(result: LatencyResult) -> str:
    """The comparison as text: runs of the same server pooled."""
    names = list(dict.fromkeys(run.name for run in result.runs))
    pools = [[run for run in result.runs if run.name == name] for name in names]
    rows = [["", *names]]

    def row(label: str, values: list[str]) -> None:
        rows.append([label, *values])

    shown = [summarise(ms for run in pool for ms in run.shown_ms_each) for pool in pools]
    answered = [summarise(ms for run in pool for ms in run.answered_ms_each) for pool in pools]
    n_keys = [sum(run.n_keys for run in pool) for pool in pools]

    def per_key(field: str) -> list[str]:
        sums = [sum(run.cost[field] for run in pool) for pool in pools]
        return [figure(ratio(total, n)) for total, n in zip(sums, n_keys, strict=True)]

    row("keys typed", [str(n) for n in n_keys])
    row("  with ghost text before the next key", _shares([s.n for s in shown], n_keys))
    row("key to ghost text, p50 ms", [figure(s.p50) for s in shown])
    row("                   p95 ms", [figure(s.p95) for s in shown])
    row("key to any answer, p50 ms", [figure(s.p50) for s in answered])
    row("                   p95 ms", [figure(s.p95) for s in answered])
    prompts = [
        ratio(
            sum(run.cost["n_prompt_tokens"] for run in pool),
            sum(run.cost["n_requests"] for run in pool),
        )
        for pool in pools
    ]
    row("prompt tokens per request", [figure(value, 0) for value in prompts])
    evaluated = [
        summarise(n for run in pool for n in run.cost["n_evaluated_each"]) for pool in pools
    ]
    row("tokens evaluated per request, p50", [figure(s.p50, 0) for s in evaluated])
    row("                              p95", [figure(s.p95, 0) for s in evaluated])
    row("tokens evaluated per key", per_key("n_evaluated_tokens"))
    row("tokens decoded per key", per_key("n_decoded_tokens"))
    row(
        "  of answers never shown",
        _shares(
            [sum(run.cost["n_never_shown_tokens"] for run in pool) for pool in pools],
            [sum(run.cost["n_decoded_tokens"] for run in pool) for pool in pools],
        ),
    )
    cpu = [
        ratio(1e3 * sum(run.cpu_seconds for run in pool), n)
        for pool, n in zip(pools, n_keys, strict=True)
    ]
    row("CPU ms per key", [figure(value) for value in cpu])
    memory = [max(run.rss_bytes for run in pool) / 2**20 for pool in pools]
    row("resident at the end, MiB", [figure(value, 0) for value in memory])
    lines = [table(rows)]
    for name, pool in zip(names, pools, strict=True):
        reasons: Counter[str] = Counter()
        for run in pool:
            reasons.update(run.cost.get("reasons") or run.empty_reasons)
        said = ", ".join(f"{reason} {n}" for reason, n in reasons.most_common())
        lines.append(f"{name}: nothing shown because of: {said or '–'}")
    return "\n".join(lines)


def _shares(parts: list[int], wholes: list[int]) -> list[str]:
    shares = [ratio(part, whole) for part, whole in zip(parts, wholes, strict=True)]
    return ["–" if share is None else f"{100 * share:.0f} %" for share in shares]


def _speed(text: str) -> float | None:
    if text == "lockstep":
        return None
    speed = float(text)
    if speed <= 0:
        raise ValueError
    return speed


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.latency",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--trace", type=Path, default=SHIPPED_TRACE)
    parser.add_argument("--keys", type=int, default=300, help="keys in one run; default: 300")
    parser.add_argument("--rounds", type=int, default=1, help="how often A B B A; default: once")
    parser.add_argument(
        "--speed", type=_speed, default=1.0, help="divides the pauses, or: lockstep; default: 1"
    )
    parser.add_argument("--model", type=Path, help="a GGUF file; default: the built-in model")
    parser.add_argument("--threads", type=int, help="of both; default: what Sotto chooses")
    parser.add_argument("--llama-server", type=Path, default=None, help="default: as built here")
    parser.add_argument("--no-peer", action="store_true", help="measure Sotto alone")
    parser.add_argument("--peer-argument", action="append", default=[], metavar="ARG")
    parser.add_argument("--min-confidence", type=float, help="Sotto's gate; 0 shows everything")
    parser.add_argument("--no-cancel", dest="cancels", action="store_false", help="as Neovim")
    parser.add_argument("--out", type=Path, help="default: a new file in bench/results/")
    options = parser.parse_args(arguments)
    require_sotto()
    if options.no_peer:
        options.llama_server = None
    elif options.llama_server is None:
        options.llama_server = find_peer()
    if options.llama_server is None:
        hint = "" if options.no_peer else " `python -m bench.build_peer` builds the peer."
        print(f"No llama-server: only Sotto is measured.{hint}", file=sys.stderr)
    try:
        sessions = take(read_trace(options.trace), options.keys)
        result = asyncio.run(measure(options, sessions))
    except (TraceError, EditorError, PeerError) as error:
        print(error, file=sys.stderr)
        return 1
    print(report(result))
    print(f"written to {save('latency', result, result.provenance, options.out)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
