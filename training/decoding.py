"""What other evidence adds to a model when it decodes; and the weights the product uses.

    python -m training.decoding --model NAME-q8_0.gguf --corpus FOLDER --out decoding.json

Three sources are mixed in, one after the other, each with weights fitted on holes of some held-out
packages and tried on holes of the others: the open file's n-grams, those of the rest of its package
(as if the project were indexed), and the file's names that begin with the word in the making.
Reported for each: nats per token of the right answer, exact lines, and precision by confidence. The
weights go into the catalogue.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inference.cache_model import (
    N_AGREEMENTS,
    N_LENGTHS,
    Evidence,
    NgramEvidence,
    NgramIndex,
    mixed,
)
from inference.names import MAX_LENGTH, N_CROWDS, NameEvidence
from training.cases import Case, held_out, make_cases
from training.evaluate import MAX_TOKENS, Answer, coverage_curve, judge, summary, threshold_for
from training.ngram import best_weight
from training.prompting import Prompt, Window, build
from training.runtime import Floats, Mixer, Runtime

Bucket = tuple[int, int]
Fitted = dict[Bucket, float]
UNFITTED = ((0.0,) * N_AGREEMENTS,) * N_LENGTHS
"""In place of weights while they are fitted."""
MAX_WEIGHT = 0.6
"""Tokens of one copied line count as many pairs; no bucket is to outvote the model by itself."""
MIN_PAIRS = 8
"""A bucket seen less often in fitting gets no weight."""


@dataclass
class Site:
    """A case with its prompt and the sources of evidence, in the order they are mixed in."""

    case: Case
    prompt: Prompt
    evidence: list[Evidence]


NAMES = ("with the file", "and the project", "and the file's names")


class Sites:
    """Prepares cases; a project's index is kept while cases of one file follow each other."""

    def __init__(self, runtime: Runtime, documents: list[dict[str, str]], order: str) -> None:
        self._runtime, self._order = runtime, order
        self._tokens = {(d["package"], d["path"]): runtime.tokenize(d["text"]) for d in documents}
        self._projects: dict[tuple[str, str], NgramIndex] = {}

    def prepare(self, case: Case, window: Window) -> Site:
        prompt = build(case, self._runtime, self._order, window, heal=True)
        key = case.package, case.path
        if key not in self._projects:
            self._projects.clear()
            self._projects[key] = NgramIndex(
                [
                    tokens
                    for (package, path), tokens in self._tokens.items()
                    if package == case.package and path != case.path
                ]
            )
        runtime = self._runtime
        text = runtime.text_of([*prompt.above, *runtime.tokenize("\n"), *prompt.below])
        evidence: list[Evidence] = [
            NgramEvidence(NgramIndex([prompt.below, prompt.above]), UNFITTED),
            NgramEvidence(self._projects[key], UNFITTED),
            NameEvidence(
                lambda: text, UNFITTED, piece=runtime.token_bytes, tokenize=runtime.tokenize
            ),
        ]
        return Site(case, prompt, evidence)


def fit(runtime: Runtime, sites: list[Site]) -> list[Fitted]:
    """Each source's weights by bucket, given the sources before it."""
    pairs: list[dict[Bucket, list[tuple[float, float]]]] = [defaultdict(list) for _ in NAMES]
    fitted: list[Fitted] = []
    seen = [
        (site, target, runtime.forced(site.prompt.tokens, target))
        for site in sites
        for target in [_target(runtime, site)]
    ]
    for k in range(len(NAMES)):
        for site, target, scores in seen:
            for i, token in enumerate(target):
                context = [*site.prompt.above, *target[:i]]
                found = site.evidence[k].look(context)
                if found is not None:
                    before = _mix(scores[i], site, fitted, context)
                    share = found.counts[token] / found.counts.total()
                    pairs[k][found.bucket].append((float(np.exp(before[token])), share))
        fitted.append(
            {b: best_weight(p) for b, p in sorted(pairs[k].items()) if len(p) >= MIN_PAIRS}
        )
    return fitted


def _mix(scores: Floats, site: Site, weights: list[Fitted], context: list[int]) -> Floats:
    for evidence, of_bucket in zip(site.evidence, weights, strict=False):
        found = evidence.look(context)
        weight = 0.0 if found is None else of_bucket.get(found.bucket, 0.0)
        if found is not None and weight > 0:
            scores = mixed(scores, found.counts, weight)
    return scores


def mixer(site: Site, weights: list[Fitted]) -> Mixer:
    n_prompt = len(site.prompt.tokens)

    def apply(context: list[int], scores: Floats) -> Floats:
        return _mix(scores, site, weights, [*site.prompt.above, *context[n_prompt:]])

    return apply


def answers_of(runtime: Runtime, sites: list[Site], weights: list[Fitted]) -> list[Answer]:
    answers: list[Answer] = []
    for site in sites:
        prompt = site.prompt
        change = mixer(site, weights) if weights else None
        out = runtime.generate(prompt.tokens, MAX_TOKENS, typed=prompt.typed, mixer=change)
        answers.append(judge(site.case, out.text, out.logprobs, ended=out.ended))
    return answers


def nats(runtime: Runtime, sites: list[Site], variants: list[list[Fitted]]) -> list[float]:
    """Mean loss on the right answers' tokens, the end token included, for each variant."""
    totals = np.zeros(len(variants))
    n = 0
    for site in sites:
        target = _target(runtime, site)
        scores = runtime.forced(site.prompt.tokens, target)
        n += len(target)
        for i, token in enumerate(target):
            context = [*site.prompt.above, *target[:i]]
            totals -= [float(_mix(scores[i], site, w, context)[token]) for w in variants]
    return [round(float(total) / n, 4) for total in totals]


def as_table(weights: Fitted, n_rows: int, n_columns: int) -> list[list[float]]:
    """As the catalogue has them. A bucket too rare to be fitted takes the weight of the row above:
    of a shorter match, or a shorter beginning."""
    table = [[0.0] * n_columns for _ in range(n_rows)]
    for row in range(n_rows):
        for column in range(n_columns):
            above = table[row - 1][column] if row else 0.0
            table[row][column] = min(weights.get((row, column), above), MAX_WEIGHT)
    return table


def _target(runtime: Runtime, site: Site) -> list[int]:
    text = site.prompt.typed.decode() + site.case.expected
    return [*runtime.tokenize(text)[:MAX_TOKENS], runtime.end]


def compare(args: argparse.Namespace) -> dict[str, Any]:
    runtime = Runtime(args.model, n_threads=args.threads)
    documents = held_out(args.corpus / "corpus.jsonl", frozenset({"python"}))
    names = sorted({d["package"] for d in documents})
    fitted_on = set(names[::2])
    sites: list[list[Site]] = []
    for group, n in ((fitted_on, args.n_fit), (set(names) - fitted_on, args.n_test)):
        chosen = [d for d in documents if d["package"] in group]
        preparer = Sites(runtime, chosen, args.order)
        cases = sorted(make_cases(chosen, n, seed=5), key=lambda c: (c.package, c.path))
        sites.append([preparer.prepare(case, Window()) for case in cases])
    fitted = fit(runtime, sites[0])
    variants = [fitted[:k] for k in range(len(NAMES) + 1)]
    losses = nats(runtime, sites[1], variants)
    table: dict[str, Any] = {}
    for name, weights, loss in zip(("the model alone", *NAMES), variants, losses, strict=True):
        answers = answers_of(runtime, sites[1], weights)
        curve = coverage_curve(answers, "sum_logprob")
        table[name] = {"nats_per_token": loss, **summary(answers)}
        table[name]["half_right"] = threshold_for(curve, 0.5)
    return {
        "model": args.model.name,
        "fitted_on": sorted(fitted_on),
        "file_weights": as_table(fitted[0], N_LENGTHS, N_AGREEMENTS),
        "project_weights": as_table(fitted[1], N_LENGTHS, N_AGREEMENTS),
        "name_weights": as_table(fitted[2], MAX_LENGTH, N_CROWDS),
        "weights": [{str(k): v for k, v in w.items()} for w in fitted],
        "variants": table,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--order", default="spm")
    parser.add_argument("--n-fit", type=int, default=300)
    parser.add_argument("--n-test", type=int, default=400)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    result = compare(args)
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
