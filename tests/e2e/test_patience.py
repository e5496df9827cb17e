"""With the real model: a shorter prompt where there is no patience, the whole once it is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from inference import (
    Engine,
    EngineConfig,
    FimPrompt,
    GenerationRequest,
    GenerationResult,
    Priority,
    SamplingParams,
    TokenPrompt,
)
from inference.loading import LoadedModel
from inference.patience import MIN_WINDOW_TOKENS
from tests.support.fixed_costs import load_with_dear_rows

pytestmark = pytest.mark.e2e

SOURCE = (Path(__file__).parents[2] / "inference" / "prefix_cache.py").read_text()
AT = SOURCE.index("    def acquire(")
NONE_AT_ALL = 1e-6


def key(typed: str) -> GenerationRequest:
    return GenerationRequest(
        prompt=FimPrompt(prefix=SOURCE[:AT] + typed, suffix=SOURCE[AT:]),
        sampling=SamplingParams(max_tokens=12),
        sequence_hint="a.py",
        patience_ms=NONE_AT_ALL,
    )


def reading(n_tokens: int) -> GenerationRequest:
    return GenerationRequest(
        prompt=TokenPrompt(tokens=tuple(range(100, 100 + n_tokens))),
        sampling=SamplingParams(max_tokens=0),
        priority=Priority.WARMUP,
    )


async def test_the_whole_is_read_behind_the_nearest_lines_and_answers_are_their_prompts() -> None:
    loaded: list[LoadedModel] = []

    def load(config: EngineConfig, report: Callable[[float], bool]) -> LoadedModel:
        loaded.append(load_with_dear_rows(config, report))
        return loaded[-1]

    config = EngineConfig(use_token_healing=False, use_cache_model=False)
    naive = EngineConfig(use_token_healing=False, use_cache_model=False, use_prefix_cache=False)
    quick = Engine(config, load=load_with_dear_rows)
    async with quick as engine, Engine(naive, load=load) as plain:
        await engine.submit(reading(256)).result()  # Now it knows how quick it is.

        async def ask(typed: str, *, is_whole: bool) -> GenerationResult:
            request = key(typed)
            result = await engine.submit(request).result()
            assert (result.usage.n_put_off_tokens == 0) == is_whole
            n_window = None if is_whole else MIN_WINDOW_TOKENS
            tokens = loaded[0].prompts.build(request, window_tokens=n_window).tokens
            assert len(tokens) == result.usage.n_prompt_tokens
            prompt = TokenPrompt(tokens=tuple(tokens))
            alone = GenerationRequest(prompt=prompt, sampling=request.sampling)
            expected = await plain.submit(alone).result()
            assert result.text == expected.text
            assert result.token_ids == expected.token_ids
            return result

        first = await ask("    def n", is_whole=False)
        assert first.usage.n_evaluated_tokens <= MIN_WINDOW_TOKENS + 8
        # Of two requests of the lowest priority the first comes first.
        await engine.submit(reading(8)).result()
        second = await ask("    def nu", is_whole=True)
        assert second.usage.n_prompt_tokens > 3 * first.usage.n_prompt_tokens
