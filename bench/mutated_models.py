"""Thousands of damaged model files: none may end the server, and each is refused quickly.

    nice python -m bench.mutated_models [--count 5000] [--seed 1]

Tiny models of several architectures are changed at random in their bytes, values and tensors.
Each file goes the way a user's file goes: first the checks in Python, in this process, whose time
and memory are measured; what they let through is loaded and used by the bare runtime in a
process that is started anew when it dies. Each file on which that dies or hangs is then tried as
the server does it (`inference.trial`), and so are some of the others: the first must be refused,
and this process must live. Ends with status 1 if anything was otherwise.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter

import msgspec
import numpy as np
import psutil

from bench.command import add_out, command, run
from bench.machine import Provenance, provenance
from inference import (
    EngineConfig,
    InvalidModelError,
    ModelError,
    ModelTooLargeError,
    inspect_model,
)
from inference.models.summary import ModelSummary
from inference.trial import try_model
from inference.verdicts import Verdicts
from tests.support.mutations import mutated
from tests.support.runtime_process import RuntimeProcess
from tests.support.tiny_models import tiny_models

MAX_REFUSAL_S = 1.0
MAX_GROWTH_BYTES = 64 * 2**20
_WARM_UP = 100
"""Files until Python has what it needs; memory is compared with what it is then."""
_TRY_EVERY = 10
"""One in so many of the files that the runtime survived is tried too."""


class Deadly(msgspec.Struct, frozen=True, kw_only=True):
    """A file that the checks let through and the bare runtime did not survive."""

    number: int
    arch: str
    how: str
    last_words: str


class Times(msgspec.Struct, frozen=True, kw_only=True):
    n: int
    p50_ms: float
    p99_ms: float
    max_ms: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    seed: int
    n_files: int
    outcomes: dict[str, dict[str, int]]
    """By architecture: `refused in Python`; of the others what the bare runtime did: `loaded`,
    `refused`, `died`, `hung`."""
    deadly: list[Deadly]
    checks: Times
    """Of the checks in Python, over all files."""
    refusals_on_trial: Times | None
    """From a file that passed the checks to its refusal, through a child process."""
    trials: dict[str, int]
    """What trials came to."""
    rss_growth_bytes: int
    """Of this process, from the hundredth file to the end."""
    failures: list[str]
    """What should not have been; empty if all is well."""


class _Run:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "m.gguf"
        self.verdicts = Verdicts(folder / "verdicts.json")
        self.outcomes: dict[str, Counter[str]] = {}
        self.deadly: list[Deadly] = []
        self.check_s: list[float] = []
        self.refusal_s: list[float] = []
        self.trials: Counter[str] = Counter()
        self.failures: list[str] = []

    def file(self, number: int, arch: str, content: bytes, runtime: RuntimeProcess) -> None:
        self.path.write_bytes(content)
        counts = self.outcomes.setdefault(arch, Counter())
        started = perf_counter()
        try:
            summary = inspect_model(self.path)
        except ModelError:
            self._took(number, perf_counter() - started)
            counts["refused in Python"] += 1
            return
        except Exception as error:
            self.failures.append(f"file {number}: the checks raised {error!r}")
            return
        self._took(number, perf_counter() - started)
        outcome = runtime.load(self.path)
        counts[outcome] += 1
        is_deadly = outcome in ("died", "hung")
        if is_deadly:
            self.deadly.append(
                Deadly(number=number, arch=arch, how=outcome, last_words=runtime.last_words)
            )
        if is_deadly or number % _TRY_EVERY == 0:
            verdict = self._try(summary)
            self.trials[f"{outcome}, on trial {verdict}"] += 1
            if is_deadly and verdict == "usable":
                self.failures.append(f"file {number} ({arch}) {outcome}, on trial {verdict}")

    def _took(self, number: int, seconds: float) -> None:
        self.check_s.append(seconds)
        if seconds > MAX_REFUSAL_S:
            self.failures.append(f"file {number}: checked in {seconds:.2f} s")

    def _try(self, summary: ModelSummary) -> str:
        started = perf_counter()
        try:
            try_model(summary, EngineConfig(n_threads=1), verdicts=self.verdicts)
        except InvalidModelError:
            self.refusal_s.append(perf_counter() - started)
            return "refused"
        except ModelTooLargeError:
            # Refused as well, but not remembered.
            return "too large"
        except Exception as error:
            self.failures.append(f"a trial raised {error!r}")
            return type(error).__name__
        return "usable"


def measure(count: int, seed: int) -> Result:
    """Make and judge `count` files."""
    made = provenance()
    generator = random.Random(seed)
    models = list(tiny_models().items())
    process = psutil.Process()
    before = 0
    with tempfile.TemporaryDirectory() as folder, RuntimeProcess() as runtime:
        state = _Run(Path(folder))
        for number in range(count):
            arch, gguf = models[number % len(models)]
            state.file(number, arch, mutated(gguf, arch, generator), runtime)
            if number == min(_WARM_UP, count) - 1:
                before = process.memory_info().rss
            if number % 500 == 499:
                print(f"{number + 1} files, {len(state.deadly)} deadly", file=sys.stderr)
        growth = process.memory_info().rss - before
    if growth > MAX_GROWTH_BYTES:
        state.failures.append(f"memory grew by {growth} bytes")
    return Result(
        provenance=made,
        seed=seed,
        n_files=count,
        outcomes={arch: dict(counts) for arch, counts in state.outcomes.items()},
        deadly=state.deadly,
        checks=_times(state.check_s),
        refusals_on_trial=_times(state.refusal_s) if state.refusal_s else None,
        trials=dict(state.trials),
        rss_growth_bytes=growth,
        failures=state.failures,
    )


def _times(seconds: list[float]) -> Times:
    p50, p99 = np.percentile(seconds, (50, 99))
    return Times(
        n=len(seconds),
        p50_ms=round(1e3 * float(p50), 2),
        p99_ms=round(1e3 * float(p99), 2),
        max_ms=round(1e3 * max(seconds), 2),
    )


def report(result: Result) -> str:
    """For people."""
    total: Counter[str] = Counter()
    for counts in result.outcomes.values():
        total.update(counts)
    lines = [f"{result.n_files} files of {len(result.outcomes)} architectures, seed {result.seed}"]
    lines += [f"  {n:>6}  {outcome}" for outcome, n in total.most_common()]
    checks, late = result.checks, result.refusals_on_trial
    lines.append(f"checks: p99 {checks.p99_ms} ms, at most {checks.max_ms} ms")
    if late is not None:
        lines.append(f"refused on trial: p50 {late.p50_ms} ms, at most {late.max_ms} ms")
    lines += [f"  {n:>6}  {what}" for what, n in sorted(result.trials.items())]
    lines.append(f"memory grew by {result.rss_growth_bytes / 2**20:.1f} MiB")
    lines += result.failures or ["nothing that should not have been"]
    return "\n".join(lines)


def main() -> int:
    parser = command("mutated_models", __doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    add_out(parser)
    options = parser.parse_args()
    result = run(
        "mutated-models", lambda: measure(options.count, options.seed), report, options.out
    )
    return int(result is None or bool(result.failures))


if __name__ == "__main__":
    raise SystemExit(main())
