"""Would a draft model pay? Accepted tokens a step, what steps cost here, and the speed-up of both.

    python -m training.draft --model NAME-q8_0.gguf --draft DRAFT-q8_0.gguf --corpus FOLDER

Both must have the same tokenizer. The draft writes `--length` tokens, the model checks them in one
call (speculative decoding, Leviathan et al., arXiv:2211.17192), greedily. Beside it the cheapest
draft there is: what followed the longest match in the open file.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inference.cache_model import NgramIndex
from training.cases import held_out, make_cases
from training.ngram import copy_line
from training.prompting import Prompt, Window, build
from training.runtime import Runtime

MAX_TOKENS = 24
TIMED_CALLS = 60

Drafter = Callable[[Prompt, list[int]], list[int]]
"""(prompt, tokens written so far) → the tokens it expects next."""


def steps_needed(draft: Drafter, prompt: Prompt, written: list[int]) -> int:
    """Calls of the model for `written` if what `draft` expects is checked in each."""
    at = steps = 0
    while at < len(written):
        expected = draft(prompt, written[:at])
        n_right = 0
        while (
            n_right < len(expected)
            and at + n_right < len(written)
            and expected[n_right] == written[at + n_right]
        ):
            n_right += 1
        at += n_right + 1
        steps += 1
    return steps


def by_model(draft: Runtime, length: int) -> Drafter:
    def expect(prompt: Prompt, written: list[int]) -> list[int]:
        return draft.generate([*prompt.tokens, *written], length).tokens

    return expect


def by_matching(length: int) -> Drafter:
    def expect(prompt: Prompt, written: list[int]) -> list[int]:
        index = NgramIndex([prompt.below, prompt.above])
        return copy_line(index, [*prompt.above, *written], length, frozenset()).tokens

    return expect


def call_ms(runtime: Runtime, n_tokens: int, depth: int = 1200) -> float:
    """Median time of evaluating `n_tokens` tokens after `depth` others."""
    runtime.start([65] * depth)
    times: list[float] = []
    for _ in range(TIMED_CALLS):
        started = time.perf_counter()
        runtime.extend([65] * n_tokens, depth)
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times)


def compare(args: argparse.Namespace) -> dict[str, Any]:
    model = Runtime(args.model, n_threads=args.threads)
    draft = Runtime(args.draft, n_threads=args.threads)
    checker = Runtime(args.model, n_threads=args.threads, all_logits=True)
    documents = held_out(args.corpus / "corpus.jsonl", frozenset({"python"}))
    costs = {
        "decode_ms": call_ms(model, 1),
        "verify_ms": call_ms(checker, args.length + 1),
        "draft_decode_ms": call_ms(draft, 1),
    }
    drafters = {
        "draft model": (by_model(draft, args.length), args.length * costs["draft_decode_ms"]),
        "match in the file": (by_matching(args.length), 0.0),
    }
    n_tokens = 0
    n_steps = dict.fromkeys(drafters, 0)
    for case in make_cases(documents, args.n):
        prompt = build(case, model, "spm", Window(), heal=False)
        written = model.generate(prompt.tokens, MAX_TOKENS).tokens
        n_tokens += len(written)
        for name, (expect, _) in drafters.items():
            n_steps[name] += steps_needed(expect, prompt, written)
    table: dict[str, Any] = {}
    for name, (_, draft_ms) in drafters.items():
        per_step = n_tokens / n_steps[name]
        speed_up = per_step * costs["decode_ms"] / (costs["verify_ms"] + draft_ms)
        table[name] = {"tokens_per_step": round(per_step, 3), "speed_up": round(speed_up, 3)}
    rounded = {name: round(ms, 3) for name, ms in costs.items()}
    return {"model": args.model.name, "draft": args.draft.name, **rounded, "drafts": table}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--draft", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--n", type=int, default=200, help="cases")
    parser.add_argument("--length", type=int, default=3, help="tokens drafted at a time")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    result = compare(args)
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
