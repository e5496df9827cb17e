"""The engine as a library, on the built-in model and the real runtime."""

from __future__ import annotations

import asyncio
import gc
import random
from pathlib import Path

import psutil
import pytest

from inference import (
    Engine,
    EngineClosedError,
    EngineConfig,
    EngineState,
    EngineStatus,
    FimPrompt,
    FinishReason,
    GenerationRequest,
    InvalidModelError,
    ModelError,
    ModelNotFoundError,
    Priority,
    PromptTooLongError,
    SamplingParams,
    TextPrompt,
    builtin_model_path,
)

pytestmark = pytest.mark.e2e

SOURCE = (Path(__file__).parents[2] / "inference" / "prefix_cache.py").read_text("utf-8")
PLACE = SOURCE.index("    def record(")


def inline(
    typed: str = "",
    *,
    max_tokens: int = 16,
    priority: Priority = Priority.INLINE,
    **params: float,
) -> GenerationRequest:
    sampling = SamplingParams(max_tokens=max_tokens, **params)  # pyright: ignore[reportArgumentType]
    prompt = FimPrompt(prefix=SOURCE[:PLACE] + typed, suffix=SOURCE[PLACE:])
    return GenerationRequest(
        prompt=prompt, sampling=sampling, priority=priority, sequence_hint="file:///a.py"
    )


def endless(
    text: str = "def f(x):\n    return [", priority: Priority = Priority.CHAT
) -> GenerationRequest:
    # Sampled hot, it does not come to an end by itself soon.
    sampling = SamplingParams(max_tokens=100_000, temperature=2.0, top_k=0, top_p=1.0)
    return GenerationRequest(prompt=TextPrompt(text=text), sampling=sampling, priority=priority)


async def test_a_prompt_that_is_read_ahead_is_that_of_the_first_key() -> None:
    """In a context that is hardly longer than the window, whatever either may generate."""
    starts = [n for n, char in enumerate(SOURCE) if char == "\n"][100::20]
    assert len(starts) > 5
    async with Engine() as engine:
        for start in starts:
            prompt = FimPrompt(prefix=SOURCE[:start], suffix=SOURCE[start:])
            key = GenerationRequest(prompt=prompt, sampling=SamplingParams(max_tokens=96))
            ahead = GenerationRequest(
                prompt=prompt,
                sampling=SamplingParams(max_tokens=0),
                answer_tokens=96,
                priority=Priority.WARMUP,
            )
            await engine.submit(ahead).result()
            assert (await engine.submit(key).result()).usage.n_evaluated_tokens <= 1


async def test_a_file_is_completed() -> None:
    async with Engine() as engine:
        status = engine.status()
        assert status.state is EngineState.READY
        assert status.model is not None
        assert status.model.is_builtin
        assert status.model.n_ctx == 2048
        generation = engine.submit(inline("    def size(self) -> int:\n        retu"))
        text = "".join([chunk.text async for chunk in generation])
        result = await generation.result()
    assert text == result.text
    assert text.startswith("rn")
    assert result.usage.n_decoded_tokens >= len(result.token_ids) > 0
    assert result.mean_logprob is not None
    assert -10 < result.mean_logprob <= 0


async def test_typing_evaluates_little_and_changes_nothing() -> None:
    line = "    def size(self) -> int:"
    async with Engine() as engine:
        for n in range(1, len(line) + 1):
            usage = (await engine.submit(inline(line[:n])).result()).usage
            assert usage.n_prompt_tokens == usage.n_reused_tokens + usage.n_evaluated_tokens
            if n > 1:
                assert usage.n_evaluated_tokens <= 4


async def test_a_seed_decides_what_is_drawn() -> None:
    async with Engine() as engine:

        async def text(seed: int) -> str:
            request = inline("    def ", temperature=1.5, seed=seed, top_k=0)
            return (await engine.submit(request).result()).text

        assert await text(1) == await text(1)
        assert len({await text(seed) for seed in range(5)}) > 1


async def test_stop_strings_and_limits() -> None:
    async with Engine() as engine:
        free = await engine.submit(inline(max_tokens=24)).result()
        assert len(free.token_ids) > 2, "the place should give several tokens"
        stop = free.text[len(free.text) // 2 :]
        stopped = await engine.submit(inline(max_tokens=24, stop=(stop,))).result()  # pyright: ignore[reportArgumentType]
        assert stopped.text == free.text.partition(stop)[0]
        assert stopped.finish_reason is FinishReason.STOP
        short = await engine.submit(inline(max_tokens=2)).result()
        assert (len(short.token_ids), short.finish_reason) == (2, FinishReason.LENGTH)


@pytest.mark.parametrize("after_tokens", [0, 1, 5])
async def test_a_cancelled_engine_is_idle_at_once(after_tokens: int) -> None:
    """In prefill (no token yet) and while decoding."""
    async with Engine() as engine:
        generation = engine.submit(endless(SOURCE[:4000]))
        for _ in range(after_tokens):
            await anext(generation)
        generation.cancel()
        result = await generation.result()
        assert result.finish_reason is FinishReason.CANCELLED
        # At most one step after those whose tokens were seen, plus what ran before the cancel.
        other = await engine.submit(inline(max_tokens=1)).result()
        assert other.finish_reason is not FinishReason.CANCELLED
        assert result.usage.n_decoded_tokens <= after_tokens + 64


@pytest.mark.timeout(300)
async def test_five_hundred_random_cancels_end_once_each() -> None:
    chance = random.Random(7)
    async with Engine() as engine:
        ends: list[FinishReason] = []

        async def use(number: int) -> None:
            request = (
                inline("x" * (number % 7), max_tokens=20, priority=Priority(number % 4))
                if number % 3
                else endless()
            )
            generation = engine.submit(request)
            wait = chance.random() * 0.03
            asyncio.get_running_loop().call_later(wait, generation.cancel)
            n_chunks = 0
            async for _ in generation:
                n_chunks += 1
            result = await generation.result()
            assert n_chunks <= len(result.token_ids) + 1
            ends.append(result.finish_reason)

        waiting: set[asyncio.Task[None]] = set()
        for number in range(500):
            waiting.add(asyncio.ensure_future(use(number)))
            await asyncio.sleep(chance.random() * 0.01)
            if len(waiting) > 6:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        await asyncio.gather(*waiting)
        assert len(ends) == 500
        assert ends.count(FinishReason.CANCELLED) > 100
        # Nothing is left: the next request is served, and reuses what is cached.
        assert (await engine.submit(inline(max_tokens=4)).result()).token_ids


async def test_inline_goes_before_a_running_chat_which_then_goes_on() -> None:
    async with Engine() as engine:
        chat = engine.submit(endless(SOURCE[:2000]))
        await anext(chat)
        before = await engine.submit(inline(max_tokens=4)).result()
        assert before.token_ids
        await anext(chat)
        chat.cancel()
        assert (await chat.result()).usage.n_reused_tokens == 0


async def test_a_prompt_that_is_too_long_fails_alone() -> None:
    async with Engine() as engine:
        for text in ("x y " * 3000, "x" * 10_000_000):
            generation = engine.submit(GenerationRequest(prompt=TextPrompt(text=text)))
            with pytest.raises(PromptTooLongError):
                await generation.result()
        assert (await engine.submit(inline()).result()).token_ids


async def test_huge_and_odd_texts_are_completed_or_not_but_harmless() -> None:
    async with Engine() as engine:
        for prefix, suffix in (
            ("", ""),
            ("x" * 5_000_000, "y" * 5_000_000),
            ("\0" * 100, "\udc80 \ud83d"),
            ("a\rb\r", "\u2028\x85"),
            ("日本語" * 3000, "🙂" * 3000),
            ("\n" * 20_000, "\r\n" * 20_000),
            (" " * 10_000, ""),
            ("<|fim_middle|><|endoftext|>", "<|fim_prefix|>"),
        ):
            request = GenerationRequest(
                prompt=FimPrompt(prefix=prefix, suffix=suffix),
                sampling=SamplingParams(max_tokens=3),
            )
            result = await engine.submit(request).result()
            assert result.usage.n_prompt_tokens <= 2048


async def test_the_window_fits_whatever_is_asked_for() -> None:
    async with Engine(EngineConfig(n_ctx=512)) as engine:
        model = engine.status().model
        assert model is not None
        assert model.n_ctx == 512
        result = await engine.submit(inline(max_tokens=10_000)).result()
        assert result.usage.n_prompt_tokens < 512


async def test_closing_ends_what_runs() -> None:
    engine = Engine()
    engine.start()
    await engine.wait_ready()
    generation = engine.submit(endless())
    await anext(generation)
    await engine.close()
    with pytest.raises(EngineClosedError):
        await generation.result()


async def test_closing_at_once_is_clean() -> None:
    for delay in (0, 0.01, 0.05, 0.1):
        engine = Engine()
        engine.start()
        await asyncio.sleep(delay)
        await engine.close()
        assert engine.status().state is EngineState.CLOSED


async def test_loading_tells_how_far_it_is() -> None:
    seen: list[EngineStatus] = []
    engine = Engine()
    engine.start(seen.append)
    await engine.wait_ready()
    await engine.close()
    progress = [status.load_progress for status in seen if status.load_progress is not None]
    assert len(progress) > 1
    assert progress == sorted(progress)


async def test_memory_is_freed() -> None:
    process = psutil.Process()

    async def use() -> None:
        async with Engine() as engine:
            await engine.submit(inline()).result()

    await use()
    gc.collect()
    first = process.memory_info().rss
    for _ in range(5):
        await use()
    gc.collect()
    grown = process.memory_info().rss - first
    assert grown < 16 * 2**20, f"{grown / 2**20:.1f} MiB more after five engines"


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, ModelNotFoundError), (b"no model", InvalidModelError), (b"", InvalidModelError)],
)
async def test_a_file_that_is_no_model(
    tmp_path: Path, content: bytes | None, expected: type[ModelError]
) -> None:
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    engine = Engine(EngineConfig(model_path=path))
    engine.start()
    with pytest.raises(expected) as caught:
        await engine.wait_ready()
    assert engine.status().state is EngineState.FAILED
    assert engine.status().error == str(caught.value)
    await engine.close()


async def test_a_truncated_model(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    whole = builtin_model_path().read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidModelError):
        async with Engine(EngineConfig(model_path=path)):
            pass
