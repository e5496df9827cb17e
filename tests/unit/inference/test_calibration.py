"""What rows cost is measured in calls that had their cores; until then nothing hangs on it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from inference.backends.base import Span
from inference.evaluator import Evaluator
from inference.runner import Runner
from inference.speculation import calibration
from inference.speculation.calibration import Calibration
from inference.speculation.policy import Speculation
from inference.speculation.verify_cost import VerifyCost
from inference.types import GenerationRequest, SpeculationMode, TextPrompt
from tests.support.fake_backend import FakeBackend, make_prompts
from tests.support.fixed_costs import CHEAP_ROWS, FixedCosts
from tests.support.stepping import Bench

EDIT = GenerationRequest(prompt=TextPrompt(text="x = 1\n"), old_text="x = 2\n")


def rows_ms(n_rows: int) -> float:
    """Two cost nearly twice what one does."""
    return 1.0 if n_rows == 1 else 1.5 + 0.2 * n_rows


class Machine:
    """A clock, a backend that takes its time by it, and others who want its cores."""

    def __init__(
        self, *, is_on_cpu: bool = True, tick_s: float = 1e-9, slowness: float = 1.0
    ) -> None:
        self.now_s = self.ran_s = 0.0
        self._slowness = slowness
        self.waits_ms: Callable[[], float] = lambda: 0.0
        """For how long the next call has no core."""
        self.backend = FakeBackend()
        self.backend.is_on_cpu = is_on_cpu
        self.backend.during_evaluation = self._take_time
        self.costs = VerifyCost()
        self.calibration = Calibration(
            self.backend,
            Evaluator(self.backend, adapt_threads=False),
            self.costs,
            clock=lambda: self.now_s,
            thread_clock=lambda: self.ran_s,
            tick_s=tick_s,
        )

    def rest(self) -> int:
        """While there is something to measure; returns the number of calls."""
        n_calls = 0
        while self.calibration.is_due:
            self.calibration.step(0)
            n_calls += 1
        return n_calls

    def _take_time(self, span: Span) -> None:
        run_s = self._slowness * rows_ms(len(span.tokens)) / 1e3
        self.ran_s += run_s
        self.now_s += run_s + self.waits_ms() / 1e3


def test_a_quiet_machine_is_measured_at_once() -> None:
    machine = Machine()
    machine.rest()
    assert machine.calibration.is_over
    assert {n: round(ms, 6) for n, ms in machine.costs.measured.items()} == {
        n: round(rows_ms(n), 6) for n in (1, 2, 3, 4, 6, 8, 12, 16)
    }


def test_calls_that_had_to_wait_are_made_again() -> None:
    machine = Machine()
    waits = iter([40.0, 40.0, 40.0] * 3 + [0.0] * 1000)
    machine.waits_ms = lambda: next(waits)
    machine.rest()
    assert machine.calibration.is_over
    assert round(machine.costs.ms(2) / machine.costs.ms(1), 3) == 1.9


def test_where_all_calls_wait_it_is_put_off_and_then_measured() -> None:
    machine = Machine()
    machine.waits_ms = lambda: 40.0
    n_calls = machine.rest()
    assert not machine.calibration.is_over
    assert machine.now_s < 1.1
    assert n_calls > 20, "something to go by until then"
    assert set(machine.costs.measured) >= {1, 2, 8}
    machine.now_s += 10
    assert machine.rest() == 0
    machine.now_s += 10
    assert 20 < machine.rest() < 30
    machine.now_s += 20
    assert machine.rest() == 0, "the longer it has lasted, the longer it may"
    machine.now_s += 20
    machine.waits_ms = lambda: 0.0
    machine.rest()
    assert machine.calibration.is_over
    assert round(machine.costs.ms(2) / machine.costs.ms(1), 3) == 1.9


def test_who_computes_elsewhere_or_has_a_coarse_clock_cannot_be_told_to_wait() -> None:
    for machine in (Machine(is_on_cpu=False), Machine(tick_s=0.015625)):
        machine.waits_ms = lambda: 40.0
        machine.rest()
        assert machine.calibration.is_over


def test_a_large_model_gets_no_further_than_what_decides() -> None:
    machine = Machine(slowness=200.0)
    machine.rest()
    assert sorted(machine.costs.measured) == [1, 2, 8]
    assert machine.now_s < 2


@pytest.mark.parametrize("must_wait", [False, True])
def test_a_runner_decides_nothing_by_calls_that_had_to_wait(
    must_wait: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "_DISTURBED_BUDGET_S", 0.02)
    backend = FakeBackend()
    if must_wait:
        backend.during_evaluation = lambda _span: time.sleep(0.002)
    speculation = Speculation(SpeculationMode.AUTO, backend.rows, is_second_row_free=False)
    speculation.costs = FixedCosts(CHEAP_ROWS)
    runner = Runner(backend, make_prompts(backend), speculation=speculation)
    while runner.idle():
        pass
    assert speculation.covers(EDIT) is not must_wait


def test_what_was_put_off_is_measured_though_all_sequences_hold_prompts() -> None:
    backend = FakeBackend()
    speculation = Speculation(SpeculationMode.AUTO, backend.rows, is_second_row_free=False)
    speculation.costs = FixedCosts(CHEAP_ROWS)
    bench = Bench(backend, speculation=speculation)
    backend.during_evaluation = lambda _span: time.sleep(0.002)
    for _ in range(20):
        assert bench.runner.idle()
    backend.during_evaluation = lambda _span: None
    prompts = [f"{name}: a prompt of some length" for name in "abcdef"]
    for prompt in prompts:
        bench.complete(prompt, max_tokens=1)
    assert all(backend.sequences)
    assert not speculation.covers(EDIT)
    while bench.runner.idle():
        pass
    assert speculation.covers(EDIT)
    assert bench.complete(prompts[-1] + "!").usage.n_reused_tokens > 20, "the newest was kept"
