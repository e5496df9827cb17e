"""How long a cancelled request goes on using the model.

    python -m bench.cancel [--model FILE] [--threads N] [--cancels N] [--prompt-tokens N]

An engine is given prompts that it has never seen, and each is cancelled at a random moment: half of
them while the prompt is read, half while tokens are decoded. Two times are taken from the cancel:
until the runtime computes no more, and until the caller has the end. They are reported in ms and
in decode steps, of which the median time is taken in the same run.

The aim is that p99 of the first is at most 1.5 decode steps.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from bench.command import add_model, add_out, command, run
from bench.machine import Provenance, provenance
from bench.summary import Summary, figure, median, ratio, summarise, table
from inference import (
    Engine,
    EngineConfig,
    GenerationRequest,
    SamplingParams,
    TokenPrompt,
)
from inference.backends.base import Backend, Evaluation, Span
from inference.loading import LoadedModel, load_model

N_CALIBRATIONS = 5
N_DECODED = 40
Phase = Literal["prefill", "decode"]
PHASES: tuple[Phase, Phase] = ("prefill", "decode")


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """From a cancel, in one phase."""

    runtime_ms: Summary
    """Until the runtime computes no more."""
    caller_ms: Summary
    """Until the caller has the result."""
    runtime_steps_p99: float | None
    """The first one's p99 over the time of a decode step; the aim is 1.5."""
    n_too_late: int
    """Requests that had left the phase, or ended, before they were cancelled; not counted."""


class CancelResult(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    model: str
    n_threads: int
    n_prompt_tokens: int
    step_ms: float
    """Of decoding a token, the median."""
    prefill_ms: float
    """Of a whole prompt, the shortest."""
    prefill: Waits
    decode: Waits


class Watch:
    """Notes when the backend computes; set on a loaded model."""

    def __init__(self) -> None:
        self.step_ms: list[float] = []
        self.ended = 0.0
        """When the last evaluation ended."""
        self.n_rows = 0
        """Of the last one that was begun."""

    def load(self, config: EngineConfig, report: Callable[[float], bool]) -> LoadedModel:
        """What `Engine` loads with."""
        loaded = load_model(config, report)
        backend: Backend = loaded.backend
        evaluate = backend.evaluate

        def watched(spans: Sequence[Span]) -> Evaluation:
            self.n_rows = sum(len(span.tokens) for span in spans)
            started = time.perf_counter()
            try:
                evaluation = evaluate(spans)
            finally:
                self.ended = time.perf_counter()
            if evaluation.completed and self.n_rows == 1:
                self.step_ms.append(1e3 * (self.ended - started))
            return evaluation

        backend.evaluate = watched
        return loaded


class Canceller:
    """Asks an engine and cancels."""

    def __init__(self, engine: Engine, watch: Watch, n_prompt: int, n_vocab: int) -> None:
        self._engine = engine
        self._watch = watch
        self._n_prompt = n_prompt
        self._n_vocab = n_vocab
        self._chance = random.Random(1)
        self._runtime_ms: dict[Phase, list[float]] = {phase: [] for phase in PHASES}
        self._caller_ms: dict[Phase, list[float]] = {phase: [] for phase in PHASES}
        self._n_too_late: dict[Phase, int] = dict.fromkeys(PHASES, 0)

    async def calibrate(self) -> float:
        """The shortest time of reading a prompt, ms."""
        results = [
            await self._engine.submit(self._request(N_DECODED)).result()
            for _ in range(N_CALIBRATIONS)
        ]
        return min(result.usage.prefill_ms for result in results)

    async def cancel(self, phase: Phase, prefill_ms: float) -> None:
        """One request, cancelled in a phase."""
        generation = self._engine.submit(self._request(N_DECODED if phase == "decode" else 1))
        if phase == "decode":
            async for _ in generation:
                break
            within_ms = N_DECODED / 2 * (median(self._watch.step_ms) or 0.0)
        else:
            within_ms = 0.9 * prefill_ms
        await asyncio.sleep(self._chance.uniform(0, within_ms) / 1e3)
        is_decoding = self._watch.n_rows == 1
        cancelled = time.perf_counter()
        generation.cancel()
        result = await generation.result()
        ended = time.perf_counter()
        if result.finish_reason != "cancelled" or is_decoding != (phase == "decode"):
            self._n_too_late[phase] += 1
            return
        self._runtime_ms[phase].append(1e3 * max(self._watch.ended - cancelled, 0.0))
        self._caller_ms[phase].append(1e3 * (ended - cancelled))

    def waits(self, phase: Phase) -> Waits:
        runtime_ms = summarise(self._runtime_ms[phase], 3)
        return Waits(
            runtime_ms=runtime_ms,
            caller_ms=summarise(self._caller_ms[phase], 3),
            runtime_steps_p99=ratio(runtime_ms.p99, median(self._watch.step_ms)),
            n_too_late=self._n_too_late[phase],
        )

    def _request(self, n_decoded: int) -> GenerationRequest:
        # Tokens of text: the first and the last ones may be single bytes and control tokens.
        tokens = self._chance.choices(range(300, self._n_vocab - 300), k=self._n_prompt)
        return GenerationRequest(
            prompt=TokenPrompt(tokens=tuple(tokens)), sampling=SamplingParams(max_tokens=n_decoded)
        )


async def measure(options: argparse.Namespace) -> CancelResult:
    """Raises InferenceError."""
    described = provenance()
    watch = Watch()
    config = EngineConfig(model_path=options.model, n_threads=options.threads)
    loaded: list[LoadedModel] = []

    def load(config: EngineConfig, report: Callable[[float], bool]) -> LoadedModel:
        loaded.append(watch.load(config, report))
        return loaded[0]

    async with Engine(config, load=load) as engine:
        n_vocab = len(loaded[0].backend.vocabulary)
        canceller = Canceller(engine, watch, options.prompt_tokens, n_vocab)
        prefill_ms = await canceller.calibrate()
        for index in range(options.cancels):
            await canceller.cancel(PHASES[index % 2], prefill_ms)
        status = engine.status()
    return CancelResult(
        provenance=described,
        model=status.model.name if status.model else "",
        n_threads=status.n_threads,
        n_prompt_tokens=options.prompt_tokens,
        step_ms=round(median(watch.step_ms) or 0.0, 3),
        prefill_ms=round(prefill_ms, 2),
        prefill=canceller.waits("prefill"),
        decode=canceller.waits("decode"),
    )


def report(result: CancelResult) -> str:
    """The result as text."""
    rows = [["from a cancel, ms", "p50", "p95", "p99", "max", "n", "p99 in steps"]]
    for phase, waits in (("prefill", result.prefill), ("decode", result.decode)):
        for label, ms in (("the runtime rests", waits.runtime_ms), ("told", waits.caller_ms)):
            rows.append(
                [
                    f"{phase}, until {label}",
                    *(figure(value, 2) for value in (ms.p50, ms.p95, ms.p99, ms.max)),
                    str(ms.n),
                    figure(ratio(ms.p99, result.step_ms), 2),
                ]
            )
    return (
        f"{table(rows)}\n\n{result.model}: {result.step_ms} ms a token, "
        f"{result.prefill_ms} ms a prompt of {result.n_prompt_tokens} tokens; "
        f"{result.prefill.n_too_late} + {result.decode.n_too_late} cancels came too late to count."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command("cancel", __doc__)
    add_model(parser)
    parser.add_argument("--threads", type=int, help="at most; default: what Sotto chooses")
    parser.add_argument("--cancels", type=int, default=1000)
    parser.add_argument("--prompt-tokens", type=int, default=1000)
    add_out(parser)
    options = parser.parse_args(arguments)
    result = run("cancel", lambda: asyncio.run(measure(options)), report, options.out)
    return int(result is None)


if __name__ == "__main__":
    raise SystemExit(main())
