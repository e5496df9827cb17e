"""What an edit of a long prompt costs a model with recurrent layers.

    python -m bench.recurrent [--model FILE] [--tokens N] [--edits N] [--threads N]

Four ways in which the next prompt differs from the last: not at all, as while a word is typed (the
model spells it again, so it is no part of the prompt); tokens are added at its end, as while a
line is typed; some near its end are replaced; a line is put in before its last 500, where new lines
come in when the text after the cursor follows that before it. Each with saved states and without
(a sequence is reused whole or not at all), in turn; beside them what a model evaluates whose cache
can be cut anywhere, which needs no model to be known. The random tokens mean nothing, but cost as
much as others. The default model has Qwen3.5-0.8B's shape (`python -m bench.shapes`).

Every request decodes two tokens, one of which is evaluated: after that a whole sequence is of no
use to a request that has to be exact. Counts are exact. Times are processor time of all threads,
so they bear a busy machine.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.build_peer import PeerBuildError
from bench.command import command
from bench.shapes import make
from inference import (
    EngineConfig,
    GenerationRequest,
    GenerationResult,
    ModelError,
    SamplingParams,
    TokenPrompt,
    inspect_model,
)
from inference.backends.base import RowPolicy
from inference.backends.llama_cpp import LlamaCppBackend
from inference.job import Event, Job
from inference.prefix_cache import PrefixCache
from inference.prompts.build import PromptBuilder
from inference.runner import Runner

N_BEHIND_CURSOR = 500
N_LINE = 12
MAX_TOKEN = 1000
Tokens = list[int]
Edit = Callable[[Tokens, random.Random], Tokens]


def _random_tokens(n: int, chance: random.Random) -> Tokens:
    return [chance.randrange(MAX_TOKEN) for _ in range(n)]


def typed(tokens: Tokens, chance: random.Random) -> Tokens:
    return [*tokens, *_random_tokens(2, chance)]


def replaced(tokens: Tokens, chance: random.Random) -> Tokens:
    left = len(tokens) - chance.randint(20, 190)
    return [*tokens[:left], *_random_tokens(len(tokens) - left, chance)]


def new_line(tokens: Tokens, chance: random.Random) -> Tokens:
    at = len(tokens) - N_BEHIND_CURSOR
    return [*tokens[:at], *_random_tokens(N_LINE, chance), *tokens[at:]]


def the_same(tokens: Tokens, _chance: random.Random) -> Tokens:
    return tokens


EDITS: dict[str, Edit] = {
    "nothing": the_same,
    "two tokens more": typed,
    "20 to 190 from the end": replaced,
    "a line before the last 500": new_line,
}


class Way:
    """One runner on the model, with or without saved states."""

    def __init__(self, backend: LlamaCppBackend, prompts: PromptBuilder, max_bytes: int) -> None:
        for sequence in range(backend.n_sequences):
            backend.truncate(sequence, 0)
        backend.max_state_bytes = max_bytes
        self._runner = Runner(backend, prompts)

    def ask(self, tokens: Tokens) -> tuple[int, float]:
        """Tokens evaluated of the prompt, and seconds of processor time."""
        events: list[Event] = []
        request = GenerationRequest(
            prompt=TokenPrompt(tokens=tuple(tokens)), sampling=SamplingParams(max_tokens=2)
        )
        started = time.process_time()
        self._runner.submit(Job(request, events.append))
        while self._runner.step():
            pass
        elapsed = time.process_time() - started
        result = events[-1]
        if not isinstance(result, GenerationResult):
            raise TypeError(result)
        return result.usage.n_evaluated_tokens, elapsed


def evaluated_where_all_can_be_cut(prompts: list[Tokens], rows: RowPolicy) -> list[int]:
    """Tokens of each prompt after the first."""
    cache = PrefixCache(2, rows=rows)
    counts: list[int] = []
    former: Tokens = []
    for tokens in prompts:
        lease = cache.acquire(tokens, is_end_known=tokens == former)
        assert lease is not None
        n_reused = lease.n_reused
        if tokens != former:
            n_reused = min(n_reused, len(tokens) - rows.minimum)
        former = tokens
        cache.record(lease.slot, n_reused, tokens[n_reused:])
        cache.release(lease.slot)
        counts.append(len(tokens) - n_reused)
    return counts[1:]


def main() -> int:
    parser = command("recurrent", __doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--tokens", type=int, default=4000)
    parser.add_argument("--edits", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    try:
        path = arguments.model or make("qwen3.5-0.8b", "q4_0")
        summary = inspect_model(path)
        config = EngineConfig(model_path=path)
        backend = LlamaCppBackend(summary, config, arguments.threads)
    except (PeerBuildError, ModelError) as error:
        print(error, file=sys.stderr)
        return 1
    prompts = PromptBuilder(backend.vocabulary, summary, backend.n_ctx)
    print(
        f"{summary.name}: {backend.n_sequences} sequences of {backend.n_ctx} tokens, "
        f"{backend.n_rollback} tokens can be dropped, "
        f"{backend.max_state_bytes / 2**20:.0f} MiB for saved states"
    )
    print(f"{'medians':<28}{'tokens evaluated':>32}{'processor time':>24}")
    print(f"{'':<28}{'cut anywhere':>14}{'whole':>10}{'states':>8}{'whole':>12}{'states':>12}")
    max_bytes = backend.max_state_bytes
    for name, edit in EDITS.items():
        chance = random.Random(name)
        texts = [_random_tokens(arguments.tokens, chance)]
        for _ in range(arguments.edits):
            texts.append(edit(texts[-1], chance))
        found: list[tuple[float, float]] = []
        for size in (0, max_bytes):
            way = Way(backend, prompts, size)
            # Without states each edit costs the same.
            costs = [way.ask(tokens) for tokens in texts[: None if size else 2]][1:]
            found.append((median(n for n, _ in costs), median(s for _, s in costs)))
        (n_without, without_s), (n_with, with_s) = found
        n_plain = median(evaluated_where_all_can_be_cut(texts, backend.rows))
        print(
            f"{name:<28}{n_plain:>14.0f}{n_without:>10.0f}{n_with:>8.0f}"
            f"{1e3 * without_s:>9.0f} ms{1e3 * with_s:>9.0f} ms"
        )
    backend.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
