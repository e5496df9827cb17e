"""A model with recurrent layers: its state cannot be cut, so reuse goes by way of saved ones."""

from __future__ import annotations

import asyncio
import random
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
    FinishReason,
    Generation,
    GenerationRequest,
    GenerationResult,
    Priority,
    PromptOrder,
    SamplingParams,
    SpeculationMode,
    TokenPrompt,
)
from inference.engine import Loader
from tests.e2e.test_shapes import tiny, tiny_vocabulary
from tests.support.editing import Editing
from tests.support.fixed_costs import load_with_cheap_rows, load_with_dear_rows
from tests.support.tiny_hybrid import tiny_hybrid

pytestmark = pytest.mark.e2e

SOURCE = Path(__file__).read_text("utf-8")


@pytest.fixture(scope="module")
def model_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "hybrid.gguf"
    path.write_bytes(tiny_hybrid(arch=getattr(request, "param", "qwen35")).to_bytes())
    return path


def fim(
    editing: Editing, hint: str = "", priority: Priority = Priority.INLINE, max_tokens: int = 4
) -> GenerationRequest:
    return GenerationRequest(
        prompt=FimPrompt(prefix=editing.prefix, suffix=editing.suffix),
        sampling=SamplingParams(max_tokens=max_tokens),
        priority=priority,
        sequence_hint=hint,
    )


async def cancel_soon(generation: Generation, chance: random.Random) -> bool:
    """Whether the cancel came before the end."""
    await asyncio.sleep(chance.random() * 0.02)
    generation.cancel()
    return (await generation.result()).finish_reason is FinishReason.CANCELLED


def chat(tokens: tuple[int, ...], max_tokens: int = 6) -> GenerationRequest:
    return GenerationRequest(
        prompt=TokenPrompt(tokens=tokens),
        sampling=SamplingParams(max_tokens=max_tokens),
        priority=Priority.CHAT,
        sequence_hint="chat",
    )


def answer(result: GenerationResult) -> tuple[object, ...]:
    return result.text, result.token_ids, result.logprobs, result.finish_reason


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("model_path", "order", "load", "n_sessions"),
    [
        ("qwen35", PromptOrder.SPM, load_with_dear_rows, 60),
        ("qwen35", PromptOrder.SPM, load_with_cheap_rows, 60),
        ("qwen35", PromptOrder.PSM_ANCHORED, load_with_dear_rows, 60),
        ("qwen35", PromptOrder.PSM_ANCHORED, load_with_cheap_rows, 60),
        ("qwen3next", PromptOrder.PSM_ANCHORED, load_with_cheap_rows, 30),
    ],
    indirect=["model_path"],
)
async def test_editing_gives_the_same_bits_as_an_empty_cache(
    model_path: Path, order: PromptOrder, load: Loader, n_sessions: int
) -> None:
    """With cancelled requests in between, and others of a lower priority set aside."""
    chance = random.Random(f"{order}")
    config = EngineConfig(model_path=model_path, prompt_order=order, n_threads=1)
    plain_config = msgspec.structs.replace(config, use_prefix_cache=False)
    n_asked = n_evaluated = n_cancelled = 0
    async with Engine(config, load=load) as cached, Engine(plain_config, load=load) as plain:
        for n in range(n_sessions):
            editing = Editing.of(SOURCE, chance)
            aside = fim(editing, "aside", Priority.ACTION, max_tokens=20)
            set_aside = [cached.submit(aside), plain.submit(aside)]
            for _ in range(3):
                editing.edit()
                if chance.random() < 0.4:
                    n_cancelled += await cancel_soon(cached.submit(fim(editing, "doc")), chance)
                    editing.edit()
                wanted = fim(editing, f"doc {n % 3}", max_tokens=chance.choice((1, 4, 8)))
                one, other = await asyncio.gather(
                    cached.submit(wanted).result(), plain.submit(wanted).result()
                )
                assert answer(one) == answer(other)
                n_asked += one.usage.n_prompt_tokens
                n_evaluated += one.usage.n_evaluated_tokens
            one, other = [await generation.result() for generation in set_aside]
            assert answer(one) == answer(other)
    assert n_evaluated < 0.7 * n_asked, "the test would show little"
    assert n_cancelled > n_sessions / 10


async def test_k_quants_too_where_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "k-quant.gguf"
    write(path, tiny(SHAPES["qwen3.5-0.8b"]), "q4_k_m", tiny_vocabulary())
    chance = random.Random(9)
    editing = Editing.of(SOURCE, chance)
    config = EngineConfig(model_path=path, exact_reuse=True, n_threads=1)
    plain_config = msgspec.structs.replace(config, use_prefix_cache=False)
    load = load_with_cheap_rows
    async with Engine(config, load=load) as cached, Engine(plain_config, load=load) as plain:
        for _ in range(60):
            editing.edit()
            one, other = await asyncio.gather(
                cached.submit(fim(editing)).result(), plain.submit(fim(editing)).result()
            )
            assert answer(one) == answer(other)


async def test_an_edit_near_the_end_evaluates_little(tmp_path: Path) -> None:
    path = tmp_path / "long.gguf"
    shape = replace(tiny(SHAPES["qwen3.5-0.8b"]), n_ctx=8192)
    write(path, shape, "q8_0", tiny_vocabulary())
    chance = random.Random(5)
    tokens = [chance.randrange(256) for _ in range(4000)]
    async with Engine(EngineConfig(model_path=path)) as engine:
        first = await engine.submit(chat(tuple(tokens))).result()
        assert first.usage.n_evaluated_tokens == 4000
        for _ in range(20):
            left = chance.randint(3830, len(tokens))
            tokens = [*tokens[:left], *(chance.randrange(256) for _ in range(9))]
            usage = (await engine.submit(chat(tuple(tokens))).result()).usage
            assert usage.n_evaluated_tokens <= len(tokens) - left + 64


async def test_a_conversation_goes_on_from_its_state(model_path: Path) -> None:
    async with Engine(EngineConfig(model_path=model_path)) as engine:
        opening = tuple(SOURCE[:200].encode())
        first = await engine.submit(chat(opening)).result()
        second = await engine.submit(chat((*opening, *first.token_ids, 1, 2, 3))).result()
        # All but the last decoded token, which was never evaluated.
        assert second.usage.n_reused_tokens == 200 + len(first.token_ids) - 1
        # That state is of no use for going back, but one was saved before, at the prompt's end.
        again = await engine.submit(chat(opening)).result()
        assert again.usage.n_reused_tokens == 200
        assert answer(again) == answer(first)


async def test_cancels_leave_a_state_that_can_be_trusted(model_path: Path) -> None:
    chance = random.Random(4)
    config = EngineConfig(model_path=model_path)
    async with Engine(config, load=load_with_cheap_rows) as engine:
        tokens = tuple(SOURCE[:700].encode())
        expected = answer(await engine.submit(chat(tokens[:300])).result())
        for _ in range(30):
            running = engine.submit(chat(tokens[: chance.randint(200, 700)], max_tokens=100))
            await asyncio.sleep(chance.random() * 0.02)
            running.cancel()
            assert (await running.result()).finish_reason in FinishReason
            assert answer(await engine.submit(chat(tokens[:300])).result()) == expected


@pytest.mark.parametrize("speculate", [SpeculationMode.NEVER, SpeculationMode.ALWAYS])
async def test_an_answer_may_fill_the_context(model_path: Path, speculate: SpeculationMode) -> None:
    config = EngineConfig(model_path=model_path, n_ctx=512, n_threads=1, speculate=speculate)
    async with Engine(config, load=load_with_dear_rows) as engine:
        for n_prompt in (490, 510, 511):
            request = chat(tuple(10 + n % 50 for n in range(n_prompt)), max_tokens=10_000)
            result = await engine.submit(request).result()
            assert result.finish_reason is FinishReason.LENGTH
            # One more where nothing is evaluated beside the last token that is.
            n_most = 513 if speculate is SpeculationMode.NEVER else 512
            assert n_prompt + result.usage.n_decoded_tokens == n_most
