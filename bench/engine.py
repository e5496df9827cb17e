"""What the engine makes of the runtime: decode, prefill, the price of rows, memory bandwidth.

    python -m bench.engine [--model FILE] [--threads N] [--prompt N] [--decode N] [--rounds N]

A cold prefill of `--prompt` tokens and as many decode steps after it as `--decode` says, with the
same file and the same threads, in turn A B C D E, E D C B A:

- through the engine, in this process: `Engine.submit`, all that it does between tokens included (no
  token counts as the answer's end, so that it has as many as the others);
- *llama.cpp's own loop*: its C functions in another process (`bench.direct`), with the engine's
  batches and attention, and with the runtime's defaults;
- llama-bench, built from the runtime's own sources (`python -m bench.build_peer`), with both too.

Before and after each round, how fast one core reads what another has written
(`bench.core_distance`); where that changes on the way, near and far rounds are reported apart too.

Then, through the backend alone, what a call with 1 to 32 rows of logits takes (`verify_cost`), and
how much of the memory bandwidth that the same threads can read (`bench.bandwidth`) a decode step
uses: the bytes of the weights it needs over its time.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from bench import llama_bench, verify_cost
from bench.bandwidth import read_bytes_per_s
from bench.build_peer import find_peer
from bench.command import add_model, add_out, command, run
from bench.core_distance import by_distance, handed_on_bytes_per_s
from bench.direct_job import Job
from bench.direct_process import DirectProcess
from bench.machine import Provenance, provenance
from bench.summary import figure, median, ratio, table
from inference import (
    Engine,
    EngineConfig,
    GenerationRequest,
    Priority,
    SamplingParams,
    SpeculationMode,
    TokenPrompt,
    inspect_model,
)
from inference.loading import LoadedModel, load_model
from inference.models.gguf import read_header

ENGINE = "the engine"
LOOP = "llama.cpp's loop, engine's settings"
LOOP_DEFAULTS = "llama.cpp's loop, its defaults"
BENCH = "llama-bench, engine's settings"
BENCH_DEFAULTS = "llama-bench, its defaults"


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """One way, one turn."""

    prefill_ms: float
    decode_ms: float
    """Of one token, in the mean."""
    cpu_ms: float | None = None
    """Processor time of it all; None where it is not known."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    turns: list[Timing]

    @property
    def prefill_ms(self) -> float | None:
        return median(turn.prefill_ms for turn in self.turns)

    @property
    def decode_ms(self) -> float | None:
        return median(turn.decode_ms for turn in self.turns)


class EngineResult(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    model: str
    quantization: str
    n_threads: int
    n_prompt_tokens: int
    n_decoded_tokens: int
    ways: list[Way]
    verify_ms: dict[int, float]
    """A call's median, by rows with logits."""
    weight_bytes: int
    """What a decode step reads of the weights: all but a table of embeddings of its own."""
    read_bytes_per_s: float
    handed_on_bytes_per_s: list[tuple[float, float] | None]
    """From core to core, before and after each round."""
    bandwidth_share: float | None
    """Of the decode step through the engine."""


Turn = Callable[[Job], Awaitable[Timing]]


class EngineTurns:
    """Cold completions through one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def run(self, job: Job) -> Timing:
        request = GenerationRequest(
            prompt=TokenPrompt(tokens=tuple(job.tokens)),
            sampling=SamplingParams(max_tokens=job.n_decode, with_logprobs=False),
            priority=Priority.CHAT,
        )
        cpu = time.process_time()
        result = await self._engine.submit(request).result()
        cpu = time.process_time() - cpu
        usage = result.usage
        assert len(result.token_ids) == job.n_decode
        decode_ms = usage.total_ms - usage.queue_ms - usage.prefill_ms
        # The first token comes with the prefill.
        return Timing(
            prefill_ms=usage.prefill_ms, decode_ms=decode_ms / (job.n_decode - 1), cpu_ms=1e3 * cpu
        )


def loop_turn(process: DirectProcess) -> Turn:
    """Cold completions through llama.cpp's own functions."""

    async def run(job: Job) -> Timing:
        timing = await process.run(job)
        decode_ms = timing.token_ms[-1] - timing.prefill_ms
        return Timing(
            prefill_ms=timing.prefill_ms,
            decode_ms=decode_ms / (job.n_decode - 1),
            cpu_ms=timing.cpu_ms[-1],
        )

    return run


def _llama_bench(server: Path, model: Path, n_threads: int, settings: llama_bench.Settings) -> Turn:
    program = server.with_name(server.name.replace("llama-server", "llama-bench"))

    async def run(job: Job) -> Timing:
        prefill_ms, decode_ms = await asyncio.to_thread(
            llama_bench.measure,
            program,
            model,
            n_threads=n_threads,
            n_prompt=len(job.tokens),
            n_decode=job.n_decode,
            settings=settings,
        )
        return Timing(prefill_ms=prefill_ms, decode_ms=decode_ms)

    return run


def _load_endless(config: EngineConfig, report: Callable[[float], bool]) -> LoadedModel:
    loaded = load_model(config, report)
    loaded.backend.vocabulary.end_ids = frozenset()
    return loaded


class Rounds(msgspec.Struct, frozen=True):
    """All ways in turn."""

    ways: list[Way]
    n_threads: int
    handed_on: list[tuple[float, float] | None]


async def ways(options: argparse.Namespace, config: EngineConfig) -> Rounds:
    """Raises InferenceError, EditorError or PeerError."""
    model = inspect_model(config.model_path)
    n_ctx = options.prompt + options.decode + 16
    tokens = random.Random(1)
    async with Engine(config, load=_load_endless) as engine:
        n_threads = engine.status().n_threads
        path = str(model.path)
        async with (
            DirectProcess(path, n_threads, n_ctx, "engine") as loop,
            DirectProcess(path, n_threads, n_ctx, "defaults") as loop_defaults,
        ):
            turns: dict[str, Turn] = {
                ENGINE: EngineTurns(engine).run,
                LOOP: loop_turn(loop),
                LOOP_DEFAULTS: loop_turn(loop_defaults),
            }
            peer = find_peer()
            if peer is not None:
                turns[BENCH] = _llama_bench(peer, model.path, n_threads, "engine")
                turns[BENCH_DEFAULTS] = _llama_bench(peer, model.path, n_threads, "defaults")
            done: dict[str, list[Timing]] = {name: [] for name in turns}
            handed_on: list[tuple[float, float] | None] = []
            for index in range(options.rounds + 1):
                job = Job(
                    tokens.choices(range(model.n_vocab // 2), k=options.prompt), options.decode
                )
                before = await asyncio.to_thread(handed_on_bytes_per_s)
                for name in turns if index % 2 else reversed(turns):
                    timing = await turns[name](job)
                    if index:  # The first round warms up.
                        done[name].append(timing)
                after = await asyncio.to_thread(handed_on_bytes_per_s)
                if index:
                    handed_on.append((before, after) if before and after else None)
                print(f"  round {index} of {options.rounds}", file=sys.stderr, flush=True)
    measured = [Way(name=name, turns=each) for name, each in done.items()]
    return Rounds(measured, n_threads, handed_on)


async def measure(options: argparse.Namespace) -> EngineResult:
    """Everything. Raises InferenceError, EditorError or PeerError."""
    described = provenance()
    # Without drafts: the tokens of the prompt are the answer too, and would be found in it.
    config = EngineConfig(
        model_path=options.model,
        n_threads=options.threads,
        use_prefix_cache=False,
        speculate=SpeculationMode.NEVER,
    )
    model = inspect_model(options.model)
    rounds = await ways(options, config)
    verify_ms = verify_cost.curve(config, n_before=options.prompt, n_rounds=4 * options.rounds)
    speed = read_bytes_per_s(rounds.n_threads)
    n_bytes = weight_bytes(model.path)
    decode_ms = rounds.ways[0].decode_ms
    return EngineResult(
        provenance=described,
        model=model.name,
        quantization=model.quantization,
        n_threads=rounds.n_threads,
        n_prompt_tokens=options.prompt,
        n_decoded_tokens=options.decode,
        ways=rounds.ways,
        verify_ms=verify_ms,
        weight_bytes=n_bytes,
        read_bytes_per_s=speed,
        handed_on_bytes_per_s=rounds.handed_on,
        bandwidth_share=ratio(n_bytes, decode_ms and decode_ms * speed / 1e3),
    )


def weight_bytes(path: Path) -> int:
    """What a decode step of a dense model reads: all tensors, but of a table of embeddings that is
    not the output matrix too only one row, which is left out."""
    tensors = read_header(path).tensors
    is_tied = all(tensor.name != "output.weight" for tensor in tensors)
    return sum(t.n_bytes for t in tensors if is_tied or t.name != "token_embd.weight")


def report(result: EngineResult) -> str:
    """The result as text."""
    engine = result.ways[0]
    rows = [["", "prefill tok/s", "engine ÷ it", "decode ms", "engine ÷ it"]]
    for way in result.ways:
        speed = ratio(1e3 * result.n_prompt_tokens, way.prefill_ms)
        faster = ratio(way.prefill_ms, engine.prefill_ms), ratio(way.decode_ms, engine.decode_ms)
        cells = [figure(speed, 0), figure(faster[0], 3), figure(way.decode_ms, 2)]
        rows.append([way.name, *cells, figure(faster[1], 3)])
    single = result.verify_ms.get(1)
    costs = [["rows in a call", *map(str, result.verify_ms)]]
    costs.append(["ms", *(figure(ms, 2) for ms in result.verify_ms.values())])
    costs.append(["÷ one row", *(figure(ratio(ms, single), 2) for ms in result.verify_ms.values())])
    share = result.bandwidth_share
    bandwidth = (
        f"memory: {result.read_bytes_per_s / 1e9:.1f} GB/s read by {result.n_threads} threads; a "
        f"decode step needs {result.weight_bytes / 2**20:.0f} MiB of weights, "
        f"{figure(share and 100 * share, 0)} % of that"
    )
    title = (
        f"{result.model}, {result.quantization}, {result.n_threads} threads, "
        f"{result.n_prompt_tokens} + {result.n_decoded_tokens} tokens; speeds: above 1 the engine "
        "is faster"
    )
    parts = [title, table(rows), _distances(result), table(costs), bandwidth]
    return "\n\n".join(part for part in parts if part)


def _distances(result: EngineResult) -> str:
    """Of the rounds with near cores and those with far ones; empty where no speed is known."""
    rows = [["cores", "rounds", "GB/s handed on", "engine ÷ loop's defaults: prefill", "decode"]]
    speeds = result.handed_on_bytes_per_s
    engine, *others = result.ways
    peer = next(way for way in others if way.name == LOOP_DEFAULTS)
    for name, turns in by_distance(speeds).items():
        if not turns:
            continue
        ours, theirs = ([way.turns[i] for i in turns] for way in (engine, peer))
        prefill = ratio(*(median(turn.prefill_ms for turn in side) for side in (theirs, ours)))
        decode = ratio(*(median(turn.decode_ms for turn in side) for side in (theirs, ours)))
        handed_on = median(speed for i in turns for speed in speeds[i] or ())
        cells = [figure(handed_on and handed_on / 1e9, 0), figure(prefill, 3), figure(decode, 3)]
        rows.append([name, str(len(turns)), *cells])
    return table(rows) if rows[1:] else ""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command("engine", __doc__)
    add_model(parser)
    parser.add_argument("--threads", type=int, help="of all; default: what Sotto chooses")
    parser.add_argument("--prompt", type=int, default=512, help="tokens; default: 512")
    parser.add_argument("--decode", type=int, default=64, help="tokens; default: 64")
    parser.add_argument("--rounds", type=int, default=6, help="default: 6, after one to warm up")
    add_out(parser)
    options = parser.parse_args(arguments)
    if find_peer() is None:
        print("No llama-bench: `python -m bench.build_peer` builds it.", file=sys.stderr)
    result = run("engine", lambda: asyncio.run(measure(options)), report, options.out)
    return int(result is None)


if __name__ == "__main__":
    raise SystemExit(main())
