"""Does it pay to show the model a piece of another file of the project?

    python -m training.context --model NAME-q8_0.gguf --corpus FOLDER --out context.json

Before the text around the cursor stands nothing, or package and path, or these and the piece of
another file of the package that shares most words with the lines around the cursor, in the form of
`training.prepare`. Reported: nats per token of the right answer, and exact lines.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from training.cases import Case, held_out, make_cases
from training.evaluate import MAX_TOKENS, Answer, judge, summary
from training.prompting import Window, build
from training.runtime import Runtime

_WORD = re.compile(r"[^\W\d]\w{2,}")
PIECE_LINES = 18
LINES_ABOVE, LINES_BELOW = 16, 4


class Pieces:
    """The pieces of one package's files, by the words in them."""

    def __init__(self, documents: list[dict[str, str]]) -> None:
        self._pieces: list[tuple[str, str, set[str]]] = []
        for document in documents:
            lines = document["text"].split("\n")
            for start in range(0, len(lines), PIECE_LINES // 2):
                text = "\n".join(lines[start : start + PIECE_LINES])
                self._pieces.append((document["path"], text, set(_WORD.findall(text))))

    def most_like(self, case: Case) -> tuple[str, str] | None:
        """Path and text of the piece of another file with the largest Jaccard similarity."""
        near = case.prefix.split("\n")[-LINES_ABOVE:] + case.suffix.split("\n")[:LINES_BELOW]
        words = set(_WORD.findall("\n".join(near)))
        best, found = 0.0, None
        for path, text, own in self._pieces:
            if path != case.path and own:
                score = len(own & words) / len(own | words)
                if score > best:
                    best, found = score, (path, text)
        return found


def header(runtime: Runtime, case: Case, piece: tuple[str, str] | None) -> list[int]:
    repo, file = runtime.control("<|repo_name|>"), runtime.control("<|file_sep|>")
    tokens = [repo, *runtime.tokenize(f"{case.package}\n")]
    if piece is not None:
        tokens += [file, *runtime.tokenize(f"{piece[0]}\n{piece[1]}\n")]
    return [*tokens, file, *runtime.tokenize(f"{case.path}\n")]


def compare(args: argparse.Namespace) -> dict[str, Any]:
    runtime = Runtime(args.model, n_threads=args.threads)
    documents = held_out(args.corpus / "corpus.jsonl", frozenset({"python"}))
    by_package: dict[str, list[dict[str, str]]] = defaultdict(list)
    for document in documents:
        by_package[document["package"]].append(document)
    pieces = {name: Pieces(own) for name, own in by_package.items()}
    answers: dict[str, list[Answer]] = defaultdict(list)
    losses: dict[str, float] = defaultdict(float)
    n_tokens = 0
    for case in make_cases(documents, args.n):
        prompt = build(case, runtime, "spm", Window(prefix=1000, suffix=250), heal=True)
        text = prompt.typed.decode() + case.expected
        target = [*runtime.tokenize(text)[:MAX_TOKENS], runtime.end]
        n_tokens += len(target)
        headers = {
            "nothing": [],
            "path": header(runtime, case, None),
            "path and piece": header(runtime, case, pieces[case.package].most_like(case)),
        }
        for name, tokens in headers.items():
            whole = [*tokens, *prompt.tokens]
            scores = runtime.forced(whole, target)
            losses[name] -= float(scores[np.arange(len(target)), target].sum())
            out = runtime.generate(whole, MAX_TOKENS, typed=prompt.typed)
            answers[name].append(judge(case, out.text, out.logprobs, ended=out.ended))
    return {
        "model": args.model.name,
        "n": args.n,
        "variants": {
            name: {"nats_per_token": round(losses[name] / n_tokens, 4), **summary(found)["all"]}
            for name, found in answers.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--n", type=int, default=300, help="cases")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    result = compare(args)
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
