"""The llama.cpp backend alone: rows that do not depend on how they were evaluated, and calls that
are refused before llama.cpp would abort the process."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from inference import EngineConfig, builtin_model_path, inspect_model
from inference.backends.base import Backend, LoadCancelledError, Span
from inference.backends.llama_cpp import LlamaCppBackend
from inference.errors import BackendError

pytestmark = pytest.mark.e2e

TEXT = "".join(f"def f{n}(x):\n    return x + {n}\n" for n in range(60))


def load(config: EngineConfig | None = None, **options: Any) -> LlamaCppBackend:
    return LlamaCppBackend(inspect_model(), config or EngineConfig(), 2, **options)


@pytest.fixture(scope="module")
def backend() -> Iterator[LlamaCppBackend]:
    loaded = load()
    yield loaded
    loaded.close()


@pytest.fixture(autouse=True)
def _empty(request: pytest.FixtureRequest) -> None:
    if "backend" in request.fixturenames:
        loaded: LlamaCppBackend = request.getfixturevalue("backend")
        loaded.rearm()
        for sequence in range(loaded.n_sequences):
            loaded.truncate(sequence, 0)


def rows(
    backend: Backend, tokens: list[int], start: int, end: int, sequence: int = 0
) -> np.ndarray[Any, Any]:
    """Evaluates, and returns a copy of the last up to eight rows of logits."""
    span = Span(sequence, start, tokens[start:end], n_logits=min(end - start, 8))
    return np.stack(backend.evaluate([span]).logits).copy()


def test_a_prompts_rows_are_the_same_bits_however_they_were_evaluated(
    backend: LlamaCppBackend,
) -> None:
    tokens = backend.vocabulary.tokenize(TEXT)[:400]
    chance = random.Random(1)
    reference: dict[int, np.ndarray[Any, Any]] = {}
    for start in range(0, 400, 8):
        for at, row in enumerate(rows(backend, tokens, start, start + 8), start):
            reference[at] = row
    held = [400] + [0] * (backend.n_sequences - 1)
    for _ in range(150):
        sequence = chance.randrange(backend.n_sequences)
        if chance.random() < 0.15:
            source = chance.randrange(backend.n_sequences)
            if source != sequence:
                backend.fork(source, sequence)
                held[sequence] = held[source]
        keep = chance.randint(0, held[sequence])
        assert backend.truncate(sequence, keep)
        end = min(keep + chance.randint(2, 64), 400)
        held[sequence] = keep
        if end - keep < 2:
            continue
        found = rows(backend, tokens, keep, end, sequence)
        held[sequence] = end
        for at, row in enumerate(found, end - len(found)):
            assert (row == reference[at]).all(), f"token {at}"


def test_decoding_is_the_same_bits_beside_other_sequences(backend: LlamaCppBackend) -> None:
    tokens = backend.vocabulary.tokenize(TEXT)[:120]

    def decode(sequence: int) -> list[np.ndarray[Any, Any]]:
        rows(backend, tokens, 0, 64, sequence)
        return [rows(backend, tokens, at, at + 1, sequence) for at in range(64, 120)]

    alone = decode(0)
    rows(backend, tokens, 0, 50, 1)
    for one, other in zip(alone, decode(2), strict=True):
        assert (one == other).all()


def test_an_interruption_changes_nothing_and_work_goes_on(backend: LlamaCppBackend) -> None:
    tokens = backend.vocabulary.tokenize(TEXT)[:128]
    rows(backend, tokens, 0, 64)
    expected = rows(backend, tokens, 64, 128)
    backend.truncate(0, 64)
    backend.interrupt()
    assert not backend.evaluate([Span(0, 64, tokens[64:128])]).completed
    backend.rearm()
    assert (rows(backend, tokens, 64, 128) == expected).all()


def test_an_interruption_from_another_thread_comes_through(backend: LlamaCppBackend) -> None:
    tokens = backend.vocabulary.tokenize(TEXT)[:64]
    stop = threading.Event()

    def interrupt() -> None:
        while not stop.wait(0.0005):
            backend.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    completed = 0
    for _ in range(40):
        if backend.evaluate([Span(0, 0, tokens)]).completed:
            completed += 1
            backend.truncate(0, 0)
    stop.set()
    thread.join()
    assert completed < 40


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([Span(0, 0, [])], "0 tokens"),
        ([Span(0, 0, [1] * 129)], "129 tokens"),
        ([Span(0, 0, [1] * 70), Span(1, 0, [1] * 70)], "140 tokens"),
        ([Span(0, 0, [1] * 33, n_logits=33)], "Logits for 33"),
        ([Span(0, 0, [1], n_logits=2)], "More logits"),
        ([Span(99, 0, [1])], "no sequence 99"),
        ([Span(-1, 0, [1])], "no sequence -1"),
        ([Span(0, 5, [1])], "Position 5"),
        ([Span(0, -1, [1])], "beyond the context"),
        ([Span(0, 2048, [1])], "beyond the context"),
        ([Span(0, 0, [1, 8192])], "outside the vocabulary"),
        ([Span(0, 0, [-1])], "outside the vocabulary"),
    ],
)
def test_what_would_abort_the_process_is_refused(
    backend: LlamaCppBackend, spans: list[Span], message: str
) -> None:
    with pytest.raises(BackendError, match=message):
        backend.evaluate(spans)
    assert backend.evaluate([Span(0, 0, [1, 2], n_logits=1)]).completed


def test_several_sequences_in_one_call(backend: LlamaCppBackend) -> None:
    tokens = backend.vocabulary.tokenize(TEXT)[:20]
    spans = [Span(sequence, 0, tokens, n_logits=1) for sequence in range(3)]
    evaluation = backend.evaluate(spans)
    assert len(evaluation.logits) == 3
    assert all((row == evaluation.logits[0]).all() for row in evaluation.logits)


def test_rows_in_company_are_the_same_bits(backend: LlamaCppBackend) -> None:
    """Beside sequences of other lengths, which attention then passes over the length of."""
    chance = random.Random(2)
    tokens = backend.vocabulary.tokenize(TEXT)
    starts = [chance.choice((2, 40, 300, 700)) for _ in range(backend.n_sequences)]
    for sequence, start in enumerate(starts):
        for at in range(0, start, 50):
            backend.evaluate([Span(sequence, at, tokens[at : min(at + 50, start)])])
    for _ in range(40):
        n_rows, first = chance.choice((2, 3, 4, 8)), chance.randrange(backend.n_sequences - 1)
        last = min(first + chance.randint(1, 3), backend.n_sequences - 1)
        company = range(first, last + 1)

        def span(sequence: int, n_rows: int = n_rows) -> Span:
            start = starts[sequence]
            return Span(sequence, start, tokens[start : start + n_rows], n_logits=n_rows)

        together = np.stack(backend.evaluate([span(sequence) for sequence in company]).logits)
        together = together.copy()
        for at, sequence in enumerate(company):
            backend.truncate(sequence, starts[sequence])
            alone = backend.evaluate([span(sequence, 2)]).logits
            backend.truncate(sequence, starts[sequence])
            for row in range(2):
                assert (together[at * n_rows + row] == alone[row]).all()


async def test_other_threads_are_refused(backend: LlamaCppBackend) -> None:
    with pytest.raises(RuntimeError, match="thread"):
        await asyncio.to_thread(backend.evaluate, [Span(0, 0, [1])])
    with pytest.raises(RuntimeError, match="thread"):
        await asyncio.to_thread(backend.truncate, 0, 0)


def test_control_tokens_have_no_text_and_are_never_read_from_text(backend: LlamaCppBackend) -> None:
    vocabulary = backend.vocabulary
    fim = inspect_model().fim
    assert fim is not None
    assert {fim.prefix, fim.suffix, fim.middle} <= vocabulary.end_ids
    assert all(vocabulary.piece(token) == b"" for token in vocabulary.end_ids)
    tokens = vocabulary.tokenize("<|fim_middle|><|endoftext|>")
    assert not set(tokens) & vocabulary.end_ids
    assert b"".join(map(vocabulary.piece, tokens)) == b"<|fim_middle|><|endoftext|>"


def test_closing_twice_is_harmless() -> None:
    loaded = load()
    loaded.close()
    loaded.close()


def test_loading_can_be_given_up() -> None:
    def report(progress: float) -> bool:
        return progress < 0.5

    with pytest.raises(LoadCancelledError):
        load(report=report)


def test_the_builtin_model_is_what_is_loaded() -> None:
    assert inspect_model().path == builtin_model_path()
