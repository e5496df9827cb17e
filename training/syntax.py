"""Does it pay to prefer lines that parse? Beam search, with and without a look at the syntax tree.

    python -m training.syntax --model NAME-q8_0.gguf --corpus FOLDER --out syntax.json

Of up to four finished lines for each cursor the most likely is taken, or the most likely among
those with the fewest errors in the tree of the file around them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import tree_sitter_python
from tree_sitter import Language, Node, Parser

from training.cases import Case, held_out, make_cases
from training.evaluate import MAX_TOKENS, Answer, judge, summary
from training.prompting import Window, build
from training.runtime import Generated, Runtime

WIDTH = 4
WINDOW_CHARS = 3000
_PARSER = Parser(Language(tree_sitter_python.language()))


def n_errors(case: Case, text: str) -> int:
    """Errors and missing nodes in the file around the cursor with `text` there."""
    above = case.prefix[-WINDOW_CHARS:]
    start = above.find("\n") + 1 if len(case.prefix) > WINDOW_CHARS else 0
    source = above[start:] + text + case.suffix[:WINDOW_CHARS]
    stack: list[Node] = [_PARSER.parse(source.encode()).root_node]
    count = 0
    while stack:
        node = stack.pop()
        count += node.is_error or node.is_missing
        if node.has_error:
            stack += node.children
    return count


def judged(case: Case, chosen: Generated | None) -> Answer:
    if chosen is None:
        return judge(case, "", [], ended=False)
    return judge(case, chosen.text, chosen.logprobs, ended=chosen.ended)


def compare(args: argparse.Namespace) -> dict[str, Any]:
    runtime = Runtime(args.model, n_threads=args.threads)
    documents = held_out(args.corpus / "corpus.jsonl", frozenset({"python"}))
    answers: dict[str, list[Answer]] = {"greedy": [], "beams": [], "beams that parse": []}
    n_broken = 0
    for case in make_cases(documents, args.n):
        prompt = build(case, runtime, args.order, Window(), heal=True)
        greedy = runtime.generate(prompt.tokens, MAX_TOKENS, typed=prompt.typed)
        beams = runtime.beams(prompt.tokens, WIDTH, MAX_TOKENS, typed=prompt.typed)
        errors = {id(beam): n_errors(case, beam.text) for beam in beams}
        n_broken += n_errors(case, greedy.text) > n_errors(case, case.expected)
        parsing = min(beams, key=lambda beam: errors[id(beam)], default=None)
        answers["greedy"].append(judged(case, greedy))
        answers["beams"].append(judged(case, beams[0] if beams else None))
        answers["beams that parse"].append(judged(case, parsing))
    table: dict[str, Any] = {name: summary(found) for name, found in answers.items()}
    table["greedy lines with errors the author's have not"] = round(n_broken / args.n, 4)
    return {"model": args.model.name, "n": args.n, "width": WIDTH, **table}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--n", type=int, default=300, help="cases")
    parser.add_argument("--order", default="spm")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    result = compare(args)
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
