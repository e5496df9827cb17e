"""The engine's asyncio face, on a toy model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest

from inference.backends.base import Span
from inference.config import EngineConfig
from inference.engine import Engine
from inference.errors import (
    BackendError,
    EngineClosedError,
    EngineNotReadyError,
    InvalidModelError,
)
from inference.loading import LoadedModel
from inference.types import (
    EngineState,
    EngineStatus,
    FinishReason,
    GenerationRequest,
    Priority,
    SamplingParams,
    TextPrompt,
)
from tests.support.fake_backend import FakeBackend, FakeLoader, failing, spelling


def request(
    text: str = "x", *, max_tokens: int = 8, priority: Priority = Priority.INLINE
) -> GenerationRequest:
    return GenerationRequest(
        prompt=TextPrompt(text=text),
        sampling=SamplingParams(max_tokens=max_tokens),
        priority=priority,
    )


@asynccontextmanager
async def engine_on(
    prepare: Callable[[FakeBackend], None] = lambda _backend: None,
) -> AsyncGenerator[tuple[Engine, FakeBackend]]:
    loader = FakeLoader(prepare)
    async with Engine(load=loader) as engine:
        assert loader.backend is not None
        yield engine, loader.backend


def always_a(_tokens: list[int]) -> int:
    return ord("a")


def endless(backend: FakeBackend) -> None:
    backend.predict = always_a
    backend.n_ctx = 1_000_000


async def test_text_is_streamed_and_the_result_has_all_of_it() -> None:
    def prepare(backend: FakeBackend) -> None:
        backend.predict = spelling(b"hello")

    async with engine_on(prepare) as (engine, _):
        generation = engine.submit(request())
        texts = [chunk.text async for chunk in generation]
        result = await generation.result()
    assert "".join(texts) == result.text == "hello"
    assert result.finish_reason is FinishReason.STOP


async def test_the_result_needs_no_iteration_and_can_be_had_twice() -> None:
    async with engine_on() as (engine, _):
        generation = engine.submit(request())
        assert await generation.result() == await generation.result()


async def test_states_in_order() -> None:
    seen: list[EngineStatus] = []
    loader = FakeLoader()
    engine = Engine(load=loader)
    assert engine.status().state is EngineState.STOPPED
    engine.start(seen.append)
    assert engine.status().state is EngineState.LOADING
    info = await engine.wait_ready()
    assert info.name == "toy"
    assert engine.status().model == info
    assert engine.status().backend == "toy"
    await engine.close()
    await engine.close()
    states = [status.state for status in seen]
    assert states[0] is EngineState.LOADING
    assert states[-2:] == [EngineState.READY, EngineState.CLOSED]
    progress = [s.load_progress for s in seen if s.load_progress is not None]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert loader.backend is not None
    assert loader.backend.is_closed


async def test_start_and_submit_do_not_wait_for_the_model() -> None:
    loader = FakeLoader()
    loader.may_load.clear()
    engine = Engine(load=loader)
    engine.start()
    with pytest.raises(EngineNotReadyError):
        engine.submit(request())
    loader.may_load.set()
    await engine.wait_ready()
    await engine.submit(request()).result()
    await engine.close()


async def test_closing_while_loading_stops_the_loading() -> None:
    loader = FakeLoader()
    loader.may_load.clear()
    engine = Engine(load=loader)
    engine.start()
    waiting = asyncio.ensure_future(engine.wait_ready())
    await asyncio.sleep(0)
    await engine.close()
    with pytest.raises(EngineClosedError):
        await waiting
    assert loader.backend is None


async def test_a_model_that_cannot_be_loaded_fails_the_engine_with_its_error() -> None:
    def load(_config: EngineConfig, _report: Callable[[float], bool]) -> LoadedModel:
        raise InvalidModelError("This is no model.")

    engine = Engine(load=load)
    engine.start()
    with pytest.raises(InvalidModelError):
        await engine.wait_ready()
    assert engine.status() == EngineStatus(state=EngineState.FAILED, error="This is no model.")
    with pytest.raises(EngineNotReadyError, match="no model"):
        engine.submit(request())
    await engine.close()
    assert engine.status().state is EngineState.CLOSED


async def test_a_crash_while_loading_fails_the_engine() -> None:
    def load(_config: EngineConfig, _report: Callable[[float], bool]) -> LoadedModel:
        raise RuntimeError("a bug")

    with pytest.raises(BackendError, match="a bug"):
        async with Engine(load=load):
            pass


async def test_a_failing_runtime_ends_every_generation_and_the_engine() -> None:
    async with engine_on(endless) as (engine, backend):
        running = [engine.submit(request(max_tokens=10_000)) for _ in range(3)]
        await anext(running[0])
        backend.during_evaluation = failing("out of memory")
        for generation in running:
            with pytest.raises(BackendError, match="out of memory"):
                await generation.result()
            with pytest.raises(BackendError):
                async for _ in generation:
                    pass
        assert engine.status().state is EngineState.FAILED
        assert "out of memory" in (engine.status().error or "")
        with pytest.raises(EngineNotReadyError, match="out of memory"):
            engine.submit(request())
    assert backend.is_closed


async def test_a_cancel_while_the_runtime_fails_keeps_no_other_from_its_end() -> None:
    loop = asyncio.get_running_loop()
    async with engine_on(endless) as (engine, backend):
        stopped = engine.submit(request(max_tokens=10_000))
        other = engine.submit(request(max_tokens=10_000))
        await anext(stopped)

        async def cancel() -> None:
            stopped.cancel()

        def fail(_span: Span) -> None:
            asyncio.run_coroutine_threadsafe(cancel(), loop).result()
            raise BackendError("out of memory")

        backend.during_evaluation = fail
        with pytest.raises(BackendError, match="out of memory"):
            await asyncio.wait_for(other.result(), 10)
        assert (await stopped.result()).finish_reason is FinishReason.CANCELLED


async def test_closing_ends_running_and_waiting_generations() -> None:
    async with engine_on(endless) as (engine, _):
        generations = [engine.submit(request(max_tokens=10_000)) for _ in range(3)]
        await anext(generations[0])
    for generation in generations:
        with pytest.raises(EngineClosedError):
            await generation.result()
    with pytest.raises(EngineClosedError):
        engine.submit(request())


async def test_a_cancel_wakes_the_iteration_and_the_result_tells_of_it() -> None:
    async with engine_on(endless) as (engine, backend):
        generation = engine.submit(request(max_tokens=10_000))
        async for _ in generation:
            generation.cancel()
            generation.cancel()
        result = await generation.result()
        assert result.finish_reason is FinishReason.CANCELLED
        n_calls = len(backend.calls)
        await engine.submit(request(max_tokens=1)).result()
        # Whatever is evaluated after the end is the other request's.
        assert len({span.sequence for span in backend.calls[n_calls:]}) <= 1


async def test_a_cancel_is_seen_before_a_later_request() -> None:
    async with engine_on(endless) as (engine, _):
        first = engine.submit(request("a", max_tokens=10_000))
        await anext(first)
        first.cancel()
        second = engine.submit(request("b", max_tokens=1))
        await second.result()
        assert (await first.result()).finish_reason is FinishReason.CANCELLED


async def test_cancelling_who_waits_for_the_result_does_not_cancel_the_generation() -> None:
    async with engine_on() as (engine, _):
        generation = engine.submit(request())
        waiting = asyncio.ensure_future(generation.result())
        await asyncio.sleep(0)
        waiting.cancel()
        assert (await generation.result()).finish_reason is not FinishReason.CANCELLED


async def test_nobody_listening_does_not_hold_up_the_engine() -> None:
    async with engine_on(endless) as (engine, _):
        generation = engine.submit(request(max_tokens=3000))
        assert len((await generation.result()).token_ids) == 3000
        assert len([chunk async for chunk in generation]) == 3000


async def test_many_generations_at_once_end_once_each() -> None:
    async with engine_on() as (engine, _):
        generations = [
            engine.submit(request("x" * (n % 40 + 1), priority=Priority(n % 4))) for n in range(100)
        ]
        results = await asyncio.gather(*(generation.result() for generation in generations))
    assert len(results) == 100
    assert len({generation.id for generation in generations}) == 100


async def test_a_listener_that_fails_is_not_the_engines_problem() -> None:
    """An exception in `on_status` is the loop's, as for any callback."""
    caught: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: caught.append(context))

    def listen(status: EngineStatus) -> None:
        if status.state is EngineState.READY:
            raise ValueError

    engine = Engine(load=FakeLoader())
    engine.start(listen)
    await engine.wait_ready()
    await engine.submit(request()).result()
    await engine.close()
    assert caught


async def test_the_status_says_how_many_threads_are_used_now() -> None:
    def prepare(backend: FakeBackend) -> None:
        backend.predict = always_a
        backend.n_threads = 2

        def wait_for_a_core(_span: Span) -> None:
            if backend.n_threads == 2:
                time.sleep(0.012)

        backend.during_evaluation = wait_for_a_core

    async with engine_on(prepare) as (engine, _):
        assert engine.status().n_threads == 2
        await engine.submit(request(max_tokens=5)).result()
        assert engine.status().n_threads == 1


async def test_an_engine_is_started_once() -> None:
    async with Engine(load=FakeLoader()) as engine:
        with pytest.raises(RuntimeError):
            engine.start()


async def test_an_engine_that_never_started_can_be_closed() -> None:
    engine = Engine(load=FakeLoader())
    with pytest.raises(EngineNotReadyError):
        await engine.wait_ready()
    await engine.close()
    assert engine.status().state is EngineState.CLOSED


async def test_the_backend_is_refused_to_other_threads() -> None:
    async with engine_on() as (_, backend):
        with pytest.raises(AssertionError, match="foreign thread"):
            backend.evaluate([Span(0, 0, [1])])
