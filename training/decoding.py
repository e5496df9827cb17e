"""What a cache of the open file and project adds to a model when it decodes.

    python -m training.decoding --model NAME-q8_0.gguf --corpus FOLDER --out decoding.json

Weights are fitted on some holes and tried on others, of other packages. Compared are the model
alone, with the open file's n-grams, and with those of the whole package as well (every file but
the open one): nats per token of the right answer, exact lines, and precision by confidence.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.cases import Case, held_out, make_cases
from training.evaluate import MAX_TOKENS, Answer, coverage_curve, judge, summary, threshold_for
from training.ngram import NgramIndex, best_weight, bucket_of, mix
from training.prompting import Prompt, Window, build
from training.runtime import Floats, Mixer, Runtime

Bucket = tuple[int, int]
Weights = dict[Bucket, float]
MIN_PAIRS = 8
"""A bucket seen less often in fitting gets no weight."""


@dataclass
class Site:
    """A case with its prompt, and the indexes of its file and of its project without that file."""

    case: Case
    prompt: Prompt
    file: NgramIndex
    project: NgramIndex


class Sites:
    """Prepares cases; a project's index is kept while cases of one file follow each other."""

    def __init__(self, runtime: Runtime, documents: list[dict[str, str]], order: str) -> None:
        self._runtime, self._order = runtime, order
        self._tokens = {(d["package"], d["path"]): runtime.tokenize(d["text"]) for d in documents}
        self._projects: dict[tuple[str, str], NgramIndex] = {}

    def prepare(self, case: Case, window: Window) -> Site:
        prompt = build(case, self._runtime, self._order, window, heal=True)
        text = case.prefix[: len(case.prefix) - len(prompt.typed.decode())]
        file = NgramIndex([self._runtime.tokenize(part) for part in (case.suffix, text)])
        return Site(case, prompt, file, self._project(case))

    def _project(self, case: Case) -> NgramIndex:
        key = case.package, case.path
        if key not in self._projects:
            self._projects.clear()
            others = [
                tokens
                for (package, path), tokens in self._tokens.items()
                if package == case.package and path != case.path
            ]
            self._projects[key] = NgramIndex(others)
        return self._projects[key]


def fit(runtime: Runtime, sites: list[Site]) -> tuple[Weights, Weights]:
    """Weights of the file's and then of the project's matches, by bucket."""
    file_pairs: dict[Bucket, list[tuple[float, float]]] = defaultdict(list)
    seen: list[tuple[Site, list[int], Floats]] = []
    for site in sites:
        target = _target(runtime, site)
        scores = runtime.forced(site.prompt.tokens, target)
        seen.append((site, target, scores))
        for i, token in enumerate(target):
            match = site.file.longest_match([*site.prompt.above, *target[:i]])
            if match is not None:
                share = match.counts[token] / match.counts.total()
                pair = float(np.exp(scores[i, token])), share
                file_pairs[bucket_of(match)].append(pair)
    of_file = _weights(file_pairs)
    project_pairs: dict[Bucket, list[tuple[float, float]]] = defaultdict(list)
    for site, target, scores in seen:
        for i, token in enumerate(target):
            context = [*site.prompt.above, *target[:i]]
            mixed = _mixed(scores[i], site.file, of_file, context)
            match = site.project.longest_match(context)
            if match is not None:
                share = match.counts[token] / match.counts.total()
                pair = float(np.exp(mixed[token])), share
                project_pairs[bucket_of(match)].append(pair)
    return of_file, _weights(project_pairs)


def mixer(site: Site, of_file: Weights, of_project: Weights) -> Mixer:
    n_prompt = len(site.prompt.tokens)

    def apply(context: list[int], scores: Floats) -> Floats:
        running = [*site.prompt.above, *context[n_prompt:]]
        mixed = _mixed(scores, site.file, of_file, running)
        return _mixed(mixed, site.project, of_project, running)

    return apply


def answers_of(
    runtime: Runtime, sites: list[Site], make: Callable[[Site], Mixer | None]
) -> list[Answer]:
    answers: list[Answer] = []
    for site in sites:
        out = runtime.generate(
            site.prompt.tokens, MAX_TOKENS, typed=site.prompt.typed, mixer=make(site)
        )
        answers.append(judge(site.case, out.text, out.logprobs, ended=out.ended))
    return answers


def nats(
    runtime: Runtime, sites: list[Site], variants: dict[str, tuple[Weights, Weights]]
) -> dict[str, float]:
    """Mean loss on the right answers' tokens, the end token included."""
    total: dict[str, float] = dict.fromkeys(variants, 0.0)
    n = 0
    for site in sites:
        target = _target(runtime, site)
        scores = runtime.forced(site.prompt.tokens, target)
        n += len(target)
        for name, (of_file, of_project) in variants.items():
            change = mixer(site, of_file, of_project)
            for i, token in enumerate(target):
                mixed = change([*site.prompt.tokens, *target[:i]], scores[i])
                total[name] -= float(mixed[token])
    return {name: round(value / n, 4) for name, value in total.items()}


def _target(runtime: Runtime, site: Site) -> list[int]:
    text = site.prompt.typed.decode() + site.case.expected
    return [*runtime.tokenize(text)[:MAX_TOKENS], runtime.end]


def _mixed(scores: Floats, index: NgramIndex, weights: Weights, context: list[int]) -> Floats:
    match = index.longest_match(context)
    weight = 0.0 if match is None else weights.get(bucket_of(match), 0.0)
    return scores if match is None or weight == 0.0 else mix(scores, match.counts, weight)


def _weights(pairs: dict[Bucket, list[tuple[float, float]]]) -> Weights:
    return {b: best_weight(p) for b, p in sorted(pairs.items()) if len(p) >= MIN_PAIRS}


def compare(args: argparse.Namespace) -> dict[str, Any]:
    runtime = Runtime(args.model, n_threads=args.threads)
    documents = held_out(args.corpus / "corpus.jsonl", frozenset({"python"}))
    names = sorted({d["package"] for d in documents})
    fitted_on = set(names[::2])
    window = Window()
    sites: list[list[Site]] = []
    for group, n in ((fitted_on, args.n_fit), (set(names) - fitted_on, args.n_test)):
        chosen = [d for d in documents if d["package"] in group]
        preparer = Sites(runtime, chosen, args.order)
        cases = sorted(make_cases(chosen, n, seed=5), key=lambda c: (c.package, c.path))
        sites.append([preparer.prepare(case, window) for case in cases])
    of_file, of_project = fit(runtime, sites[0])
    variants: dict[str, tuple[Weights, Weights]] = {
        "model": ({}, {}),
        "with file": (of_file, {}),
        "with file and project": (of_file, of_project),
    }
    result: dict[str, Any] = {
        "model": args.model.name,
        "fitted_on": sorted(fitted_on),
        "weights_of_file": {str(k): v for k, v in of_file.items()},
        "weights_of_project": {str(k): v for k, v in of_project.items()},
        "nats_per_token": nats(runtime, sites[1], variants),
    }
    for name, weights in variants.items():
        answers = answers_of(runtime, sites[1], lambda site, w=weights: mixer(site, *w))
        curve = coverage_curve(answers, "mean_logprob")
        result[name] = summary(answers) | {"half_right": threshold_for(curve, 0.5)}
    return result


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
