"""Models that draft for others: a draft model, MTP and EAGLE-3 heads, on the real runtime."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inference.backends.base import Span
from inference.backends.llama_cpp import LlamaCppBackend
from tests.support.oracle_models import N_CYCLE, write_dense, write_head, write_hybrid
from tests.support.speculating import (
    Speculating,
    drafted,
    drafted_from_scratch,
    drafting,
    evaluate,
    greedy,
    load,
)
from tests.support.tiny_heads import tiny_eagle3, tiny_mtp, tiny_target

pytestmark = pytest.mark.e2e

TEXT = list(b"def add(a, b):\n    return a + b\n\n\ndef subtract(a, b):\n    return a - b\n" * 3)
COUNTED = [n % N_CYCLE for n in range(150)]
"""What the models that count say."""


def _dense(folder: Path) -> LlamaCppBackend:
    (folder / "target.gguf").write_bytes(tiny_target(2).to_bytes())
    (folder / "draft.gguf").write_bytes(tiny_target(1, seed=2).to_bytes())
    return load(folder / "target.gguf", folder / "draft.gguf")


def _hybrid(folder: Path) -> LlamaCppBackend:
    (folder / "target.gguf").write_bytes(tiny_mtp().to_bytes())
    return load(folder / "target.gguf")


def _eagle3(folder: Path) -> LlamaCppBackend:
    (folder / "target.gguf").write_bytes(tiny_target().to_bytes())
    (folder / "head.gguf").write_bytes(tiny_eagle3(own_embedding=True).to_bytes())
    return load(folder / "target.gguf", folder / "head.gguf")


def _borrowing_eagle3(folder: Path) -> LlamaCppBackend:
    """The head takes its target's embeddings."""
    (folder / "target.gguf").write_bytes(tiny_target(4, seed=3).to_bytes())
    (folder / "head.gguf").write_bytes(tiny_eagle3(layers=(0, 2, 3)).to_bytes())
    return load(folder / "target.gguf", folder / "head.gguf")


RANDOM = {
    "draft-model": _dense,
    "mtp": _hybrid,
    "eagle-3": _eagle3,
    "eagle-3 that borrows": _borrowing_eagle3,
}
ORACLES: dict[str, Callable[[Path, float], LlamaCppBackend]] = {
    "draft-model": lambda folder, noise: load(
        write_dense(folder / "target.gguf"), write_dense(folder / "draft.gguf", noise=noise)
    ),
    "mtp": lambda folder, noise: load(write_hybrid(folder / "target.gguf", noise=noise)),
    "eagle-3": lambda folder, noise: load(
        write_dense(folder / "target.gguf"), write_head(folder / "head.gguf", noise=noise)
    ),
    "eagle-3 with a table": lambda folder, noise: load(
        write_dense(folder / "target.gguf"),
        write_head(folder / "head.gguf", noise=noise, n_known=N_CYCLE),
    ),
}


@pytest.fixture(scope="module", params=RANDOM)
def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LlamaCppBackend]:
    loaded = RANDOM[request.param](tmp_path_factory.mktemp("random"))
    assert request.param.startswith(drafting(loaded).name)
    yield loaded
    loaded.close()


@pytest.mark.parametrize("which", ORACLES)
def test_a_head_that_knows_is_right_about_every_token(which: str, tmp_path: Path) -> None:
    backend = ORACLES[which](tmp_path, 0.0)
    speculating = Speculating(backend, 0, COUNTED)
    for n in (1, 2, 3, 4, 7, 6, 5) * 3:
        assert speculating.check(speculating.draft(n)) == n
    assert speculating.n_accepted == speculating.n_drafted == 84
    expected = [n % N_CYCLE for n in range(len(speculating.tokens))]
    assert speculating.tokens == expected
    assert greedy(backend, 1, COUNTED, 50) == expected[150:200]
    backend.close()


@pytest.mark.parametrize("which", ORACLES)
def test_a_head_that_errs_changes_nothing_but_the_number_of_steps(
    which: str, tmp_path: Path
) -> None:
    backend = ORACLES[which](tmp_path, 0.3)
    speculating = Speculating(backend, 0, COUNTED)
    while len(speculating.tokens) < 600:
        speculating.check(speculating.draft(4))
    assert speculating.tokens == [n % N_CYCLE for n in range(len(speculating.tokens))]
    # Of the first four tokens drafted, 0.7 + 0.7² + 0.7³ + 0.7⁴ = 1.77 are right.
    assert 1.3 < speculating.n_accepted / speculating.n_steps < 2.3
    backend.close()


def test_random_models_say_the_same_with_drafts(backend: LlamaCppBackend) -> None:
    for prompt in (TEXT[:20], TEXT[:100], TEXT):
        plain = greedy(backend, 1, prompt, 60)
        speculating = Speculating(backend, 0, prompt)
        chance = random.Random(len(prompt))
        while len(speculating.tokens) < len(prompt) + 60:
            n_done = len(speculating.tokens) - len(prompt)
            guess = speculating.draft(chance.randint(1, 5))
            # A random head is hardly ever right, so that it is at times is seen to here.
            n_right = chance.randint(0, len(guess))
            guess[:n_right] = plain[n_done : n_done + n_right]
            speculating.check(guess)
        assert speculating.tokens[len(prompt) :][:60] == plain
        assert speculating.n_accepted > 20


def test_a_draft_depends_on_the_tokens_alone(backend: LlamaCppBackend) -> None:
    """Whatever was accepted, rejected, cut and forked before."""
    chance = random.Random(7)
    speculating = Speculating(backend, 0, TEXT[:40])
    n_empty = 0
    for _ in range(150):
        tokens = speculating.tokens
        turn = chance.random()
        if turn < 0.5:
            speculating.check(_sometimes_right(speculating, chance))
        elif turn < 0.6:
            other = 2 - speculating.sequence
            backend.fork(speculating.sequence, other)
            backend.draft_for(other, wanted=True)
            speculating.sequence = other
        elif turn < 0.8 and backend.can_truncate:
            keep = chance.randint(1, len(tokens) - 1)
            assert backend.truncate(speculating.sequence, keep)
            added = chance.choices(range(256), k=chance.randint(2, 50))
            speculating.tokens = [*tokens[:keep], *added][:700]
            evaluate(backend, speculating.sequence, keep, speculating.tokens[keep:-1])
        elif len(tokens) < 200:
            added = chance.choices(range(256), k=chance.randint(2, 90))
            evaluate(backend, speculating.sequence, len(tokens) - 1, [tokens[-1], *added[:-1]])
            tokens += added
        else:
            speculating = Speculating(backend, speculating.sequence, TEXT[:10])
        n = chance.randint(1, 6)
        found = speculating.draft(n)
        assert found == drafted_from_scratch(backend, 1, speculating.tokens, n)
        n_empty += not found
    assert n_empty == 0


def _sometimes_right(speculating: Speculating, chance: random.Random) -> list[int]:
    """A draft with some of what the target would say at its beginning, to be accepted."""
    guess = speculating.draft(chance.randint(1, 5))
    n_right = chance.randint(0, len(guess))
    right = greedy(speculating.backend, 1, speculating.tokens, n_right)
    return [*right, *guess[n_right:]]


def test_a_head_that_missed_something_goes_on_from_there(backend: LlamaCppBackend) -> None:
    backend.truncate(0, 0)
    backend.draft_for(0, wanted=False)
    evaluate(backend, 0, 0, TEXT[:50])
    if drafting(backend).name != "draft-model":
        assert drafting(backend).draft(0, TEXT[:51], 3) == []
    backend.draft_for(0, wanted=True)
    evaluate(backend, 0, 50, TEXT[50:80])
    found = drafted(backend, 0, TEXT[:81], 3)
    assert len(found) == 3
    # Cut to before that, it knows nothing; all that follows it sees.
    if backend.can_truncate:
        backend.truncate(0, 20)
        evaluate(backend, 0, 20, TEXT[20:60])
        assert len(drafted(backend, 0, TEXT[:61], 3)) == 3


def test_watching_changes_no_bit_of_the_target(backend: LlamaCppBackend) -> None:
    def logits(sequence: int, *, wanted: bool) -> list[bytes]:
        backend.truncate(sequence, 0)
        backend.draft_for(sequence, wanted=wanted)
        found: list[bytes] = []
        for at in range(0, 200, 8):
            span = Span(sequence, at, TEXT[at : at + 8], n_logits=8)
            found += [row.tobytes() for row in backend.evaluate([span]).logits]
        return found

    assert logits(0, wanted=True) == logits(1, wanted=False)


def test_sequences_in_one_call_are_told_apart(backend: LlamaCppBackend) -> None:
    texts = {0: TEXT[:30], 1: TEXT[5:25]}
    for sequence in texts:
        backend.truncate(sequence, 0)
        backend.draft_for(sequence, wanted=True)
    backend.evaluate([Span(s, 0, tokens[:-1]) for s, tokens in texts.items()])
    found = {s: drafted(backend, s, tokens, 4) for s, tokens in texts.items()}
    for sequence, tokens in texts.items():
        assert found[sequence] == drafted_from_scratch(backend, sequence, tokens, 4)


def test_a_draft_model_can_be_interrupted_and_goes_on(tmp_path: Path) -> None:
    backend = _dense(tmp_path)
    speculating = Speculating(backend, 0, TEXT[:60])
    expected = speculating.draft(4)
    backend.truncate(0, 20)
    evaluate(backend, 0, 20, TEXT[20:100])
    backend.interrupt()
    assert drafting(backend).draft(0, TEXT[:101], 4) == []
    backend.rearm()
    assert len(drafted(backend, 0, TEXT[:101], 4)) == 4
    assert drafted_from_scratch(backend, 0, TEXT[:60], 4) == expected
    backend.close()


def test_drafts_end_where_there_is_no_room(backend: LlamaCppBackend) -> None:
    n_ctx = backend.n_ctx
    tokens = [chance % 256 for chance in range(n_ctx)]
    backend.truncate(0, 0)
    backend.draft_for(0, wanted=True)
    evaluate(backend, 0, 0, tokens[:-1])
    assert len(drafted(backend, 0, tokens, 9)) <= 1
    assert drafting(backend).draft(0, [*tokens, 1], 9) == []
    assert drafting(backend).draft(0, tokens, 0) == []


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    for make in RANDOM.values():
        loaded = make(tmp_path)
        loaded.close()
        assert loaded.draft_model is None
        loaded.close()
