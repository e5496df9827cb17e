"""What a user is shown, and how often it is right, at every threshold of the confidence gate.

    python -m training.calibrate --model NAME-q8_0.gguf --corpus FOLDER --out calibration.json

Goes through the product (`lsp.suggest`: gates, prompt, token healing, cache model, trimming),
once without a threshold; then the recorded tokens are read again at each threshold. The rest of
the cursor's line is cut away, as if it were not typed yet. *Right* means that all that is shown of
the first line is what the author wrote, be it all of the author's line or only its beginning.

The threshold is chosen on some of the held-out packages and tried on the others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from inference import (
    Chunk,
    Engine,
    EngineConfig,
    FinishReason,
    Generation,
    GenerationRequest,
    GenerationResult,
    ModelInfo,
)
from lsp.context.gates import Trigger
from lsp.document import Snapshot
from lsp.settings import InlineCompletionSettings
from lsp.suggest import Work, suggest
from lsp.type_through import TypeThrough
from training.cases import Case, held_out, make_cases

PROBABILITIES = (0.0, *(round(k / 40, 3) for k in range(1, 38)))
"""Least probability of a line, as in the setting `inlineCompletion.minConfidence`."""


class Recorder:
    """Passes requests on to an engine and keeps what it answers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.chunks: list[Chunk] = []
        self.finish_reason = FinishReason.STOP

    def submit(self, request: GenerationRequest) -> Generation:
        return cast("Generation", Recording(self._engine.submit(request), self))


class Recording:
    def __init__(self, generation: Generation, recorder: Recorder) -> None:
        self._generation, self._recorder = generation, recorder
        self.cancel = generation.cancel

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        async for chunk in self._generation:
            self._recorder.chunks.append(chunk)
            yield chunk

    async def result(self) -> GenerationResult:
        result = await self._generation.result()
        self._recorder.finish_reason = result.finish_reason
        return result


class Replay:
    """Answers with recorded chunks, whatever is asked."""

    def __init__(self, recorder: Recorder) -> None:
        self._chunks = recorder.chunks
        self.finish_reason = recorder.finish_reason

    def submit(self, request: GenerationRequest) -> Generation:
        del request
        return cast("Generation", self)

    def cancel(self) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        for chunk in self._chunks:
            yield chunk

    async def result(self) -> Replay:
        return self


@dataclass(frozen=True)
class Shown:
    package: str
    text: str
    """The first line of what was shown; empty where nothing was."""
    expected: str

    @property
    def is_right(self) -> bool:
        return bool(self.text) and self.expected.startswith(self.text)

    @property
    def is_exact(self) -> bool:
        return bool(self.text) and self.expected == self.text


def snapshot_of(case: Case) -> Snapshot:
    text = case.prefix + case.suffix
    return Snapshot(f"file:///{case.path}", 1, case.language, text, len(case.prefix))


async def ask(engine: Recorder | Replay, model: ModelInfo, case: Case, probability: float) -> Shown:
    texts = await suggest(
        snapshot_of(case),
        trigger=Trigger.AUTOMATIC,
        engine=engine,
        model=model,
        settings=InlineCompletionSettings(min_confidence=probability),
        type_through=TypeThrough(),
        path=case.path,
        work=Work(),
    )
    lines = texts[0].lstrip("\n").split("\n") if texts else [""]
    return Shown(case.package, lines[0].rstrip(), case.expected.rstrip())


async def record(config: EngineConfig, cases: list[Case]) -> tuple[ModelInfo, list[Recorder]]:
    recorded: list[Recorder] = []
    async with Engine(config) as engine:
        model = engine.status().model
        assert model is not None
        for case in cases:
            recorder = Recorder(engine)
            await ask(recorder, model, case, 0.0)
            recorded.append(recorder)
    return model, recorded


def figures(shown: list[Shown]) -> dict[str, float]:
    """Shares from 0 to 1; `shown` and `right_chars` of all cursors, the others of those shown."""
    some = [s for s in shown if s.text]
    right = [s for s in some if s.is_right]
    n = max(1, len(some))
    return {
        "n": len(shown),
        "shown": round(len(some) / max(1, len(shown)), 4),
        "right": round(len(right) / n, 4),
        "exact": round(sum(s.is_exact for s in some) / n, 4),
        "chars": round(float(np.mean([len(s.text) for s in some])) if some else 0.0, 2),
        "right_chars": round(sum(len(s.text) for s in right) / max(1, len(shown)), 3),
    }


async def calibrate(args: argparse.Namespace) -> dict[str, Any]:
    documents = held_out(args.corpus / "corpus.jsonl", frozenset(args.languages))
    cases = make_cases(documents, args.n, seed=args.seed)
    config = EngineConfig(
        model_path=args.model, n_threads=args.threads, use_cache_model=not args.no_cache_model
    )
    model, recorded = await record(config, cases)
    names = sorted({case.package for case in cases})
    chosen_on = set(names[::2])
    curve: list[dict[str, Any]] = []
    for probability in PROBABILITIES:
        shown = [
            await ask(Replay(recorder), model, case, probability)
            for case, recorder in zip(cases, recorded, strict=True)
        ]
        point: dict[str, Any] = {
            "probability": probability,
            "line_logprob": round(math.log(probability), 3) if probability else None,
            **figures(shown),
            "chosen_on": figures([s for s in shown if s.package in chosen_on]),
            "tried_on": figures([s for s in shown if s.package not in chosen_on]),
        }
        curve.append(point)
    half = next((p for p in curve if p["chosen_on"]["right"] >= args.aim), None)
    return {
        "model": model.name,
        "languages": args.languages,
        "chosen_on": sorted(chosen_on),
        "tried_on": [name for name in names if name not in chosen_on],
        "aim": args.aim,
        "threshold": half,
        "curve": curve,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, help="the built-in one otherwise")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--n", type=int, default=1000, help="cases")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--aim", type=float, default=0.5, help="share of what is shown to be right")
    parser.add_argument("--languages", nargs="+", default=["python"])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--no-cache-model", action="store_true")
    args = parser.parse_args()
    result = asyncio.run(calibrate(args))
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    for point in result["curve"]:
        shown = {k: point[k] for k in ("probability", "shown", "right", "exact", "right_chars")}
        print(json.dumps(shown))
    print("threshold:", json.dumps(result["threshold"]))


if __name__ == "__main__":
    main()
