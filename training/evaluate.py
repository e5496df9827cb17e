"""Stage 6: how good an exported model is on packages it never saw.

    python -m training.evaluate --model NAME-q8_0.gguf --corpus FOLDER --out results.json

For each case (see `training.cases`) the model completes one line greedily. Reported: exact lines,
first words and tokens, characters right before the first mistake, bits per byte, the n-gram
baseline on the same prompts, and how precise answers are above each confidence.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from inference.cache_model import log_softmax
from training.cases import Case, held_out, make_cases
from training.ngram import line_after_longest_match
from training.prompting import Window, build
from training.runtime import Runtime, Scorer

MAX_TOKENS = 40


@dataclass(frozen=True)
class Answer:
    """What a predictor wrote for one case, and how sure it was."""

    kind: str
    package: str
    text: str
    expected: str
    exact: bool
    first_word: bool
    first_token: bool
    common_chars: int
    mean_logprob: float
    sum_logprob: float
    min_logprob: float
    ended: bool


def judge(case: Case, text: str, logprobs: list[float], *, ended: bool) -> Answer:
    expected = case.expected.rstrip()
    pairs = enumerate(zip(text, expected, strict=False))
    shorter = min(len(text), len(expected))
    common = next((i for i, (a, b) in pairs if a != b), shorter)
    token = _first_piece(text)
    return Answer(
        kind=case.kind,
        package=case.package,
        text=text,
        expected=expected,
        exact=text == expected,
        first_word=text.startswith(case.first_word),
        first_token=bool(token) and expected.startswith(token),
        common_chars=common,
        mean_logprob=float(np.mean(logprobs)) if logprobs else -math.inf,
        sum_logprob=float(np.sum(logprobs)) if logprobs else -math.inf,
        min_logprob=float(np.min(logprobs)) if logprobs else -math.inf,
        ended=ended,
    )


def _first_piece(text: str) -> str:
    """The first word or run of punctuation, with the space before it."""
    body = text.lstrip()
    n = 1
    while n < len(body) and body[n - 1].isalnum() == body[n].isalnum() and not body[n].isspace():
        n += 1
    return text[: len(text) - len(body)] + body[:n] if body else ""


class Notebook:
    """Answers as they come, one a line, so that an interrupted evaluation goes on where it was."""

    def __init__(self, path: Path | None, pause_file: Path | None) -> None:
        self._path, self._pause_file = path, pause_file
        self._known: list[Answer] = []
        if path is not None and path.exists():
            lines = path.read_text().splitlines()
            self._known = [Answer(**json.loads(line)) for line in lines]

    def answer(self, index: int, make: Callable[[], Answer]) -> Answer:
        """The answer to case `index`: written before, or made now. Waits while paused."""
        if index < len(self._known):
            return self._known[index]
        while self._pause_file is not None and self._pause_file.exists():
            time.sleep(2.0)
        made = make()
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps(asdict(made)) + "\n")
        return made


def answer_all(
    runtime: Runtime,
    cases: list[Case],
    order: str,
    window: Window,
    notebook: Notebook,
    *,
    heal: bool,
) -> list[Answer]:
    def make(case: Case) -> Answer:
        prompt = build(case, runtime, order, window, heal=heal)
        out = runtime.generate(prompt.tokens, MAX_TOKENS, typed=prompt.typed)
        return judge(case, out.text, out.logprobs, ended=out.ended)

    return [notebook.answer(i, partial(make, case)) for i, case in enumerate(cases)]


def baseline(runtime: Runtime, cases: list[Case], window: Window) -> list[Answer]:
    """The rest of the line after the longest match in the same text as the model sees."""
    answers: list[Answer] = []
    for case in cases:
        prompt = build(case, runtime, "spm", window, heal=False)
        above, below = runtime.text_of(prompt.above), runtime.text_of(prompt.below)
        text = line_after_longest_match(above, below).rstrip()
        answers.append(judge(case, text, [], ended=True))
    return answers


def summary(answers: list[Answer]) -> dict[str, Any]:
    """Shares from 0 to 1, in all and by kind of case."""
    table: dict[str, Any] = {}
    for kind in ("all", *sorted({a.kind for a in answers})):
        chosen = [a for a in answers if kind in ("all", a.kind)]
        chars = sum(len(a.expected) for a in chosen)
        table[kind] = {
            "n": len(chosen),
            "exact": round(float(np.mean([a.exact for a in chosen])), 4),
            "first_word": round(float(np.mean([a.first_word for a in chosen])), 4),
            "first_token": round(float(np.mean([a.first_token for a in chosen])), 4),
            "prefix_chars": round(sum(a.common_chars for a in chosen) / chars, 4),
            "ended": round(float(np.mean([a.ended for a in chosen])), 4),
        }
    return table


def coverage_curve(answers: list[Answer], measure: str) -> list[dict[str, float]]:
    """Precision of the most confident answers, at every share of cases shown."""
    ranked = sorted(answers, key=lambda a: -getattr(a, measure))
    right = np.cumsum([a.exact for a in ranked])
    return [
        {
            "threshold": round(float(getattr(ranked[i], measure)), 4),
            "coverage": round((i + 1) / len(ranked), 4),
            "precision": round(float(right[i]) / (i + 1), 4),
        }
        for i in range(9, len(ranked), max(1, len(ranked) // 200))
    ]


def threshold_for(curve: list[dict[str, float]], precision: float) -> dict[str, float] | None:
    """The point of the largest coverage at which answers are right at least so often."""
    fits = [point for point in curve if point["precision"] >= precision]
    return max(fits, key=lambda point: point["coverage"]) if fits else None


def bits_per_byte(
    path: Path, runtime: Runtime, documents: list[dict[str, str]]
) -> dict[str, float]:
    """Of plain held-out text, in windows of 1 024 tokens, each from the start of a line."""
    scorer = Scorer(path, 1024)
    rng = random.Random(3)
    nats = n_bytes = n_tokens = 0.0
    for _ in range(40):
        text = rng.choice(documents)["text"]
        start = text.find("\n", rng.randrange(max(1, len(text) - 4000))) + 1
        tokens = [runtime.end, *runtime.tokenize(text[start : start + 4000])][:1024]
        scores = log_softmax(scorer.logits(tokens)[:-1])
        nats -= float(scores[np.arange(len(tokens) - 1), tokens[1:]].sum())
        n_tokens += len(tokens) - 1
        n_bytes += sum(len(runtime.token_bytes(t)) for t in tokens[1:])
    return {
        "bits_per_byte": round(nats / n_bytes / math.log(2), 4),
        "nats_per_token": round(nats / n_tokens, 4),
        "tokens": n_tokens,
    }


def samples(cases: list[Case], answers: list[Answer], n: int) -> list[dict[str, str]]:
    """`n` answers verbatim: every other one right, in the order of the cases."""
    right = [i for i, a in enumerate(answers) if a.exact][: n // 2]
    wrong = [i for i, a in enumerate(answers) if not a.exact][: n - len(right)]
    return [
        {
            "path": f"{cases[i].package}: {cases[i].path}",
            "above": "\n".join(cases[i].prefix.split("\n")[-4:]),
            "answer": answers[i].text,
            "expected": answers[i].expected,
            "mean_logprob": f"{answers[i].mean_logprob:.2f}",
        }
        for i in sorted([*right, *wrong])
    ]


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    runtime = Runtime(args.model, n_threads=args.threads)
    documents = held_out(args.corpus / "corpus.jsonl", frozenset(args.languages))
    cases = make_cases(documents, args.n)
    window = Window(args.prefix_tokens, args.suffix_tokens)
    path = args.out.with_suffix(".answers.jsonl") if args.out is not None else None
    notebook = Notebook(path, args.pause_file)
    heal = not args.no_healing
    answers = answer_all(runtime, cases, args.order, window, notebook, heal=heal)
    result: dict[str, Any] = {
        "model": args.model.name,
        "order": args.order,
        "window": asdict(window),
        "packages": sorted({d["package"] for d in documents}),
        "answers": summary(answers),
        "by_package": {
            name: summary([a for a in answers if a.package == name])["all"]
            for name in sorted({a.package for a in answers})
        },
    }
    for measure in ("mean_logprob", "sum_logprob", "min_logprob"):
        curve = coverage_curve(answers, measure)
        result[f"curve_{measure}"] = curve
        result[f"half_right_{measure}"] = threshold_for(curve, 0.5)
    if args.baseline:
        result["ngram_baseline"] = summary(baseline(runtime, cases, window))
    if args.bits:
        result["held_out"] = bits_per_byte(args.model, runtime, documents)
    result["samples"] = samples(cases, answers, 20)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--n", type=int, default=1000, help="cases")
    parser.add_argument("--order", default="spm")
    parser.add_argument("--languages", nargs="+", default=["python"])
    parser.add_argument("--prefix-tokens", type=int, default=Window.prefix)
    parser.add_argument("--suffix-tokens", type=int, default=Window.suffix)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pause-file", type=Path, help="wait while this file exists")
    parser.add_argument("--no-healing", action="store_true")
    parser.add_argument("--baseline", action="store_true", help="also the n-gram baseline")
    parser.add_argument("--bits", action="store_true", help="also bits per byte")
    args = parser.parse_args()
    result = evaluate(args)
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    hidden = {"samples", "curve_mean_logprob", "curve_sum_logprob", "curve_min_logprob"}
    print(json.dumps({k: v for k, v in result.items() if k not in hidden}, indent=1))


if __name__ == "__main__":
    main()
