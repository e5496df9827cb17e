"""An engine that says what a test tells it to, when the test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

from inference import (
    BackendError,
    Chunk,
    DraftCounts,
    Engine,
    EngineConfig,
    EngineNotReadyError,
    EngineState,
    EngineStatus,
    FinishReason,
    GenerationRequest,
    GenerationResult,
    InferenceError,
    ModelError,
    ModelInfo,
    Usage,
)

Answering = Callable[[GenerationRequest], str | tuple[str, FinishReason | None]]
"""What is said, and how it ends if not by itself; None if it does not end."""

Clock = Callable[[], float]


class ScriptedGeneration:
    """One generation. Each character sent is one token. By a clock, in seconds, its time is true;
    without one it is always the same."""

    def __init__(
        self, generation_id: int, request: GenerationRequest, clock: Clock | None = None
    ) -> None:
        self.id = generation_id
        self.request = request
        self._clock = clock
        self._begun_at = clock() if clock else 0.0
        self.is_cancelled = False
        self.finishes_prompt = False
        self._text = ""
        self._logprobs: list[float] = []
        self._chunks: asyncio.Queue[Chunk | None] = asyncio.Queue()
        self._result: asyncio.Future[GenerationResult] = asyncio.Future()

    def send(self, text: str, *, logprob: float = -0.02) -> None:
        if self._result.done():
            return
        self._text += text
        self._logprobs += [logprob] * len(text)
        self._chunks.put_nowait(
            Chunk(text=text, token_ids=tuple(map(ord, text)), logprobs=(logprob,) * len(text))
        )

    def finish(self, reason: FinishReason = FinishReason.STOP) -> None:
        if self._result.done():
            return
        writing_ms = 1.0 if self._clock is None else 1000 * (self._clock() - self._begun_at)
        usage = Usage(
            n_prompt_tokens=10,
            n_reused_tokens=4,
            n_evaluated_tokens=6,
            n_decoded_tokens=len(self._text),
            drafters={"lookup": DraftCounts(3, 2)},
            queue_ms=0.5,
            prefill_ms=1.5,
            first_text_ms=2.0 if self._text else None,
            total_ms=2.0 + writing_ms,
        )
        self._result.set_result(
            GenerationResult(
                text=self._text,
                token_ids=tuple(map(ord, self._text)),
                logprobs=tuple(self._logprobs),
                finish_reason=reason,
                usage=usage,
            )
        )
        self._chunks.put_nowait(None)

    def fail(self, error: InferenceError) -> None:
        if self._result.done():
            return
        self._result.set_exception(error)
        self._result.exception()  # Retrieved: not every caller waits for the result.
        self._chunks.put_nowait(None)

    def cancel(self, *, finish_prompt: bool = False) -> None:
        self.is_cancelled = True
        self.finishes_prompt = finish_prompt
        self.finish(FinishReason.CANCELLED)

    @property
    def is_done(self) -> bool:
        return self._result.done()

    async def result(self) -> GenerationResult:
        return await asyncio.shield(self._result)

    def __aiter__(self) -> ScriptedGeneration:
        return self

    async def __anext__(self) -> Chunk:
        chunk = await self._chunks.get()
        if chunk is None:
            self._result.result()
            raise StopAsyncIteration
        return chunk


class ScriptedEngine:
    """Stands in for `inference.Engine`. `answer` None leaves generations to the test."""

    def __init__(
        self,
        config: EngineConfig,
        *,
        answer: Answering | None,
        load_error: ModelError | None = None,
        is_loading_held: bool = False,
        notice: str | None = None,
        supports_chat: bool = False,
        supports_fim: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self.config = config
        self.clock = clock
        self.notice = notice
        self.supports_chat = supports_chat
        self.supports_fim = supports_fim
        self.answer = answer
        self.generations: list[ScriptedGeneration] = []
        self.is_closed = False
        self._load_error = load_error
        self._error: str | None = None
        self._may_load = asyncio.Event()
        if not is_loading_held:
            self._may_load.set()
        self._state = EngineState.STOPPED
        self._on_status: Callable[[EngineStatus], None] = lambda _status: None

    @property
    def model(self) -> ModelInfo:
        path = self.config.model_path or Path("/builtin.gguf")
        return ModelInfo(
            name=path.stem,
            path=str(path),
            arch="scripted",
            n_params=1000,
            quantization="F32",
            n_ctx=2048,
            size_bytes=1,
            is_builtin=self.config.model_path is None,
            supports_fim=self.supports_fim,
            min_line_logprob=-20.0,
            supports_chat=self.supports_chat,
        )

    def start(self, on_status: Callable[[EngineStatus], None] | None = None) -> None:
        if on_status is not None:
            self._on_status = on_status
        self._set(EngineState.LOADING)

    def finish_loading(self) -> None:
        self._may_load.set()

    async def wait_ready(self) -> ModelInfo:
        await self._may_load.wait()
        if self._load_error is not None:
            self._error = str(self._load_error)
            self._set(EngineState.FAILED)
            raise self._load_error
        self._set(EngineState.READY)
        return self.model

    def status(self) -> EngineStatus:
        is_ready = self._state is EngineState.READY
        return EngineStatus(
            state=self._state,
            model=self.model if is_ready else None,
            backend="scripted",
            n_threads=1,
            load_progress=0.5 if self._state is EngineState.LOADING else None,
            notice=self.notice if is_ready else None,
            error=self._error,
        )

    def drafters(self) -> dict[str, DraftCounts]:
        return {"lookup": DraftCounts(3, 2)}

    def submit(self, request: GenerationRequest) -> ScriptedGeneration:
        if self._state is not EngineState.READY:
            raise EngineNotReadyError("Not ready.")
        generation = ScriptedGeneration(len(self.generations), request, self.clock)
        self.generations.append(generation)
        if self.answer is not None and not request.sampling.max_tokens:
            generation.finish(FinishReason.LENGTH)
        elif self.answer is not None:
            said = self.answer(request)
            text, reason = said if isinstance(said, tuple) else (said, FinishReason.STOP)
            generation.send(text)
            if reason is not None:
                generation.finish(reason)
        return generation

    def fail(self, error: str) -> None:
        """Break down at work, as a runtime may."""
        self._error = error
        self._set(EngineState.FAILED)
        for generation in self.generations:
            generation.fail(BackendError(error))

    async def close(self) -> None:
        self.is_closed = True
        for generation in self.generations:
            generation.cancel()
        self._set(EngineState.CLOSED)

    def _set(self, state: EngineState) -> None:
        self._state = state
        self._on_status(self.status())


class EngineMaker:
    """What the server calls to make engines; keeps those it made."""

    def __init__(self, answer: Answering | None = None) -> None:
        self.answer = answer
        self.load_errors: dict[Path | None, ModelError] = {}
        self.is_loading_held = False
        self.notice: str | None = None
        self.supports_chat = False
        self.supports_fim = True
        self.clock: Clock | None = None
        self.engines: list[ScriptedEngine] = []

    def __call__(self, config: EngineConfig) -> Engine:
        engine = ScriptedEngine(
            config,
            answer=self.answer,
            load_error=self.load_errors.get(config.model_path),
            is_loading_held=self.is_loading_held,
            notice=self.notice,
            supports_chat=self.supports_chat,
            supports_fim=self.supports_fim,
            clock=self.clock,
        )
        self.engines.append(engine)
        return cast("Engine", engine)

    async def submitted(self, n_generations: int) -> None:
        """Wait until the last engine was given that many requests."""
        while len(self.engine.generations) < n_generations:  # noqa: ASYNC110 - other tasks' work
            await asyncio.sleep(0)

    @property
    def engine(self) -> ScriptedEngine:
        """The last one made."""
        return self.engines[-1]

    @property
    def generation(self) -> ScriptedGeneration:
        """The last one submitted."""
        return self.engine.generations[-1]
