"""Models whose layers look back a few tokens only: reuse gives the bits of an empty cache, although
cells lie outside the window when a sequence is cut back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from bench.shape_plans import SHAPES
from bench.shapes import write
from inference import (
    Engine,
    EngineConfig,
    FimPrompt,
    GenerationRequest,
    PromptOrder,
    SamplingParams,
    inspect_model,
)
from inference.backends.base import Logits, Span
from inference.backends.llama_cpp import LlamaCppBackend
from tests.support.editing import Editing
from tests.support.fixed_costs import load_with_dear_rows
from tests.support.tiny_shapes import tiny, tiny_vocabulary

pytestmark = pytest.mark.e2e

SOURCE = Path(__file__).read_text("utf-8")
WINDOW = 64
N_TOKENS = 400
TOKENS = [random.Random(1).randrange(256) for _ in range(N_TOKENS)]


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "windowed.gguf"
    shape = replace(tiny(SHAPES["gemma3-1b"]), sliding_window=WINDOW)
    write(path, shape, "q8_0", tiny_vocabulary())
    assert inspect_model(path).sliding_window == WINDOW
    return path


@pytest.fixture(scope="module")
def backend(model_path: Path) -> Iterator[LlamaCppBackend]:
    loaded = LlamaCppBackend(inspect_model(model_path), EngineConfig(), n_threads=1)
    yield loaded
    loaded.close()


def rows(backend: LlamaCppBackend, start: int, end: int, sequence: int) -> list[Logits]:
    span = Span(sequence, start, TOKENS[start:end], n_logits=min(end - start, 16))
    return [row.copy() for row in backend.evaluate([span]).logits]


def test_the_window_is_seen_in_the_logits(model_path: Path, tmp_path: Path) -> None:
    """Or the tests below would show nothing."""
    wider = tmp_path / "wider.gguf"
    shape = replace(tiny(SHAPES["gemma3-1b"]), sliding_window=2 * WINDOW)
    write(wider, shape, "q8_0", tiny_vocabulary())
    found: list[list[Logits]] = []
    for path in (model_path, wider):
        backend = LlamaCppBackend(inspect_model(path), EngineConfig(), n_threads=1)
        found.append([rows(backend, at, at + 16, 0)[-1] for at in range(0, 4 * WINDOW, 16)])
        backend.close()
    same = [bool((a == b).all()) for a, b in zip(*found, strict=True)]
    assert all(same[: WINDOW // 16])
    assert not any(same[WINDOW // 16 + 1 :])


def test_rows_are_the_same_bits_after_any_cut_and_copy(backend: LlamaCppBackend) -> None:
    reference = [row for at in range(0, N_TOKENS, 16) for row in rows(backend, at, at + 16, 0)]
    assert backend.truncate(0, 0)
    chance = random.Random(2)
    held = [0] * backend.n_sequences
    for _ in range(300):
        at = chance.randrange(len(held))
        source = chance.randrange(len(held))
        if chance.random() < 0.2 and source != at:
            backend.fork(source, at)
            held[at] = held[source]
        # Often far outside the window of what was evaluated last.
        held[at] = chance.randint(0, held[at])
        assert backend.truncate(at, held[at])
        end = min(held[at] + chance.randint(2, 64), N_TOKENS)
        if end - held[at] < 2:
            continue
        found = rows(backend, held[at], end, at)
        for position, row in enumerate(found, end - len(found)):
            assert (row == reference[position]).all(), f"token {position}"
        held[at] = end


@pytest.mark.parametrize("order", [PromptOrder.SPM, PromptOrder.PSM_ANCHORED])
async def test_editing_gives_the_same_bits_as_an_empty_cache(
    model_path: Path, order: PromptOrder
) -> None:
    chance = random.Random(f"{order}")
    config = EngineConfig(model_path=model_path, prompt_order=order, n_threads=1)
    plain_config = msgspec.structs.replace(config, use_prefix_cache=False)
    n_reused = n_requests = 0
    load = load_with_dear_rows
    async with Engine(config, load=load) as cached, Engine(plain_config, load=load) as plain:
        for n in range(15):
            editing = Editing.of(SOURCE, chance)
            for _ in range(3):
                editing.edit()
                request = GenerationRequest(
                    prompt=FimPrompt(prefix=editing.prefix[-300:], suffix=editing.suffix[:100]),
                    sampling=SamplingParams(max_tokens=4),
                    sequence_hint=f"document {n % 3}",
                )
                one, other = await asyncio.gather(
                    cached.submit(request).result(), plain.submit(request).result()
                )
                assert (one.token_ids, one.logprobs) == (other.token_ids, other.logprobs)
                n_requests += 1
                n_reused += one.usage.n_reused_tokens > 0
    assert n_reused > n_requests / 3
