"""What an evaluation teaches about the next ones."""

from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from inference import evaluator as module
from inference.backends.base import RowPolicy, Span
from inference.cores import leave_core
from inference.evaluator import Evaluator
from tests.support.fake_backend import FakeBackend


def waiting(ms: float = 12.0) -> FakeBackend:
    """A model that waits for a core in each call if it has more than one thread."""
    backend = FakeBackend()
    backend.n_threads = 2

    def wait(_span: Span) -> None:
        if backend.n_threads > 1:
            time.sleep(ms / 1e3)

    backend.during_evaluation = wait
    return backend


def decode(evaluator: Evaluator, backend: FakeBackend, n_tokens: int) -> None:
    for _ in range(n_tokens):
        evaluator.evaluate([Span(0, len(backend.sequences[0]), [1], n_logits=1)])


def test_threads_that_wait_become_fewer() -> None:
    backend = waiting()
    evaluator = Evaluator(backend)
    assert evaluator.n_threads == 2
    decode(evaluator, backend, 3)
    assert evaluator.n_threads == 1
    decode(evaluator, backend, 1)
    assert backend.n_threads == 1


def test_not_where_nobody_wants_it_or_a_gpu_does_the_work() -> None:
    for on_cpu, adapts in ((True, False), (False, True)):
        backend = waiting(ms=5.0)
        backend.is_on_cpu = on_cpu
        evaluator = Evaluator(backend, adapt_threads=adapts)
        decode(evaluator, backend, 12)
        assert evaluator.n_threads == backend.n_threads == 2


def test_a_thread_that_waits_leaves_its_core(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    monkeypatch.setattr(module, "leave_core", lambda: left.append(threading.get_ident()))
    backend = waiting()
    decode(Evaluator(backend), backend, 1)
    assert left == [threading.get_ident()]


def test_an_interrupted_call_teaches_nothing() -> None:
    backend = waiting(ms=50.0)
    evaluator = Evaluator(backend)
    backend.interrupt()
    for _ in range(4):
        assert not evaluator.evaluate([Span(0, 0, [1])]).completed
    assert evaluator.n_threads == 2


def test_prompts_are_cut_by_speed_where_nothing_can_be_interrupted() -> None:
    backend = FakeBackend(rows=RowPolicy(64, 2))
    assert Evaluator(backend).rows(ahead=False).maximum == 64
    backend.can_interrupt = False
    backend.during_evaluation = lambda _span: time.sleep(0.05)
    evaluator = Evaluator(backend)
    for n_held in (0, 8):
        assert evaluator.rows(ahead=False).maximum == 8
        evaluator.evaluate([Span(0, n_held, [1] * 8)])
    assert evaluator.rows(ahead=False).maximum == 8


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone lets a thread choose its CPU")
def test_leaving_a_core_changes_nothing_for_good() -> None:
    before = os.sched_getaffinity(0)
    leave_core()
    assert os.sched_getaffinity(0) == before
