"""Keystroke to suggestion: Sotto over stdio against llama-server, driven in two ways.

    python -m bench.latency [--trace FILE] [--keys N] [--speed 1|4|lockstep] [--model FILE]
                            [--threads N] [--max-tokens N] [--busy N] [--llama-server PATH]
                            [--peers infill,ideal] [--rounds N] [--patience MS] [--no-warm-up]

One pseudo-editor types the same trace into all, in turn A B C, C B A with a fresh process each, the
same model file and the same threads:

- *llama.vim*: `/infill` with that plugin's policy, described in `bench/llama_vim.py`;
- *ideal client*: `/completion` with Sotto's own prompts as tokens and a client that makes the best
  of it, described in `bench/llama_ideal.py`.

Reported for each:

- shown ms: from the key to ghost text for the text as it is after that key, where any came before
  the next key;
- answered ms: the same, counting the keys to which the answer was "nothing" as well;
- key to the next answer: the same, counting keys that were typed over too, until a later one was
  answered;
- tokens evaluated for a key that reached the model, by whether it was the first on its line;
- tokens evaluated and decoded per key, and the share of decoded tokens of answers of which nothing
  was ever shown;
- processor time of the server's process, and what it holds in memory at the end.

At human speed a slow server answers only the keys before a pause, so its latencies are those of
its luckier keys; `--speed lockstep` waits for every answer. A model of random weights writes noise
until it is stopped: give it `--max-tokens` (1 is the time to the first token) and
`--min-confidence 0`. Without a llama-server (`python -m bench.build_peer`) only Sotto is measured.
The result goes to `bench/results/` as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.build_peer import find_peer
from bench.command import add_model, add_out, command, run
from bench.contenders import IDEAL, INFILL, SOTTO, Contenders
from bench.editor import require_sotto
from bench.latency_report import LatencyResult, Run, report
from bench.llama_server import version as peer_version
from bench.machine import provenance
from bench.summary import figure
from bench.trace import Session, read_trace, take

SHIPPED_TRACE = Path(__file__).resolve().parent / "traces" / "sotto.jsonl"
PEERS = {"infill": INFILL, "ideal": IDEAL}


async def measure(options: argparse.Namespace, sessions: list[Session]) -> LatencyResult:
    """All runs. Raises EditorError, PeerError or InferenceError."""
    described = provenance()
    contenders = Contenders(options, sessions)
    peer: Path | None = options.llama_server
    peer_says = peer_version(peer) if peer else None
    names = [SOTTO, *(PEERS[name] for name in options.peers if peer)]
    turns = [*names, *names[::-1]] if peer else names
    runs: list[Run] = []
    for name in turns * options.rounds:
        run = await contenders.run(name)
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
        warms_up=options.warm_up,
        # The path is the machine's business.
        model=msgspec.structs.replace(contenders.model, path=Path(contenders.model.path).name),
        n_threads=contenders.n_threads,
        server_options=contenders.server_options,
        peer=peer_says,
        peer_arguments={name: contenders.peer_arguments[name] for name in names[1:]},
        max_tokens=options.max_tokens,
        n_busy=options.busy,
        runs=runs,
    )


def parse_speed(text: str) -> float | None:
    """What divides a trace's pauses; None waits for every answer. Raises ValueError."""
    if text == "lockstep":
        return None
    speed = float(text)
    if speed <= 0:
        raise ValueError
    return speed


def _peers(text: str) -> list[str]:
    names = text.split(",")
    if not set(names) <= set(PEERS):
        raise ValueError
    return names


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command("latency", __doc__)
    parser.add_argument("--trace", type=Path, default=SHIPPED_TRACE)
    parser.add_argument("--keys", type=int, default=300, help="keys in one run; default: 300")
    parser.add_argument("--rounds", type=int, default=1, help="how often A B B A; default: once")
    parser.add_argument(
        "--speed",
        type=parse_speed,
        default=1.0,
        help="divides the pauses, or: lockstep; default: 1",
    )
    add_model(parser)
    parser.add_argument("--threads", type=int, help="of all; default: what Sotto chooses")
    parser.add_argument("--max-tokens", type=int, help="of an answer; default: each its own")
    parser.add_argument("--busy", type=int, default=0, help="processes that spin meanwhile")
    parser.add_argument("--llama-server", type=Path, default=None, help="default: as built here")
    parser.add_argument(
        "--peers", type=_peers, default=list(PEERS), help="of infill,ideal; default: both"
    )
    parser.add_argument("--no-peer", action="store_true", help="measure Sotto alone")
    parser.add_argument("--peer-argument", action="append", default=[], metavar="ARG")
    parser.add_argument("--min-confidence", type=float, help="Sotto's gate; 0 shows everything")
    parser.add_argument("--no-cancel", dest="cancels", action="store_false", help="as Neovim")
    parser.add_argument(
        "--patience", type=int, metavar="MS", help="Sotto's; 0 always reads the whole prompt"
    )
    parser.add_argument(
        "--no-warm-up",
        dest="warm_up",
        action="store_false",
        help="moves of the cursor are not told",
    )
    add_out(parser)
    options = parser.parse_args(arguments)
    require_sotto()
    if options.no_peer:
        options.llama_server = None
    elif options.llama_server is None:
        options.llama_server = find_peer()
    if options.llama_server is None:
        hint = "" if options.no_peer else " `python -m bench.build_peer` builds the peer."
        print(f"No llama-server: only Sotto is measured.{hint}", file=sys.stderr)

    def measured() -> LatencyResult:
        return asyncio.run(measure(options, take(read_trace(options.trace), options.keys)))

    result = run("latency", measured, report, options.out)
    return int(result is None)


if __name__ == "__main__":
    raise SystemExit(main())
