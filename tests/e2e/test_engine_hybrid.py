"""A model with recurrent layers: its state cannot be cut, so reuse is all or nothing."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from inference import (
    Engine,
    EngineConfig,
    FimPrompt,
    FinishReason,
    GenerationRequest,
    GenerationResult,
    Priority,
    SamplingParams,
    TokenPrompt,
)
from tests.support.editing import Editing
from tests.support.tiny_hybrid import tiny_hybrid

pytestmark = pytest.mark.e2e

SOURCE = Path(__file__).read_text("utf-8")


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "hybrid.gguf"
    path.write_bytes(tiny_hybrid().to_bytes())
    return path


def chat(tokens: tuple[int, ...], max_tokens: int = 6) -> GenerationRequest:
    return GenerationRequest(
        prompt=TokenPrompt(tokens=tokens),
        sampling=SamplingParams(max_tokens=max_tokens),
        priority=Priority.CHAT,
        sequence_hint="chat",
    )


def answer(result: GenerationResult) -> tuple[object, ...]:
    return result.text, result.token_ids, result.logprobs, result.finish_reason


async def test_editing_gives_the_same_bits_as_an_empty_cache(model_path: Path) -> None:
    chance = random.Random(3)
    editing = Editing.of(SOURCE, chance)
    config = EngineConfig(model_path=model_path)
    plain_config = EngineConfig(model_path=model_path, use_prefix_cache=False)
    async with Engine(config) as cached, Engine(plain_config) as plain:
        for _ in range(40):
            editing.edit()
            prompt = FimPrompt(prefix=editing.prefix[-300:], suffix=editing.suffix[:100])
            request = GenerationRequest(prompt=prompt, sampling=SamplingParams(max_tokens=4))
            one, other = await asyncio.gather(
                cached.submit(request).result(), plain.submit(request).result()
            )
            assert answer(one) == answer(other)


async def test_a_conversation_goes_on_from_its_state(model_path: Path) -> None:
    async with Engine(EngineConfig(model_path=model_path)) as engine:
        opening = tuple(SOURCE[:200].encode())
        first = await engine.submit(chat(opening)).result()
        second = await engine.submit(chat((*opening, *first.token_ids, 1, 2, 3))).result()
        # All but the last decoded token, which was never evaluated.
        assert second.usage.n_reused_tokens == 200 + len(first.token_ids) - 1
        # Going back to the beginning cannot use that state any more.
        again = await engine.submit(chat(opening)).result()
        assert again.usage.n_reused_tokens == 0
        assert answer(again) == answer(first)


async def test_cancels_leave_a_state_that_can_be_trusted(model_path: Path) -> None:
    chance = random.Random(4)
    async with Engine(EngineConfig(model_path=model_path)) as engine:
        tokens = tuple(SOURCE[:700].encode())
        expected = answer(await engine.submit(chat(tokens[:300])).result())
        for _ in range(30):
            running = engine.submit(chat(tokens[: chance.randint(200, 700)], max_tokens=100))
            await asyncio.sleep(chance.random() * 0.02)
            running.cancel()
            assert (await running.result()).finish_reason in FinishReason
            assert answer(await engine.submit(chat(tokens[:300])).result()) == expected
