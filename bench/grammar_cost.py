"""What it costs to hold an answer to a grammar: processor time of one token.

    python -m bench.grammar_cost [--model PATH.gguf] [--rounds N]

*One* asks whether the token that was chosen fits, which is done at every step; *all* judges the
whole vocabulary, which is done where it does not fit; *sample* is the choice itself, greedily, and
*decode* the call of the model that it follows. Milliseconds, medians, on one thread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from bench.command import add_out, command, run
from bench.machine import Provenance, provenance
from bench.summary import ratio
from inference import (
    EngineConfig,
    SamplingParams,
    Tool,
    builtin_model_path,
    inspect_model,
)
from inference.backends.base import Span
from inference.backends.llama_cpp import LlamaCppBackend
from inference.prompts.generic_tools import call_grammar
from inference.sampling import Sampler
from lsp.replies.forms import fenced

CODE = "```python\ndef total(values):\n    result = 0\n    for value in values:\n        result +="
CALL = ' {"name": "read_file", "arguments": {"path": "src/a.py", "first_line": '
TOOLS = [Tool(name=name, description="", parameters={}) for name in ("read_file", "search")]


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Of one grammar, in milliseconds of processor time a token."""

    grammar: str
    one_ms: float
    all_ms: float


class GrammarCost(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    model: str
    n_vocab: int
    sample_ms: float
    decode_ms: float
    costs: list[Cost]
    one_over_decode: float | None
    """Of the dearer grammar."""
    all_over_decode: float | None


def median_ms(work: Callable[[], object], rounds: int) -> float:
    times: list[float] = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(1e3 * (time.process_time() - started))
    return round(statistics.median(times), 4)


def cost(backend: LlamaCppBackend, name: str, rules: str, answer: str, rounds: int) -> Cost:
    """At each token of an answer that fits."""
    one: list[float] = []
    every: list[float] = []
    grammar = backend.grammar(rules)
    for token in backend.vocabulary.tokenize(answer):
        one.append(median_ms(lambda token=token: grammar.allows(token), rounds))
        every.append(median_ms(grammar.allowed, max(rounds // 10, 3)))
        grammar.accept(token)
    grammar.close()
    return Cost(grammar=name, one_ms=statistics.median(one), all_ms=statistics.median(every))


def measure(path: Path, rounds: int) -> GrammarCost:
    """Raises InferenceError."""
    described = provenance()
    backend = LlamaCppBackend(inspect_model(path), EngineConfig(model_path=path), n_threads=1)
    costs = [
        cost(backend, "fenced", fenced("").whole.rules, CODE, rounds),
        cost(backend, "call", call_grammar(TOOLS).rules, CALL, rounds),
    ]
    n_vocab = len(backend.vocabulary)
    row = np.random.default_rng(1).normal(size=n_vocab).astype(np.float32)
    sampler = Sampler(SamplingParams())
    backend.evaluate([Span(0, 0, backend.vocabulary.tokenize(CODE))])

    def decode() -> None:
        backend.evaluate([Span(0, position, [1], n_logits=1)])
        backend.truncate(0, position)

    position = len(backend.vocabulary.tokenize(CODE))
    decode_ms = median_ms(decode, rounds)
    sample_ms = median_ms(lambda: sampler.choose(row), rounds)
    backend.close()
    return GrammarCost(
        provenance=described,
        model=path.name,
        n_vocab=n_vocab,
        sample_ms=sample_ms,
        decode_ms=decode_ms,
        costs=costs,
        one_over_decode=ratio(max(c.one_ms for c in costs), decode_ms),
        all_over_decode=ratio(max(c.all_ms for c in costs), decode_ms),
    )


def report(result: GrammarCost) -> str:
    return msgspec.json.format(msgspec.json.encode(result)).decode()


def main() -> int:
    parser = command("grammar_cost", __doc__)
    parser.add_argument("--model", type=Path, default=builtin_model_path(), metavar="PATH.gguf")
    parser.add_argument("--rounds", type=int, default=50)
    add_out(parser)
    options = parser.parse_args()
    model: Path = options.model.expanduser().absolute()
    result = run("grammar-cost", lambda: measure(model, options.rounds), report, options.out)
    return int(result is None)


if __name__ == "__main__":
    raise SystemExit(main())
