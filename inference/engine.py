"""The engine's asyncio face: a thread that owns the model, and the way to it and back.

Towards the thread: `Runner.submit` and `cancel` append to queues and wake it. Back: every event is
a call in the `Outbox`, made on the loop in order, so that all state of this class but the runner
is the loop's own.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self

import msgspec

from inference.backends.base import LoadCancelledError
from inference.config import EngineConfig
from inference.errors import (
    BackendError,
    EngineClosedError,
    EngineNotReadyError,
    InferenceError,
)
from inference.generation import Generation
from inference.job import Event, Job
from inference.loading import LoadedModel, load_model
from inference.outbox import Outbox
from inference.runner import Runner
from inference.types import (
    Chunk,
    DraftCounts,
    EngineState,
    EngineStatus,
    GenerationRequest,
    ModelInfo,
    Priority,
)

_log = logging.getLogger(__name__)
_PROGRESS_STEP = 0.02
StatusListener = Callable[[EngineStatus], None]
Loader = Callable[[EngineConfig, Callable[[float], bool]], LoadedModel]


class Engine:
    """A model on a thread of its own.

        async with Engine() as engine:
            generation = engine.submit(GenerationRequest(prompt=TextPrompt(text="def ")))
            async for chunk in generation:
                ...

    All methods are for the event loop on which it was started. An engine is started and closed
    once; another model is another engine.
    """

    def __init__(self, config: EngineConfig | None = None, *, load: Loader = load_model) -> None:
        """
        Args:
            load: makes a model ready to use, on the engine thread.
        """
        self._config = config or EngineConfig()
        self._load = load
        self._status = EngineStatus(state=EngineState.STOPPED)
        self._on_status: StatusListener | None = None
        self._thread: threading.Thread | None = None
        self._error: InferenceError | None = None
        self._decided = asyncio.Event()
        self._stopped = asyncio.Event()
        self._runner: Runner | None = None
        self._is_closing = False
        self._work = threading.Condition()

    async def __aenter__(self) -> Self:
        self.start()
        try:
            await self.wait_ready()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def start(self, on_status: StatusListener | None = None) -> None:
        """Starts the thread, which loads the model, and returns at once.

        Args:
            on_status: called on the loop at each change of the status.
        """
        if self._thread is not None or self._status.state is not EngineState.STOPPED:
            raise RuntimeError("an engine is started once")
        self._on_status = on_status
        outbox = Outbox(asyncio.get_running_loop())
        self._outbox = outbox
        self._set_status(EngineStatus(state=EngineState.LOADING, load_progress=0.0))
        self._thread = threading.Thread(
            target=self._main, args=(outbox,), name="sotto-engine", daemon=True
        )
        self._thread.start()

    async def wait_ready(self) -> ModelInfo:
        """Waits until the model can be used. Raises the `InferenceError` that prevents it."""
        if self._status.state is EngineState.STOPPED:
            raise EngineNotReadyError("The engine was not started.")
        await self._decided.wait()
        if self._error is not None:
            raise self._error
        if self._status.model is None:
            raise EngineClosedError("The engine was closed before the model was loaded.")
        return self._status.model

    def status(self) -> EngineStatus:
        if self._runner is None or self._status.state is not EngineState.READY:
            return self._status
        return msgspec.structs.replace(self._status, n_threads=self._runner.n_threads)

    def drafters(self) -> dict[str, DraftCounts]:
        """What each drafter has drafted since the model was loaded, and how much was right."""
        return {} if self._runner is None else self._runner.drafters

    def submit(self, request: GenerationRequest) -> Generation:
        """Queues a request. Raises `EngineNotReadyError` or `EngineClosedError`."""
        if self._is_closing or self._status.state is EngineState.CLOSED:
            raise EngineClosedError("The engine was closed.")
        runner = self._runner
        if runner is None or self._status.state is not EngineState.READY:
            reason = self._status.error or "No model is loaded yet; try again soon."
            raise EngineNotReadyError(reason)
        outbox = self._outbox

        # A suggestion is cut short by what comes of it; other text is only read.
        is_read = request.priority is not Priority.INLINE

        def tell(event: Event) -> None:
            may_wait = is_read and isinstance(event, Chunk)
            outbox.put(lambda: generation.receive(event), may_wait=may_wait)

        job = Job(request, tell)
        generation = Generation(job.id, cancel=partial(runner.cancel, job))
        runner.submit(job)
        return generation

    async def close(self) -> None:
        """Ends all work with `EngineClosedError`, frees the model and ends the thread.

        Idempotent, and safe while the model is being loaded.
        """
        self._is_closing = True
        if self._thread is not None:
            if self._runner is not None:
                self._runner.interrupt()
            self._wake()
            await self._stopped.wait()
            self._thread.join()
        self._decided.set()
        if self._status.state is not EngineState.CLOSED:
            self._set_status(EngineStatus(state=EngineState.CLOSED))

    def _set_status(self, status: EngineStatus) -> None:
        self._status = status
        if self._on_status is not None:
            self._on_status(status)

    def _ready(self, runner: Runner, status: EngineStatus) -> None:
        self._runner = runner
        self._decided.set()
        self._set_status(status)

    def _failed(self, error: InferenceError) -> None:
        self._error = error
        self._runner = None
        self._decided.set()
        self._set_status(EngineStatus(state=EngineState.FAILED, error=str(error)))

    def _wake(self) -> None:
        with self._work:
            self._work.notify()

    # The rest runs on the engine thread.

    def _main(self, outbox: Outbox) -> None:
        model: LoadedModel | None = None
        try:
            model = self._load(self._config, self._progress_report(outbox))
            self._serve(model, outbox)
        except LoadCancelledError:
            _log.debug("loading was given up")
        except InferenceError as error:
            _log.warning("%s", error)
            outbox.put(lambda error=error: self._failed(error))
        except Exception as error:  # noqa: BLE001 - no load may end the process
            _log.exception("the model could not be loaded")
            failure = BackendError(f"The runtime failed while loading the model: {error}")
            outbox.put(lambda: self._failed(failure))
        finally:
            if model is not None:
                model.backend.close()
            outbox.put(self._stopped.set)

    def _progress_report(self, outbox: Outbox) -> Callable[[float], bool]:
        reported = 0.0

        def report(progress: float) -> bool:
            nonlocal reported
            if progress - reported >= _PROGRESS_STEP:
                reported = progress
                status = EngineStatus(state=EngineState.LOADING, load_progress=min(progress, 1.0))
                outbox.put(lambda: self._set_status(status))
            return not self._is_closing

        return report

    def _serve(self, model: LoadedModel, outbox: Outbox) -> None:
        """Steps until the engine is closed or the runtime fails."""
        runner = Runner(
            model.backend,
            model.prompts,
            use_prefix_cache=self._config.use_prefix_cache,
            keep_logits=self._config.keep_logits,
            share_decodes=self._config.share_decodes,
            speculation=model.speculation,
            adapt_threads=self._config.adapt_threads,
            wake=self._wake,
        )
        status = EngineStatus(
            state=EngineState.READY,
            model=model.info,
            backend=model.backend.name,
            n_threads=model.backend.n_threads,
            notice=model.notice,
        )
        outbox.put(lambda: self._ready(runner, status))
        try:
            while not self._is_closing:
                is_busy = runner.step() or runner.idle()
                outbox.flush(all_of_them=not is_busy)
                if not is_busy:
                    with self._work:
                        self._work.wait_for(lambda: runner.has_work or self._is_closing)
        except Exception as error:  # noqa: BLE001 - reaches every waiter instead
            _log.exception("the runtime failed")
            failure = BackendError(
                f"The model's runtime failed: {error} Choose another model if it happens again."
            )
            # First the status, so that nobody submits to a runner that no longer runs.
            outbox.put(lambda: self._failed(failure))
            outbox.put(lambda: runner.fail_all(failure))
            return
        runner.fail_all(EngineClosedError("The engine was closed."))
