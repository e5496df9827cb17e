"""What a decode step takes while other programs want every core, against an idle machine.

    python -m bench.contention [--model FILE] [--busy N] [--threads N] [--completions N]

In turn idle, busy, busy, idle: busy means that `--busy` processes only spin (default: one for every
core). In each turn `--completions` short ones are made through the engine and through llama.cpp's
own loop with the engine's settings (`bench.direct`, whose threads stay as many as they are), one
after the other. An engine that adapts needs a moment to notice, so the median of each turn's
second half is reported beside that of all.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.busy import BusyProcesses
from bench.direct_job import Job
from bench.direct_process import DirectProcess
from bench.editor import EditorError
from bench.engine import ENGINE, LOOP, EngineTurns, Turn, loop_turn
from bench.machine import Provenance, machine, provenance
from bench.oracle import Oracle
from bench.results import save
from bench.summary import figure, median, ratio, table
from inference import Engine, EngineConfig, InferenceError, SpeculationMode, inspect_model

IDLE, BUSY = "idle", "busy"


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """One way's completions in one turn."""

    way: str
    name: str
    decode_ms: list[float]
    """Of one token, in the mean of a completion; in the order they were made."""


class ContentionResult(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    model: str
    quantization: str
    n_threads: int
    """Of the loop; the engine's at the start."""
    n_busy: int
    n_prompt_tokens: int
    n_decoded_tokens: int
    phases: list[Phase]


async def measure(options: argparse.Namespace) -> ContentionResult:
    """All turns. Raises InferenceError or EditorError."""
    described = provenance()
    model = inspect_model(options.model)
    config = EngineConfig(
        model_path=options.model,
        n_threads=options.threads,
        use_prefix_cache=False,
        speculate=SpeculationMode.NEVER,
    )
    n_ctx = options.prompt + options.decode + 16
    oracle = Oracle()
    tokens = random.Random(1)
    phases: list[Phase] = []
    async with Engine(config, load=oracle.load) as engine:
        n_threads = engine.status().n_threads
        async with DirectProcess(str(model.path), n_threads, n_ctx, "engine") as loop:
            turns: dict[str, Turn] = {
                ENGINE: EngineTurns(engine, oracle).run,
                LOOP: loop_turn(loop),
            }
            for name in (IDLE, BUSY, BUSY, IDLE) * options.rounds:
                done: dict[str, list[float]] = {way: [] for way in turns}
                with BusyProcesses(options.busy if name == BUSY else 0):
                    for _ in range(options.completions):
                        prompt = tokens.choices(range(model.n_vocab // 2), k=options.prompt)
                        for way, turn in turns.items():
                            timing = await turn(Job(prompt, options.decode))
                            done[way].append(round(timing.decode_ms, 3))
                phases += [Phase(way=way, name=name, decode_ms=ms) for way, ms in done.items()]
                print(f"  {name}: {figure(median(done[ENGINE]))} ms", file=sys.stderr, flush=True)
    return ContentionResult(
        provenance=described,
        model=model.name,
        quantization=model.quantization,
        n_threads=n_threads,
        n_busy=options.busy,
        n_prompt_tokens=options.prompt,
        n_decoded_tokens=options.decode,
        phases=phases,
    )


def decode_ms(phases: Sequence[Phase], way: str, name: str, *, settled: bool) -> float | None:
    """The median over the turns of that name; `settled` takes each turn's second half."""
    turns = [phase.decode_ms for phase in phases if phase.way == way and phase.name == name]
    return median(ms for turn in turns for ms in (turn[len(turn) // 2 :] if settled else turn))


def report(result: ContentionResult) -> str:
    """The result as text."""
    rows = [["decode ms", "idle", "busy", "×", "busy, settled", "×"]]
    for way in (ENGINE, LOOP):
        idle = decode_ms(result.phases, way, IDLE, settled=False)
        busy = [decode_ms(result.phases, way, BUSY, settled=half) for half in (False, True)]
        pairs = [(figure(ms, 2), figure(ratio(ms, idle), 2)) for ms in busy]
        rows.append([way, figure(idle, 2), *pairs[0], *pairs[1]])
    title = f"{result.model}, {result.quantization}, {result.n_busy} busy processes"
    return f"{title}\n\n{table(rows)}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.contention",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=Path, help="a GGUF file; default: the built-in model")
    parser.add_argument("--busy", type=int, default=machine().n_cores, help="default: all cores")
    parser.add_argument("--threads", type=int, help="default: what Sotto chooses")
    parser.add_argument("--prompt", type=int, default=64, help="tokens; default: 64")
    parser.add_argument("--decode", type=int, default=32, help="tokens; default: 32")
    parser.add_argument("--completions", type=int, default=8, help="in a turn; default: 8")
    parser.add_argument("--rounds", type=int, default=1, help="of four turns; default: 1")
    parser.add_argument("--out", type=Path, help="default: a new file in bench/results/")
    options = parser.parse_args(arguments)
    try:
        result = asyncio.run(measure(options))
    except (InferenceError, EditorError) as error:
        print(error, file=sys.stderr)
        return 1
    print(report(result))
    made = save("contention", result, result.provenance, options.out)
    print(f"written to {made}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
