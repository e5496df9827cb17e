"""What drafting gains: tokens a step, wall time and identity, on answers that are real edits.

    python -m bench.speculative [--model FILE] [--sets edit,completion,shown,chat] [--cases N]
                                [--edits FILE] [--threads N]

The corpus is made by `python -m bench.edits`. The answers are given (`bench.oracle`), as a model of
random weights has none worth having: everything is evaluated by the real runtime. The prompt is
evaluated beforehand, then each case is answered by three engines, in turn A B C, C B A:

- *plain*: knows no speculation: one row for each token, and nothing to draft from;
- *auto*: as the engine comes; it drafts where requests of the kind are quicker in the mean;
- *always*: drafts in every request.

Reported for each set: the plain wall time over the others' (of sums, and of single cases), tokens a
step, and what each drafter drafted and had right. Then the model is asked for its own words, with
drafts and, in calls of the same kind of rows, without: the tokens must be the same (`--own-words`
cases of each set).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from bench.command import add_model, add_out, command, run
from bench.edits import Edit, default_corpus, read_edits
from bench.machine import Provenance, provenance
from bench.oracle import Oracle
from bench.speculative_cases import SETS, Case
from bench.summary import figure, percentile, ratio, table
from inference import (
    Engine,
    EngineConfig,
    GenerationRequest,
    GenerationResult,
    SamplingParams,
    SpeculationMode,
    inspect_model,
)
from inference.types import DraftCounts

PLAIN, AUTO, ALWAYS = "plain", "auto", "always"
WAYS = (PLAIN, AUTO, ALWAYS)
UNDRAFTED = "undrafted"
"""As `ALWAYS`, but for the drafts: for what the model says itself. As `AUTO` each engine decides by
what it measures which requests speculate, and two may decide differently: calls of one row round
otherwise than those of more."""
MODES = {
    PLAIN: SpeculationMode.NEVER,
    AUTO: SpeculationMode.AUTO,
    ALWAYS: SpeculationMode.ALWAYS,
    UNDRAFTED: SpeculationMode.ALWAYS,
}
N_CTX = 4096
MAX_ANSWER = 512
"""Tokens; longer answers are cut."""
MAX_OWN_WORDS = 48


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One case, one way."""

    ms: float
    """From the submission to the end, the prompt evaluated before."""
    n_steps: int
    is_right: bool
    """Whether the tokens were those that were to be said."""
    drafters: dict[str, DraftCounts]


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    repository: str
    commit: str
    region: str
    n_tokens: int
    ways: dict[str, Answer]


class SetResult(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    cases: list[Answered]
    n_own_words: int
    n_own_words_differ: int
    """Of the model's own answers, how many were others with drafts than without."""


class SpeculativeResult(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    model: str
    quantization: str
    n_threads: int
    corpus: dict[str, int]
    """Edits by repository."""
    sets: list[SetResult]


class Answerer:
    """One engine and the oracle in it."""

    def __init__(self, engine: Engine, oracle: Oracle, *, is_plain: bool) -> None:
        self.engine = engine
        self.oracle = oracle
        self._is_plain = is_plain

    async def prepare(self, request: GenerationRequest) -> None:
        """Evaluates the prompt, so that what follows is decoding."""
        await self._result(request, max_tokens=0)

    async def answer(self, case: Case, tokens: list[int]) -> Answer:
        """Has the engine say what it is to say, as it would."""
        request = case.request
        if self._is_plain:
            request = msgspec.structs.replace(request, old_text="", shown_text="")
        self.oracle.expect(request, tokens)
        result = await self._result(request, max_tokens=len(tokens))
        self.oracle.rest()
        usage = result.usage
        return Answer(
            ms=round(usage.total_ms, 3),
            n_steps=usage.n_steps,
            is_right=list(result.token_ids) == tokens,
            drafters=usage.drafters,
        )

    async def own_words(self, request: GenerationRequest) -> tuple[int, ...]:
        """What the model itself says."""
        return (await self._result(request, max_tokens=MAX_OWN_WORDS)).token_ids

    async def _result(self, request: GenerationRequest, *, max_tokens: int) -> GenerationResult:
        sampling = SamplingParams(max_tokens=max_tokens)
        asked = msgspec.structs.replace(request, sampling=sampling)
        return await self.engine.submit(asked).result()


async def measure(options: argparse.Namespace, edits: list[Edit]) -> SpeculativeResult:
    """All sets. Raises InferenceError."""
    described = provenance()
    model = inspect_model(options.model)
    sets: list[SetResult] = []
    n_threads = 0
    for name in options.sets:
        # Engines of its own: what one set's answers were, the next may not have been told.
        async with AsyncExitStack() as stack:
            answerers: dict[str, Answerer] = {}
            for way in MODES:
                opened = answerer(way, options, model.n_ctx_train)
                answerers[way] = await stack.enter_async_context(opened)
                # An engine first measures what rows cost, while nobody asks. One after the other,
                # as they would want each other's cores, and decide nothing by such calls.
                await asyncio.sleep(options.settle)
            sets.append(await measure_set(name, answerers, edits, options))
            n_threads = answerers[AUTO].engine.status().n_threads
    return SpeculativeResult(
        provenance=described,
        model=model.name,
        quantization=model.quantization,
        n_threads=n_threads,
        corpus={e.repository: sum(x.repository == e.repository for x in edits) for e in edits},
        sets=sets,
    )


@asynccontextmanager
async def answerer(
    way: str, options: argparse.Namespace, n_ctx_train: int
) -> AsyncGenerator[Answerer]:
    """A fresh engine. Only the oracle has a say: no cache model, no word before the cursor spelt
    again, and nothing it said before. Raises InferenceError."""
    config = EngineConfig(
        model_path=options.model,
        n_threads=options.threads,
        n_ctx=min(N_CTX, n_ctx_train),
        speculate=MODES[way],
        use_token_healing=False,
        use_cache_model=False,
        keep_logits=False,
    )
    oracle = Oracle(speculates=way != PLAIN, drafts=way != UNDRAFTED)
    async with Engine(config, load=oracle.load) as engine:
        yield Answerer(engine, oracle, is_plain=way == PLAIN)


async def measure_set(
    name: str, answerers: dict[str, Answerer], edits: list[Edit], options: argparse.Namespace
) -> SetResult:
    """All cases of one set."""
    cases: list[Answered] = []
    n_own_words = n_differ = 0
    for index, e in enumerate(edits):
        case = SETS[name](e)
        tokens = answerers[PLAIN].oracle.tokenize(case.answer)[:MAX_ANSWER]
        ways: dict[str, Answer] = {}
        for way in WAYS if index % 2 else reversed(WAYS):
            await answerers[way].prepare(case.request)
            ways[way] = await answerers[way].answer(case, tokens)
        cases.append(
            Answered(
                repository=e.repository,
                commit=e.commit,
                region=e.region,
                n_tokens=len(tokens),
                ways={way: ways[way] for way in WAYS},
            )
        )
        if index < options.own_words:
            said = [await answerers[way].own_words(case.request) for way in (UNDRAFTED, ALWAYS)]
            n_own_words += 1
            n_differ += said[0] != said[1]
        if index % 10 == 9:
            print(f"  {name}: {index + 1} of {len(edits)}", file=sys.stderr, flush=True)
    return SetResult(name=name, cases=cases, n_own_words=n_own_words, n_own_words_differ=n_differ)


def report(result: SpeculativeResult) -> str:
    """The result as text; edits apart by kind of region."""
    rows = [["", "cases", "tokens", "× plain", "median", "p5", "tokens a step", "right"]]
    notes: list[str] = []
    for each in result.sets:
        groups = {each.name: each.cases}
        if each.name == "edit":
            for region in ("function", "lines"):
                part = [case for case in each.cases if case.region == region]
                groups[f"  of them, {region}"] = part
        for label, cases in groups.items():
            rows += [_row(f"{label}, {way}", cases, way) for way in (AUTO, ALWAYS) if cases]
        counts = _counts(each.cases, ALWAYS)
        said = ", ".join(
            f"{name} {c.n_accepted} of {c.n_drafted}" for name, c in sorted(counts.items())
        )
        notes.append(f"{each.name}: right of the drafted (always): {said or '–'}")
        same = each.n_own_words - each.n_own_words_differ
        notes.append(f"{each.name}: own words the same: {same} of {each.n_own_words}")
    title = f"{result.model}, {result.quantization}, {result.n_threads} threads"
    return "\n\n".join([title, table(rows), "\n".join(notes)])


def _row(label: str, cases: list[Answered], way: str) -> list[str]:
    plain_ms = sum(case.ways[PLAIN].ms for case in cases)
    gains = [case.ways[PLAIN].ms / case.ways[way].ms for case in cases]
    n_tokens = sum(case.n_tokens for case in cases)
    return [
        label,
        str(len(cases)),
        str(n_tokens),
        figure(ratio(plain_ms, sum(case.ways[way].ms for case in cases)), 2),
        figure(percentile(gains, 0.5), 2),
        figure(percentile(gains, 0.05), 2),
        figure(ratio(n_tokens, sum(case.ways[way].n_steps for case in cases)), 2),
        f"{sum(case.ways[way].is_right for case in cases)}",
    ]


def _counts(cases: list[Answered], way: str) -> dict[str, DraftCounts]:
    total: dict[str, DraftCounts] = {}
    for case in cases:
        for name, counts in case.ways[way].drafters.items():
            total[name] = total.get(name, DraftCounts()) + counts
    return total


def _sets(text: str) -> list[str]:
    names = text.split(",")
    if not set(names) <= set(SETS):
        raise ValueError
    return names


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command("speculative", __doc__)
    add_model(parser)
    parser.add_argument("--threads", type=int, help="default: what Sotto chooses")
    parser.add_argument("--edits", type=Path, default=default_corpus())
    parser.add_argument("--cases", type=int, default=120, help="edits of the corpus; default: 120")
    parser.add_argument("--sets", type=_sets, default=list(SETS), help=f"of {','.join(SETS)}")
    parser.add_argument("--own-words", type=int, default=20, metavar="N", help="default: 20")
    parser.add_argument(
        "--settle", type=float, default=5.0, help="seconds for each engine to measure in"
    )
    add_out(parser)
    options = parser.parse_args(arguments)

    def measured() -> SpeculativeResult:
        return asyncio.run(measure(options, spread(read_edits(options.edits), options.cases)))

    result = run("speculative", measured, report, options.out)
    return int(result is None)


def spread(edits: Sequence[Edit], n: int) -> list[Edit]:
    """`n` of them, evenly over the whole corpus, of each repository the oldest first: no text may
    be known from what was made of it later."""
    n = min(n, len(edits))
    return [edits[i * len(edits) // n] for i in range(n)][::-1]


if __name__ == "__main__":
    raise SystemExit(main())
