"""What drafting with a model costs, and whether speculation gains what these costs promise.

    python -m bench.draft_cost FOLDER [--threads N] [--steps N] [--out FILE]

FOLDER holds what `python -m bench.oracle_heads FOLDER` wrote: heads that are always right. For each
pair, and drafts of 1, 3 and 7 tokens, in turn A B B A:

* a plain decode step, of one row;
* a step of a draft, its check in one call, and all of it accepted. The draft and the call are timed
  apart; the call includes what the head takes of it.

The speed-up that these medians promise is set against the one that the whole runs had. Timings mean
little on a busy machine: the load average is in the result.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import numpy as np

from bench.command import add_out, command, run
from bench.errors import BenchError
from bench.machine import Provenance, provenance
from bench.summary import figure, median, ratio, table
from inference import EngineConfig, inspect_model
from inference.backends.base import Span
from inference.backends.llama_cpp import LlamaCppBackend
from inference.models.draft import find_draft

PAIRS = (
    ("dense-q4_0.gguf", "draft-q4_0.gguf"),
    ("dense-q4_0.gguf", "eagle3-q8_0.gguf"),
    ("mtp-q4_0.gguf", None),
)
LENGTHS = (1, 3, 7)
N_PROMPT = 64


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Medians, in ms."""

    drafter: str
    n_drafted: int
    decode_ms: float
    unwatched_check_ms: float
    """The call that checks the draft, with nothing that drafts looking on."""
    check_ms: float
    draft_ms: float
    promised: float | None
    """Speed-up by the medians above."""
    speedup: float | None
    """Tokens by time, over plain decoding's."""
    acceptance: float


class DraftCostResult(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    n_threads: int
    costs: list[Cost]


class _Run:
    """One sequence that counts on, and what its steps took."""

    def __init__(self, backend: LlamaCppBackend, sequence: int, *, watched: bool) -> None:
        self._backend = backend
        self._sequence = sequence
        self._tokens = list(range(N_PROMPT))
        self.n_tokens = self.n_drafted = self.n_accepted = 0
        self.calls: list[float] = []
        self.drafts: list[float] = []
        backend.truncate(sequence, 0)
        backend.draft_for(sequence, wanted=watched)
        backend.evaluate([Span(sequence, 0, self._tokens[:-1])])

    @property
    def ms_per_token(self) -> float | None:
        return ratio(sum(self.calls) + sum(self.drafts), self.n_tokens)

    def draft(self, n: int) -> list[int]:
        drafter = self._backend.draft_model
        assert drafter is not None
        started = time.perf_counter()
        drafted = drafter.draft(self._sequence, self._tokens, n)
        self.drafts.append(1e3 * (time.perf_counter() - started))
        return drafted

    def known(self, n: int) -> list[int]:
        """What a draft would be, at no cost."""
        return [self._tokens[-1] + i + 1 for i in range(n)]

    def check(self, drafted: list[int]) -> None:
        span = Span(
            self._sequence,
            len(self._tokens) - 1,
            [self._tokens[-1], *drafted],
            n_logits=1 + len(drafted),
        )
        started = time.perf_counter()
        right = [int(np.argmax(row)) for row in self._backend.evaluate([span]).logits]
        self.calls.append(1e3 * (time.perf_counter() - started))
        n = next((i for i, token in enumerate(drafted) if token != right[i]), len(drafted))
        self._tokens += [*drafted[:n], right[n]]
        self._backend.truncate(self._sequence, len(self._tokens) - 1)
        self.n_tokens += n + 1
        self.n_drafted += len(drafted)
        self.n_accepted += n


def measure(backend: LlamaCppBackend, n_drafted: int, n_steps: int) -> Cost:
    drafter = backend.draft_model
    assert drafter is not None
    plain, unwatched, drafting = (
        _Run(backend, sequence, watched=sequence == 2) for sequence in range(3)
    )

    def one_of_each(*, backwards: bool) -> None:
        turns = (
            lambda: plain.check([]),
            lambda: unwatched.check(unwatched.known(n_drafted)),
            lambda: drafting.check(drafting.draft(n_drafted)),
        )
        for turn in reversed(turns) if backwards else turns:
            turn()

    for step in range(n_steps):
        one_of_each(backwards=step % 2 == 1)
    decode, check, draft = median(plain.calls), median(drafting.calls), median(drafting.drafts)
    assert decode is not None
    assert check is not None
    assert draft is not None
    return Cost(
        drafter=drafter.name,
        n_drafted=n_drafted,
        decode_ms=decode,
        unwatched_check_ms=median(unwatched.calls) or 0.0,
        check_ms=check,
        draft_ms=draft,
        promised=ratio(decode * (1 + n_drafted), check + draft),
        speedup=ratio(plain.ms_per_token, drafting.ms_per_token),
        acceptance=drafting.n_accepted / max(drafting.n_drafted, 1),
    )


def measure_all(folder: Path, n_threads: int, n_steps: int) -> DraftCostResult:
    """Raises InferenceError or BenchError."""
    made = provenance()
    costs: list[Cost] = []
    for model, draft in PAIRS:
        config = EngineConfig(
            model_path=folder / model,
            draft_model_path=folder / draft if draft else None,
            n_ctx=2048,
        )
        summary = inspect_model(config.model_path)
        found = find_draft(summary, config)
        backend = LlamaCppBackend(summary, config, n_threads, draft=found)
        if backend.n_sequences < 3:
            raise BenchError("There is not enough memory for three sequences.")
        costs += [measure(backend, n, n_steps) for n in LENGTHS]
        backend.close()
    return DraftCostResult(provenance=made, n_threads=n_threads, costs=costs)


def report(result: DraftCostResult) -> str:
    names = ("decode_ms", "unwatched_check_ms", "check_ms", "draft_ms", "promised", "speedup")
    rows = [["drafter", "tokens", *names, "acceptance"]]
    for cost in result.costs:
        figures = [figure(getattr(cost, name), 2) for name in names]
        rows.append([cost.drafter, str(cost.n_drafted), *figures, figure(cost.acceptance, 2)])
    return table(rows)


def main() -> int:
    parser = command("draft_cost", __doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=40)
    add_out(parser)
    options = parser.parse_args()
    result = run(
        "draft-cost",
        lambda: measure_all(options.folder, options.threads, options.steps),
        report,
        options.out,
    )
    return int(result is None)


if __name__ == "__main__":
    raise SystemExit(main())
