"""Reuse changes speed, never text: random editing sessions on the built-in model, bit for bit."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from inference import (
    Engine,
    EngineConfig,
    FimPrompt,
    GenerationRequest,
    GenerationResult,
    PromptOrder,
    SamplingParams,
)
from inference.engine import Loader
from tests.support.editing import Editing
from tests.support.fixed_costs import load_with_cheap_rows, load_with_dear_rows

pytestmark = pytest.mark.e2e

SOURCES = sorted((Path(__file__).parents[2] / "inference").glob("*.py"))
N_SEQUENCES = 200
N_EDITS = 3


def request(editing: Editing, name: str, max_tokens: int) -> GenerationRequest:
    return GenerationRequest(
        prompt=FimPrompt(prefix=editing.prefix, suffix=editing.suffix),
        sampling=SamplingParams(max_tokens=max_tokens),
        sequence_hint=name,
    )


def answer(result: GenerationResult) -> tuple[object, ...]:
    return result.text, result.token_ids, result.logprobs, result.finish_reason


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("order", "load", "n_sequences"),
    [
        (PromptOrder.SPM, load_with_dear_rows, N_SEQUENCES),
        (PromptOrder.SPM, load_with_cheap_rows, 40),
        (PromptOrder.PSM_ANCHORED, load_with_dear_rows, 20),
        (PromptOrder.PSM_ANCHORED, load_with_cheap_rows, 20),
        (PromptOrder.PSM, load_with_dear_rows, 20),
    ],
)
async def test_greedy_output_is_the_same_with_and_without_reuse(
    order: PromptOrder, load: Loader, n_sequences: int
) -> None:
    chance = random.Random(f"{order}")
    # One thread each, as both run at once.
    reused = EngineConfig(prompt_order=order, n_threads=1)
    from_scratch = EngineConfig(prompt_order=order, n_threads=1, use_prefix_cache=False)
    n_reused = n_requests = 0
    async with Engine(reused, load=load) as cached, Engine(from_scratch, load=load) as plain:
        for n in range(n_sequences):
            editing = Editing.of(chance.choice(SOURCES).read_text("utf-8"), chance)
            # Three documents take turns, so that sequences are shared, cut and evicted.
            name = f"document {n % 3}"
            for _ in range(N_EDITS):
                editing.edit()
                wanted = request(editing, name, max_tokens=chance.choice((4, 8, 12)))
                one, other = await asyncio.gather(
                    cached.submit(wanted).result(), plain.submit(wanted).result()
                )
                assert answer(one) == answer(other)
                n_requests += 1
                n_reused += one.usage.n_reused_tokens > 0
                assert other.usage.n_reused_tokens == 0
    assert n_reused > n_requests / 3, "the test would show nothing"
