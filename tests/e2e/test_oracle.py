"""The benchmarks' oracle, over the real runtime and the built-in model."""

from __future__ import annotations

import pytest

from bench.oracle import Oracle
from inference import (
    Engine,
    EngineConfig,
    FinishReason,
    GenerationRequest,
    SamplingParams,
    SpeculationMode,
    TextPrompt,
)

pytestmark = pytest.mark.e2e

PROMPT = TextPrompt(text="def area(width, height):\n    return width * height\n\n")
OLD = "def volume(width, height, depth):\n    return width * height * depth\n"
NEW = "def volume(width, height, depth=1):\n    return area(width, height) * depth\n"


@pytest.mark.parametrize("old_text", ["", OLD, "nothing of the kind\n" * 9])
@pytest.mark.parametrize("mode", [SpeculationMode.NEVER, SpeculationMode.ALWAYS])
async def test_it_says_what_it_is_told_drafted_or_not(mode: SpeculationMode, old_text: str) -> None:
    oracle = Oracle()
    config = EngineConfig(speculate=mode, keep_logits=False)
    request = GenerationRequest(
        prompt=PROMPT, old_text=old_text, sampling=SamplingParams(max_tokens=200)
    )
    async with Engine(config, load=oracle.load) as engine:
        own_words = await engine.submit(request).result()
        answer = oracle.tokenize(NEW)
        oracle.expect(request, answer)
        told = await engine.submit(request).result()
        oracle.rest()
        assert (await engine.submit(request).result()).token_ids == own_words.token_ids
    assert told.text == NEW
    assert list(told.token_ids) == answer
    assert told.finish_reason is FinishReason.STOP
    n_accepted = sum(counts.n_accepted for counts in told.usage.drafters.values())
    assert told.usage.n_steps == len(answer) + 1 - n_accepted
    # How many more rows are worth their time depends on the machine, but a second row is free here.
    if mode is SpeculationMode.NEVER:
        assert n_accepted == 0
    elif old_text == OLD:
        assert told.usage.drafters["old-text"].n_accepted > 0
