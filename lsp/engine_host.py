"""The engine's life inside the server: load, fall back, replace, close; and what is said of it."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import msgspec

from inference import (
    DraftCounts,
    Engine,
    EngineConfig,
    EngineState,
    EngineStatus,
    InferenceError,
    ModelInfo,
)
from lsp.client import Client, Progress
from lsp.settings import ModelSettings

logger = logging.getLogger(__name__)

_MAX_RECOVERIES = 3
_FAILURE_WINDOW_S = 600.0
_MINUTE_S = 60.0

MakeEngine = Callable[[EngineConfig], Engine]
Ready = tuple[Engine, ModelInfo]


class EngineHost:
    """Keeps the engine the settings ask for. One model is in memory at a time."""

    def __init__(
        self,
        client: Client,
        *,
        model_path: Path | None = None,
        make_engine: MakeEngine = Engine,
        on_change: Callable[[], None],
        on_replace: Callable[[], None],
    ) -> None:
        """`model_path` is the command line's and wins over the settings. On the event loop,
        `on_change` is called whenever `status` or `message` may have changed, and `on_replace`
        before a model that works gives way to another."""
        self._client = client
        self._model_path = model_path
        self._make_engine = make_engine
        self._on_change = on_change
        self._on_replace = on_replace
        self._engine: Engine | None = None
        self._wanted: ModelSettings | None = None
        self._served: ModelSettings | None = None
        self._work: asyncio.Task[None] | None = None
        self._progress: Progress | None = None
        self._displays: set[asyncio.Task[None]] = set()
        """Those that show it; a task without a reference may be collected."""
        self._is_loaded = False
        """Whether `_engine` became ready, so that it can only fail while it works."""
        self._last_model: ModelInfo | None = None
        """The one that became ready last."""
        self._failures: list[float] = []
        """When the engine failed at work, lately."""
        self._given_up: tuple[ModelSettings, str] | None = None
        """A model that failed at work again and again, and how."""
        self._is_closed = False
        self._idle_minutes = 0
        self._idle_timer: asyncio.TimerHandle | None = None
        self._n_users = 0
        self._is_asleep = False
        """Whether the model was unloaded because nobody asked anything of it."""
        self._is_waking = False
        self.message: str | None = None
        """For a person: why no model runs, or another than the configured one."""

    @property
    def status(self) -> EngineStatus:
        if self._engine is None:
            state = EngineState.CLOSED if self._is_closed else EngineState.STOPPED
            return EngineStatus(state=state)
        return self._engine.status()

    @property
    def drafters(self) -> dict[str, DraftCounts]:
        """What each drafter of the loaded model has drafted, and how much was right."""
        return {} if self._engine is None else self._engine.drafters()

    @property
    def ready(self) -> Ready | None:
        """The engine and its model, if one can serve a request now."""
        status = self.status
        if self._engine is None or status.state is not EngineState.READY or status.model is None:
            return None
        return self._engine, status.model

    def want(self, model: ModelSettings) -> None:
        """Serve `model` from now on; returns at once. Nothing happens if it is served already."""
        self._idle_minutes = model.unload_after_minutes
        model = msgspec.structs.replace(model, unload_after_minutes=0)
        if model != self._wanted:
            self._is_asleep = False
        self._wanted = model
        self._work_on()
        self._await_idleness()

    @asynccontextmanager
    async def use(self, *, wait_s: float) -> AsyncGenerator[Ready | None]:
        """What `ready` says, for the time of one request. While it lasts the model stays loaded.

        A model that was unloaded for being idle is loaded again: the request then waits for it, at
        most `wait_s`. It does not wait for the first loading, which may take any time.
        """
        self._n_users += 1
        self._await_idleness()
        try:
            if self._is_asleep and not self._is_closed:
                self._is_asleep = False
                self._is_waking = True
                self._work_on()
            if self._is_waking and self._work is not None:
                # Never cancels the work, as awaiting it would when this request is cancelled.
                await asyncio.wait({self._work}, timeout=wait_s)
            yield self.ready
        finally:
            self._n_users -= 1
            self._await_idleness()

    async def close(self) -> None:
        """Cancel all work and free the model. Idempotent."""
        self._is_closed = True
        self._await_idleness()
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        await self._drop_engine()

    def _work_on(self) -> None:
        if not self._is_closed and (self._work is None or self._work.done()):
            self._work = asyncio.create_task(self._catch_up(), name="engine-host")

    async def _catch_up(self) -> None:
        """Load what is wanted, until nothing newer is."""
        while True:
            model = None if self._is_asleep else self._wanted
            if model == self._served:
                break
            self._served = model
            if self.ready is not None:
                self._on_replace()
            await self._drop_engine()
            if model is not None:
                await self._load(model)
        self._is_waking = False
        self._await_idleness()

    def _await_idleness(self) -> None:
        """Start the time anew after which the model is unloaded; no such time while it is used."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        if self._is_closed or self._n_users or not self._idle_minutes or self.ready is None:
            return
        after_s = self._idle_minutes * _MINUTE_S
        self._idle_timer = asyncio.get_running_loop().call_later(after_s, self._fall_asleep)

    def _fall_asleep(self) -> None:
        if self._work is not None and not self._work.done():
            return  # Another model is being loaded; its time begins then.
        logger.info("Unloading the model: nothing was asked of it.")
        self._is_asleep = True
        self.message = (
            f"The model was unloaded after {self._idle_minutes} min without a request; the next "
            "one loads it again."
        )
        self._work_on()

    async def _load(self, model: ModelSettings) -> None:
        self.message = None
        if model.threads is not None and model.threads > usable_cpus():
            self._client.log_warning(
                f"Sotto: `model.threads` is {model.threads}, but this machine lets it use "
                f"{usable_cpus()} processors; that many are used."
            )
        config = _engine_config(model, self._model_path)
        if self._given_up is not None and self._given_up[0] == model:
            error = self._given_up[1]
        else:
            self._given_up = None
            error = await self._try(config)
        if error is None:
            return
        if config.model_path is None or not model.fallback_to_builtin:
            self._report(f"{error}")
            return
        self._report(f"{error} The built-in model is used instead.")
        await self._drop_engine()
        fallback_error = await self._try(
            EngineConfig(n_threads=config.n_threads, n_gpu_layers=config.n_gpu_layers)
        )
        if fallback_error is not None:
            self._report(f"{error} The built-in model cannot be used either: {fallback_error}")

    async def _try(self, config: EngineConfig) -> str | None:
        """Load a model; returns why that failed, or None."""
        name = config.model_path.name if config.model_path else "the built-in model"
        logger.info("Loading %s.", name)
        engine = self._make_engine(config)
        self._engine = engine
        self._is_loaded = False
        error: str | None = None
        over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        # An editor that is slow to agree to a progress display does not delay the model.
        display = asyncio.create_task(self._show_progress(f"Sotto: loading {name}", over))
        self._displays.add(display)
        display.add_done_callback(self._displays.discard)
        try:
            engine.start(lambda status: self._on_status(engine, status))
            info = await engine.wait_ready()
            self._is_loaded = True
            self._last_model = info
            logger.info("Loaded %s (%s).", info.name, info.quantization)
            self._pass_on(engine.status().notice)
        except InferenceError as failure:
            error = str(failure)
        except OSError as failure:
            error = f"The model cannot be read: {failure}."
        finally:
            over.set_result("failed" if error else "done")
            if self._progress is not None:
                self._progress.end(over.result())
                self._progress = None
            self._on_change()
        return error

    async def _show_progress(self, title: str, over: asyncio.Future[str]) -> None:
        """Also if loading is over before the editor has agreed: Helix shows what it was once asked
        for until that has ended."""
        progress = await self._client.begin_progress(title)
        if not over.done():
            self._progress = progress
        elif progress is not None:
            progress.end(over.result())

    def _on_status(self, engine: Engine, status: EngineStatus) -> None:
        if engine is not self._engine:
            return
        if status.load_progress is not None and self._progress is not None:
            self._progress.report(status.load_progress)
        if status.state is EngineState.FAILED and self._is_loaded:
            # A failure while loading is reported by `_load`.
            self._recover(status.error or "The engine failed.")
        self._on_change()

    def _recover(self, error: str) -> None:
        """Load the model again after it failed at work, unless that happens again and again."""
        if self._wanted is None:
            return
        now = monotonic()
        self._failures = [at for at in self._failures if now - at < _FAILURE_WINDOW_S] + [now]
        if len(self._failures) <= _MAX_RECOVERIES:
            self._report(f"{error} Sotto loads it again now.")
        elif self._may_fall_back():
            # `_load` says it, and does not try this model any more.
            self._failures = []
            self._given_up = (self._wanted, error)
        else:
            self._report(error)
            return
        self._served = None
        self._work_on()

    def _may_fall_back(self) -> bool:
        """Whether the model that runs is another than the built-in one, and that may be used."""
        model = self._last_model
        return (
            self._wanted is not None
            and self._wanted.fallback_to_builtin
            and model is not None
            and not model.is_builtin
        )

    def _pass_on(self, notice: str | None) -> None:
        """Say what is not as it was asked for, without disturbing anyone."""
        if notice is not None:
            self.message = f"{self.message} {notice}" if self.message else notice
            self._client.log_warning(f"Sotto: {notice}")

    def _report(self, message: str) -> None:
        self.message = message
        self._client.show_error(f"Sotto: {message}")
        self._on_change()

    async def _drop_engine(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            self._on_change()
            await engine.close()


def usable_cpus() -> int:
    """Processors this process may run on, hardware threads included."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _engine_config(model: ModelSettings, model_path: Path | None) -> EngineConfig:
    path = model_path
    if path is None and model.path is not None:
        path = Path(model.path).expanduser()
    draft_path = None if model.draft_path is None else Path(model.draft_path).expanduser()
    return EngineConfig(
        model_path=path,
        draft_model_path=draft_path,
        n_ctx=model.context_size,
        # More threads than processors wait for each other: ten times as many stop the model dead,
        # and a folder's settings may say so.
        n_threads=min(model.threads, usable_cpus()) if model.threads is not None else None,
        n_gpu_layers=model.gpu_layers,
    )
