"""Inline suggestions while a chat streams: what a keystroke waits for, and whether chat moves on.

    python -m bench.beside_chat [--model FILE] [--keys N] [--speed 1|lockstep] [--max-tokens N]
                                [--threads N] [--rounds N]

A trace is typed into one engine in this process, in turn *alone*, *beside chat*, *beside chat*,
*alone*, each time in files whose first line is new. Beside chat means that one request of chat
priority is always at work: a long prompt that was never seen before, then a long answer, then the
next. The latency is that from a key to the answer of its inline request, of `--max-tokens` tokens
(with random weights their text is noise, so fewer say more). A key that is overtaken by the next
one has no latency; `--speed lockstep` waits for each.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.cold import documents
from bench.engine_driver import EngineDriver
from bench.latency import SHIPPED_TRACE, parse_speed
from bench.machine import Provenance, provenance
from bench.replay import replay
from bench.results import save
from bench.summary import Summary, figure, ratio, summarise, table
from bench.trace import Session, TraceError, read_trace, shifted, take
from inference import (
    Engine,
    EngineConfig,
    GenerationRequest,
    InferenceError,
    ModelInfo,
    Priority,
    SamplingParams,
    TextPrompt,
)

ALONE, BESIDE = "alone", "beside chat"
N_CHAT_DOCUMENTS = 2
"""Of some 90 lines each, in a chat's prompt."""
MAX_CHAT_TOKENS = 400


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """The trace typed once."""

    name: str
    n_keys: int
    answered_ms_each: list[float]
    seconds: float
    n_chat_tokens: int
    """Written by the chats meanwhile."""
    n_chat_prompt_tokens: int
    """Of the chats that ended meanwhile, evaluated."""


class BesideChatResult(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    model: ModelInfo
    n_threads: int
    trace: str
    speed: float | None
    max_tokens: int
    turns: list[Turn]
    ratio_p50: float | None
    """Beside chat over alone."""
    ratio_p95: float | None


class Chat:
    """A chat that is always at work. Use `async with`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.n_tokens = 0
        self.n_prompt_tokens = 0

    async def __aenter__(self) -> Chat:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task  # A chat that failed would have made the measurement worthless.

    async def _run(self) -> None:
        while True:
            texts = [d.text for d in documents(N_CHAT_DOCUMENTS, salt=f"{time.time_ns():x}")]
            request = GenerationRequest(
                prompt=TextPrompt(text="\n".join(texts)),
                sampling=SamplingParams(max_tokens=MAX_CHAT_TOKENS),
                priority=Priority.CHAT,
            )
            generation = self._engine.submit(request)
            try:
                async for chunk in generation:
                    self.n_tokens += len(chunk.token_ids)
                usage = (await generation.result()).usage
                self.n_prompt_tokens += usage.n_evaluated_tokens
            finally:
                generation.cancel()


class Typing:
    """The trace and the engine it is typed into."""

    def __init__(
        self,
        engine: Engine,
        sessions: Sequence[Session],
        *,
        speed: float | None,
        max_tokens: int,
    ) -> None:
        self._engine = engine
        self._sessions = sessions
        self._speed = speed
        self._max_tokens = max_tokens

    async def turn(self, name: str) -> Turn:
        if name == ALONE:
            return await self._type(name, None)
        async with Chat(self._engine) as chat:
            return await self._type(name, chat)

    async def _type(self, name: str, chat: Chat | None) -> Turn:
        heading = f"# {time.time_ns():x}\n"
        driver = EngineDriver(self._engine, max_tokens=self._max_tokens)
        start = time.perf_counter()
        sessions = [shifted(session, heading) for session in self._sessions]
        keys = await replay(driver, sessions, speed=self._speed)
        return Turn(
            name=name,
            n_keys=len(keys),
            answered_ms_each=[round(ms, 2) for k in keys if (ms := k.answered_ms) is not None],
            seconds=round(time.perf_counter() - start, 2),
            n_chat_tokens=chat.n_tokens if chat else 0,
            n_chat_prompt_tokens=chat.n_prompt_tokens if chat else 0,
        )


async def measure(options: argparse.Namespace, sessions: list[Session]) -> BesideChatResult:
    """All turns. Raises InferenceError."""
    described = provenance()
    config = EngineConfig(model_path=options.model, n_threads=options.threads)
    turns: list[Turn] = []
    async with Engine(config) as engine:
        typing = Typing(engine, sessions, speed=options.speed, max_tokens=options.max_tokens)
        for name in (ALONE, BESIDE, BESIDE, ALONE) * options.rounds:
            turns.append(await typing.turn(name))
            print(f"  {name}: {turns[-1].seconds:.0f} s", file=sys.stderr, flush=True)
        status = engine.status()
    assert status.model is not None
    alone, beside = pooled(turns, ALONE), pooled(turns, BESIDE)
    return BesideChatResult(
        provenance=described,
        model=msgspec.structs.replace(status.model, path=Path(status.model.path).name),
        n_threads=status.n_threads,
        trace=options.trace.name,
        speed=options.speed,
        max_tokens=options.max_tokens,
        turns=turns,
        ratio_p50=ratio(beside.p50, alone.p50),
        ratio_p95=ratio(beside.p95, alone.p95),
    )


def pooled(turns: Sequence[Turn], name: str) -> Summary:
    """The latencies of all turns of that name."""
    return summarise(ms for turn in turns if turn.name == name for ms in turn.answered_ms_each)


def report(result: BesideChatResult) -> str:
    """The result as text."""
    rows = [["key to answer, ms", "keys", "answered", "p50", "p95", "chat tokens/s"]]
    for name in (ALONE, BESIDE):
        turns = [turn for turn in result.turns if turn.name == name]
        summary = pooled(turns, name)
        speed = sum(t.n_chat_tokens for t in turns) / sum(t.seconds for t in turns)
        n_keys = sum(turn.n_keys for turn in turns)
        cells = [figure(summary.p50), figure(summary.p95), figure(speed)]
        rows.append([name, str(n_keys), str(summary.n), *cells])
    ratios = f"p50 × {figure(result.ratio_p50, 2)}, p95 × {figure(result.ratio_p95, 2)} beside chat"
    return f"{table(rows)}\n{ratios}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.beside_chat",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=Path, help="a GGUF file; default: the built-in model")
    parser.add_argument("--threads", type=int, help="default: what Sotto chooses")
    parser.add_argument("--trace", type=Path, default=SHIPPED_TRACE)
    parser.add_argument("--keys", type=int, default=150, help="in one turn; default: 150")
    parser.add_argument(
        "--speed",
        type=parse_speed,
        default=1.0,
        help="divides the pauses, or: lockstep; default: 1",
    )
    parser.add_argument("--max-tokens", type=int, default=4, help="of an answer; default: 4")
    parser.add_argument("--rounds", type=int, default=1, help="of four turns; default: 1")
    parser.add_argument("--out", type=Path, help="default: a new file in bench/results/")
    options = parser.parse_args(arguments)
    try:
        sessions = take(read_trace(options.trace), options.keys)
        result = asyncio.run(measure(options, sessions))
    except (TraceError, InferenceError) as error:
        print(error, file=sys.stderr)
        return 1
    print(report(result))
    made = save("beside-chat", result, result.provenance, options.out)
    print(f"written to {made}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
