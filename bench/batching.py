"""What it gains that requests which decode at once share calls (`inference/batching.py`).

    python -m bench.batching [--model FILE] [--always] [--rounds N] [--threads N] [--out FILE]

Two engines with the same model, one that shares and one that does not, in turn *separate*,
*shared*, *shared*, *separate*. In each turn:

* *two chats* are asked for together: how long until both are answered;
* *two edits*, whose old text is known but of no use as a draft: the same;
* *a suggestion beside a chat*: while a conversation's answer streams, one suggestion after the
  other is asked for: how long each takes, and how many tokens the chat gets meanwhile.

`--always` has all requests decode in rows that may share (`SpeculationMode.ALWAYS`); otherwise the
engine decides which do. Prompts are new in each round. That the texts are the same is checked.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from bench.command import add_model, add_out, command, run
from bench.machine import Provenance, provenance
from bench.summary import Summary, figure, ratio, summarise, table
from inference import (
    Engine,
    EngineConfig,
    FimPrompt,
    GenerationRequest,
    GenerationResult,
    Priority,
    SamplingParams,
    SpeculationMode,
    TextPrompt,
)

SEPARATE, SHARED = "separate", "shared"
N_ANSWER, N_SUGGESTION = 48, 16
"""Tokens."""
N_SUGGESTIONS = 4
"""Beside one chat."""
SOURCE = "".join(f"def scaled_{n}(value):\n    return value * {n}\n\n\n" for n in range(8))
_SETTLES_S = 3.0
"""After loading the engine measures what calls cost, in the first second without requests."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    way: str
    chats_ms: float
    """Until both are answered."""
    chats_cpu_ms: float
    """Processor time until then; it says more where other work is going on."""
    edits_ms: float
    edits_cpu_ms: float
    suggestion_ms_each: list[float]
    n_chat_tokens: int
    """That the chat got while the suggestions were made."""
    n_steps: int
    n_shared_steps: int
    """Of all requests."""


class BatchingResult(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    model: str
    quantization: str
    mode: SpeculationMode
    turns: list[Turn]
    n_differ: int
    """Answers that were others when they shared."""
    chats_ms: dict[str, Summary]
    chats_cpu_ms: dict[str, Summary]
    edits_ms: dict[str, Summary]
    edits_cpu_ms: dict[str, Summary]
    suggestion_ms: dict[str, Summary]
    chat_tokens: dict[str, Summary]


def request(priority: Priority, heading: str, max_tokens: int) -> GenerationRequest:
    text = f"# {heading}\n{SOURCE}"
    prompt = FimPrompt(prefix=f"{text}def ", suffix="\n") if priority is Priority.INLINE else None
    return GenerationRequest(
        prompt=prompt or TextPrompt(text=text),
        sampling=SamplingParams(max_tokens=max_tokens, with_logprobs=False),
        priority=priority,
        sequence_hint=heading,
        old_text="0123456789 " * 8 if priority is Priority.ACTION else "",
    )


async def together(
    engine: Engine, requests: Sequence[GenerationRequest]
) -> tuple[float, float, list[GenerationResult]]:
    """Milliseconds until all are answered, and the processor's."""
    started, ran = time.perf_counter(), time.process_time()
    results = await asyncio.gather(*(engine.submit(each).result() for each in requests))
    ms, cpu_ms = 1e3 * (time.perf_counter() - started), 1e3 * (time.process_time() - ran)
    return round(ms, 2), round(cpu_ms, 2), list(results)


async def beside_a_chat(
    engine: Engine, heading: str
) -> tuple[list[float], int, list[GenerationResult]]:
    """Milliseconds of each suggestion, and the tokens that the chat got meanwhile."""
    chat = engine.submit(request(Priority.CHAT, heading, 100 * N_ANSWER))
    n_tokens = 0
    started = asyncio.Event()

    async def count() -> None:
        nonlocal n_tokens
        async for chunk in chat:
            n_tokens += len(chunk.token_ids)
            started.set()

    counting = asyncio.create_task(count())
    await started.wait()
    n_before = n_tokens
    times: list[float] = []
    results: list[GenerationResult] = []
    for n in range(N_SUGGESTIONS):
        wanted = request(Priority.INLINE, f"{heading} {n}", N_SUGGESTION)
        ms, _, made = await together(engine, [wanted])
        times.append(ms)
        results += made
    n_got = n_tokens - n_before
    chat.cancel()
    await counting
    await chat.result()
    return times, n_got, results


async def take_turn(engine: Engine, way: str, n: int) -> tuple[Turn, list[str]]:
    """The texts are those whose length does not depend on time."""
    chats, edits = (
        [request(priority, f"{priority.name} {n} {at}", N_ANSWER) for at in range(2)]
        for priority in (Priority.CHAT, Priority.ACTION)
    )
    chats_ms, chats_cpu_ms, of_chats = await together(engine, chats)
    edits_ms, edits_cpu_ms, of_edits = await together(engine, edits)
    suggestion_ms, n_chat_tokens, of_suggestions = await beside_a_chat(engine, f"beside {n}")
    results = [*of_chats, *of_edits, *of_suggestions]
    turn = Turn(
        way=way,
        chats_ms=chats_ms,
        chats_cpu_ms=chats_cpu_ms,
        edits_ms=edits_ms,
        edits_cpu_ms=edits_cpu_ms,
        suggestion_ms_each=suggestion_ms,
        n_chat_tokens=n_chat_tokens,
        n_steps=sum(result.usage.n_steps for result in results),
        n_shared_steps=sum(result.usage.n_shared_steps for result in results),
    )
    return turn, [result.text for result in results]


async def measure(options: argparse.Namespace) -> BatchingResult:
    """All turns. Raises InferenceError."""
    described = provenance()
    mode = SpeculationMode.ALWAYS if options.always else SpeculationMode.AUTO
    config = EngineConfig(
        model_path=options.model, n_threads=options.threads, n_ctx=4096, speculate=mode
    )
    separate = Engine(msgspec.structs.replace(config, share_decodes=False))
    turns: list[Turn] = []
    n_differ = 0
    async with separate, Engine(config) as shared:
        model = await shared.wait_ready()
        await asyncio.sleep(_SETTLES_S)
        engines = {SEPARATE: separate, SHARED: shared}
        for n in range(options.rounds):
            texts: dict[str, list[str]] = {}
            for at, way in enumerate((SEPARATE, SHARED, SHARED, SEPARATE)):
                turn, texts[way] = await take_turn(engines[way], way, 2 * n + at // 2)
                turns.append(turn)
                if at % 2:
                    pairs = zip(texts[SEPARATE], texts[SHARED], strict=True)
                    n_differ += sum(one != other for one, other in pairs)
            print(f"  round {n + 1}", file=sys.stderr, flush=True)

    by_way = {way: [turn for turn in turns if turn.way == way] for way in engines}

    def summaries(values: Callable[[Turn], Iterable[float]]) -> dict[str, Summary]:
        return {way: summarise(v for t in ts for v in values(t)) for way, ts in by_way.items()}

    return BatchingResult(
        provenance=described,
        model=model.name,
        quantization=model.quantization,
        mode=mode,
        turns=turns,
        n_differ=n_differ,
        chats_ms=summaries(lambda turn: [turn.chats_ms]),
        chats_cpu_ms=summaries(lambda turn: [turn.chats_cpu_ms]),
        edits_ms=summaries(lambda turn: [turn.edits_ms]),
        edits_cpu_ms=summaries(lambda turn: [turn.edits_cpu_ms]),
        suggestion_ms=summaries(lambda turn: turn.suggestion_ms_each),
        chat_tokens=summaries(lambda turn: [turn.n_chat_tokens]),
    )


def report(result: BatchingResult) -> str:
    """The result as text."""
    rows = [["medians", SEPARATE, SHARED, "shared / separate"]]
    for name, of in (
        ("two chats, ms", result.chats_ms),
        ("… of the processor", result.chats_cpu_ms),
        ("two edits, ms", result.edits_ms),
        ("… of the processor", result.edits_cpu_ms),
        ("a suggestion beside a chat, ms", result.suggestion_ms),
        ("the chat's tokens meanwhile", result.chat_tokens),
    ):
        one, other = of[SEPARATE].p50, of[SHARED].p50
        rows.append([name, figure(one), figure(other), figure(ratio(other, one), 2)])
    shared = [turn for turn in result.turns if turn.way == SHARED]
    n_steps, n_shared = (
        sum(turn.n_steps for turn in shared),
        sum(turn.n_shared_steps for turn in shared),
    )
    return (
        f"{result.model}, {result.quantization}, speculate={result.mode}\n{table(rows)}\n"
        f"{n_shared} of {n_steps} steps shared; {result.n_differ} texts differ"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command("batching", __doc__)
    add_model(parser)
    parser.add_argument("--always", action="store_true", help="all requests may share")
    parser.add_argument("--rounds", type=int, default=3, help="of four turns; default: 3")
    parser.add_argument("--threads", type=int)
    add_out(parser)
    options = parser.parse_args(arguments)
    result = run("batching", lambda: asyncio.run(measure(options)), report, options.out)
    return int(result is None)


if __name__ == "__main__":
    raise SystemExit(main())
