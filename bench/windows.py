"""What fewer lines around the cursor cost: lines that a model completes exactly, by window.

    python -m bench.windows [--model FILE] [--edits FILE] [--places N]

In files of the corpus of real edits (`python -m bench.edits`) places in the middle of lines are
chosen at random, and the rest of each line is asked for with prompts of so many tokens around it
(`inference/patience.py`). Counts, not times: it may run beside other work.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.command import add_model, command
from bench.edits import Edit, default_corpus, read_edits
from bench.errors import BenchError
from bench.oracle import Oracle
from bench.summary import figure, table
from inference import (
    Engine,
    EngineConfig,
    FimPrompt,
    GenerationRequest,
    InferenceError,
    SamplingParams,
)
from inference.prompts.budget import windows

WINDOWS = (64, 128, 256, 512, 1024, 2048)
"""Tokens."""
MIN_LINES_BEFORE = 60
MIN_LINE_CHARS = 12
MIN_REST_CHARS = 6
PER_FILE = 4


def places(edits: Sequence[Edit], n: int) -> list[tuple[FimPrompt, str]]:
    """Prompts, and what stands there: the rest of the line."""
    chance = random.Random(3)
    found: list[tuple[FimPrompt, str]] = []
    for edit in chance.sample(edits, len(edits)):
        lines = f"{edit.before}{edit.new}{edit.after}".splitlines(keepends=True)
        able = [
            index
            for index in range(MIN_LINES_BEFORE, len(lines))
            if len(lines[index].strip()) >= MIN_LINE_CHARS
        ]
        for index in chance.sample(able, min(PER_FILE, len(able))):
            line = lines[index].rstrip("\n")
            first = len(line) - len(line.lstrip())
            cut = chance.randrange(first, max(first + 1, len(line) - MIN_REST_CHARS))
            prefix = "".join(lines[:index]) + line[:cut]
            suffix = "\n" + "".join(lines[index + 1 :])
            found.append((FimPrompt(prefix=prefix, suffix=suffix), line[cut:]))
    return found[:n]


async def measure(options: argparse.Namespace) -> list[list[str]]:
    """Rows of a table. Raises EditsError or InferenceError."""
    asked = places(read_edits(options.edits), options.places)
    oracle = Oracle()  # It only lends its tokenizer.
    rows = [["tokens around the cursor", "exact lines", "tokens of a prompt, mean"]]
    config = EngineConfig(model_path=options.model, n_ctx=4096)
    async with Engine(config, load=oracle.load) as engine:
        for n_window in WINDOWS:
            n_exact = n_tokens = 0
            for prompt, rest in asked:
                before, after = windows(prompt.prefix, prompt.suffix, n_window, oracle.tokenize)
                seen = FimPrompt(prefix=before.text, suffix=after.text)
                sampling = SamplingParams(max_tokens=40, stop=("\n",))
                request = GenerationRequest(prompt=seen, sampling=sampling)
                result = await engine.submit(request).result()
                n_exact += result.text.rstrip() == rest.rstrip()
                n_tokens += result.usage.n_prompt_tokens
            share = figure(100 * n_exact / len(asked)) + " %"
            rows.append([str(n_window), share, figure(n_tokens / len(asked), 0)])
            print(f"  {n_window}: {share}", file=sys.stderr, flush=True)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command("windows", __doc__)
    add_model(parser)
    parser.add_argument("--edits", type=Path, default=default_corpus())
    parser.add_argument("--places", type=int, default=539, help="default: 539")
    options = parser.parse_args(arguments)
    try:
        print(table(asyncio.run(measure(options))))
    except (BenchError, InferenceError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
