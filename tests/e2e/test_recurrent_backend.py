"""The backend with recurrent layers: what is dropped, saved, restored and copied of a sequence
leaves the bits of one that was evaluated straight, or is refused."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from inference import EngineConfig, inspect_model
from inference.backends.base import Logits, Span, State
from inference.backends.llama_cpp import LlamaCppBackend
from inference.backends.recurrent_memory import MAX_ROLLBACK
from inference.errors import BackendError
from tests.support.tiny_hybrid import tiny_hybrid

pytestmark = pytest.mark.e2e

N_TOKENS = 400
N_SEQUENCES = 8
TOKENS = [random.Random(1).randrange(256) for _ in range(N_TOKENS)]


def load(folder: Path, arch: str) -> LlamaCppBackend:
    path = folder / f"{arch}.gguf"
    path.write_bytes(tiny_hybrid(arch=arch).to_bytes())
    return LlamaCppBackend(inspect_model(path), EngineConfig(), n_threads=1)


@pytest.fixture(scope="module", params=["qwen35", "qwen35moe", "qwen3next"])
def any_backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LlamaCppBackend]:
    backend = load(tmp_path_factory.mktemp("models"), request.param)
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaCppBackend]:
    backend = load(tmp_path_factory.mktemp("models"), "qwen35")
    yield backend
    backend.close()


def rows(backend: LlamaCppBackend, tokens: list[int], position: int, sequence: int) -> list[Logits]:
    """Evaluates, and returns copies of the last up to sixteen rows of logits."""
    span = Span(sequence, position, tokens, n_logits=min(len(tokens), 16))
    return [row.copy() for row in backend.evaluate([span]).logits]


def straight(backend: LlamaCppBackend, tokens: list[int]) -> list[Logits]:
    """Every row of a text that is evaluated from its start, in calls of several."""
    backend.truncate(0, 0)
    found: list[Logits] = []
    while len(found) < len(tokens):
        remaining = len(tokens) - len(found)
        n_rows = remaining if remaining <= 16 else 14
        found += rows(backend, tokens[len(found) :][:n_rows], len(found), 0)
    backend.truncate(0, 0)
    return found


def same(a: Logits, b: Logits) -> bool:
    return bool((a == b).all())


@pytest.mark.parametrize(
    ("arch", "n_rollback"),
    [("qwen35", MAX_ROLLBACK), ("qwen35moe", MAX_ROLLBACK), ("qwen3next", 0)],
)
def test_what_is_said_of_a_backend(arch: str, n_rollback: int, tmp_path: Path) -> None:
    backend = load(tmp_path, arch)
    assert not backend.can_truncate
    assert (backend.n_rollback, backend.n_sequences) == (n_rollback, N_SEQUENCES)
    backend.close()


def test_the_state_is_seen_in_the_logits(any_backend: LlamaCppBackend) -> None:
    """Or the other tests would show nothing."""
    one = straight(any_backend, [5, *TOKENS[1:80]])
    other = straight(any_backend, [6, *TOKENS[1:80]])
    assert not same(one[-1], other[-1])


def test_random_histories(any_backend: LlamaCppBackend) -> None:
    """Sequences of one text: grown, cut, saved, restored, copied, cleared, in any order."""
    backend = any_backend
    reference = straight(backend, TOKENS)
    chance = random.Random(2)
    held = [0] * N_SEQUENCES
    droppable = [0] * N_SEQUENCES
    saved: list[dict[int, State]] = [{} for _ in range(N_SEQUENCES)]
    done = dict.fromkeys(("drop", "refuse", "restore", "fork"), 0)
    for _ in range(3000):
        at = chance.randrange(N_SEQUENCES)
        what = chance.random()
        if what < 0.5:
            n_rows = min(chance.choice((2, 3, 4, 8, 9, 30, 64)), N_TOKENS - held[at])
            if n_rows < 2:
                assert backend.truncate(at, 0)
                held[at] = droppable[at] = 0
                saved[at].clear()
                continue
            found = rows(backend, TOKENS[held[at] : held[at] + n_rows], held[at], at)
            held[at] += n_rows
            droppable[at] = min(backend.n_rollback, n_rows - 1)
            for position, row in enumerate(found, held[at] - len(found)):
                assert same(row, reference[position]), f"token {position}"
        elif what < 0.75 and held[at]:
            keep = max(held[at] - chance.randint(1, 10), 1)
            n_dropped = held[at] - keep
            is_possible = n_dropped <= droppable[at]
            assert backend.truncate(at, keep) == is_possible
            done["drop" if is_possible else "refuse"] += 1
            if is_possible and n_dropped:
                held[at], droppable[at] = keep, 0
                saved[at] = {n: state for n, state in saved[at].items() if n <= keep}
        elif what < 0.83 and held[at]:
            state = backend.save(at)
            assert state is not None
            assert state.n_tokens == held[at]
            saved[at][held[at]] = state
        elif what < 0.93 and saved[at]:
            state = saved[at][chance.choice(list(saved[at]))]
            backend.restore(at, state)
            held[at], droppable[at] = state.n_tokens, 0
            saved[at] = {n: state for n, state in saved[at].items() if n <= held[at]}
            done["restore"] += 1
        elif what < 0.99:
            source = chance.randrange(N_SEQUENCES)
            if source != at:
                backend.fork(source, at)
                held[at], droppable[at] = held[source], 0
                saved[at] = dict(saved[source])
                done["fork"] += 1
    assert done["restore"] > 100
    assert done["fork"] > 50
    assert done["refuse"] > 100
    assert done["drop"] > (100 if backend.n_rollback else -1)


@pytest.mark.parametrize("seed", range(5))
def test_accepting_and_rejecting_drafts(backend: LlamaCppBackend, seed: int) -> None:
    """As a verifier does: a token and some drafted ones in one call, of which a few are kept."""
    chance = random.Random(seed)
    accepted = TOKENS[:50]
    backend.truncate(1, 0)
    rows(backend, accepted, 0, 1)
    found: dict[int, Logits] = {}
    while len(accepted) < N_TOKENS:
        n_drafted = chance.randint(1, MAX_ROLLBACK)
        right = TOKENS[len(accepted) :][: chance.randint(0, n_drafted)]
        wrong = [chance.randrange(256) for _ in range(n_drafted - len(right))]
        token = chance.randrange(256)
        logits = rows(backend, [token, *right, *wrong], len(accepted), 1)
        kept = [token, *right[: chance.randint(0, len(right))]]
        found |= dict(enumerate(logits[: len(kept)], len(accepted)))
        accepted += kept
        assert backend.truncate(1, len(accepted))
    reference = straight(backend, accepted)
    for position, row in found.items():
        assert same(row, reference[position]), f"token {position}"


def test_going_back_further_than_the_last_call_is_refused(backend: LlamaCppBackend) -> None:
    backend.truncate(0, 0)
    rows(backend, TOKENS[:20], 0, 0)
    rows(backend, TOKENS[20:24], 20, 0)
    for n_tokens in (0 - 1, 19, 20, 25):
        assert not backend.truncate(0, n_tokens)
    assert backend.truncate(0, 21)
    # Going back twice would need states of an earlier call.
    assert not backend.truncate(0, 20)
    assert backend.truncate(0, 21)
    reference = straight(backend, TOKENS[:30])
    rows(backend, TOKENS[:24], 0, 0)
    assert backend.truncate(0, 24 - MAX_ROLLBACK)
    for row, wanted in zip(rows(backend, TOKENS[17:30], 17, 0), reference[17:], strict=True):
        assert same(row, wanted)


def test_after_a_call_with_several_sequences_nothing_can_be_dropped(
    backend: LlamaCppBackend,
) -> None:
    for sequence in range(3):
        backend.truncate(sequence, 0)
        rows(backend, TOKENS[:20], 0, sequence)
    backend.evaluate([Span(0, 20, TOKENS[20:24]), Span(2, 20, TOKENS[20:24])])
    assert not any(backend.truncate(sequence, 19) for sequence in range(3))
    reference = straight(backend, TOKENS[:28])
    found = rows(backend, TOKENS[24:28], 24, 2) + rows(backend, TOKENS[20:28], 20, 1)
    wanted = reference[24:28] + reference[20:28]
    assert all(same(row, other) for row, other in zip(found, wanted, strict=True))


def test_states_of_what_is_not_held_are_refused(backend: LlamaCppBackend) -> None:
    backend.truncate(0, 0)
    assert backend.save(0) is None
    rows(backend, TOKENS[:20], 0, 0)
    state = backend.save(0)
    assert state is not None
    assert state.n_bytes == state.data.size > 1000
    backend.truncate(0, 0)
    with pytest.raises(BackendError, match="20 tokens for a sequence of 0"):
        backend.restore(0, state)
    damaged = State(10, np.zeros(8, np.uint8))
    rows(backend, TOKENS[:20], 0, 0)
    with pytest.raises(BackendError, match="bring a sequence's state back"):
        backend.restore(0, damaged)
