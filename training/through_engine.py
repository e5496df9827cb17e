"""The same cases as `training.evaluate`, asked of the product's own engine.

    python -m training.through_engine --model NAME-q8_0.gguf --corpus FOLDER --out results.json

What differs from `training.evaluate` is everything the engine does by itself: the prompt's order
and windows, token healing, and the cache. So this is what a user gets, before `lsp` trims it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from inference import (
    Engine,
    EngineConfig,
    FimPrompt,
    GenerationRequest,
    PromptOrder,
    SamplingParams,
)
from training.cases import Case, held_out, make_cases
from training.evaluate import (
    MAX_TOKENS,
    Answer,
    coverage_curve,
    judge,
    samples,
    summary,
    threshold_for,
)


async def ask(config: EngineConfig, cases: list[Case]) -> list[Answer]:
    sampling = SamplingParams(max_tokens=MAX_TOKENS, stop=("\n",))
    answers: list[Answer] = []
    async with Engine(config) as engine:
        for case in cases:
            prompt = FimPrompt(prefix=case.prefix, suffix=case.suffix, path=case.path)
            request = GenerationRequest(prompt=prompt, sampling=sampling)
            result = await engine.submit(request).result()
            text = result.text.split("\n")[0].rstrip()
            ended = result.finish_reason.value == "stop"
            answers.append(judge(case, text, list(result.logprobs), ended=ended))
    return answers


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    documents = held_out(args.corpus / "corpus.jsonl", frozenset(args.languages))
    cases = make_cases(documents, args.n)
    order = PromptOrder(args.order) if args.order is not None else None
    config = EngineConfig(model_path=args.model, prompt_order=order, n_threads=args.threads)
    answers = asyncio.run(ask(config, cases))
    curve = coverage_curve(answers, "mean_logprob")
    return {
        "model": args.model.name,
        "answers": summary(answers),
        "curve_mean_logprob": curve,
        "half_right_mean_logprob": threshold_for(curve, 0.5),
        "samples": samples(cases, answers, 20),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--n", type=int, default=1000, help="cases")
    parser.add_argument("--order", help="psm, psm-anchored or spm; the catalogue's otherwise")
    parser.add_argument("--languages", nargs="+", default=["python"])
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    result = evaluate(args)
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    shown = {k: result[k] for k in ("model", "answers", "half_right_mean_logprob")}
    print(json.dumps(shown, indent=1))


if __name__ == "__main__":
    main()
