"""All mutable state of a conversation, in one place; no behaviour of features."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

import msgspec
import psutil
from lsprotocol import types
from pygls.lsp.server import LanguageServer

from inference import Engine, EngineConfig, Generation, InferenceError
from lsp.client import Client
from lsp.document import Snapshot
from lsp.document_store import Document, DocumentStore
from lsp.engine_host import EngineHost
from lsp.jobs import Jobs
from lsp.logs import LogLevel
from lsp.positions import Encoding, locate
from lsp.protocol import STATUS, Status, StatusModel
from lsp.records import RecordLog, RequestRecord
from lsp.settings import Layer, Resolved, Settings, resolve
from lsp.type_through import TypeThrough

logger = logging.getLogger(__name__)

_SETTLE_TIMEOUT_S = 5.0

MakeEngine = Callable[[EngineConfig], Engine]


class Session:
    """One editor, from `initialize` to `exit`. Everything runs on the event loop."""

    def __init__(
        self,
        server: LanguageServer,
        *,
        stop: Callable[[int], None],
        is_shut_down: Callable[[], bool],
        request_id: Callable[[], str | int],
        model_path: Path | None = None,
        log_level: LogLevel | None = None,
        make_engine: MakeEngine,
    ) -> None:
        """`stop` ends the conversation with an exit status; `request_id` is that of the request
        whose handler runs."""
        self.version = server.version
        self.stop = stop
        self.is_shut_down = is_shut_down
        self.request_id = request_id
        self.client = Client(server)
        self.encoding = Encoding.UTF16
        self.documents = DocumentStore()
        self.jobs = Jobs()
        self.records = RecordLog()
        self.type_through = TypeThrough()
        self.cursor_rest_s = 0.15
        """How long the cursor has to rest before the prompt there is evaluated ahead."""
        self.settings = Settings()
        self.log_level = log_level
        """The command line's, which wins over the settings; None if it names none."""
        self.folders: tuple[Path, ...] = ()
        """The open workspace folders, resolved."""
        self.initial_options: object = None
        self.pulled_options: object = None
        self.settings_problems: tuple[str, ...] = ()
        """What is wrong in the options as they are now; the user was told."""
        self.engine = EngineHost(
            self.client,
            model_path=model_path,
            make_engine=make_engine,
            on_change=self._announce_status,
            on_replace=lambda: self.jobs.supersede_all(by="model-changed"),
        )
        self.completion_options = types.CompletionOptions()
        """As advertised; the client's capabilities decide on the trigger characters."""
        self._announced: Status | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._settling: set[asyncio.Task[None]] = set()

    def resolve_settings(self) -> Resolved:
        """Make the settings anew from all option layers."""
        resolved = resolve(
            (
                Layer(self.initial_options),
                Layer(self.pulled_options, refused_folders=self.folders, may_be_folders=True),
            )
        )
        if resolved.settings != self.settings:
            self.settings = resolved.settings
            self.forget_suggestions()
        return resolved

    def forget_suggestions(self) -> None:
        """Drop those remembered for typing through: they are of another model or setting."""
        self.type_through = TypeThrough()

    def snapshot(self, document: Document, position: types.Position) -> Snapshot:
        """The document as it is now, with the cursor at `position` (clamped into the text)."""
        located = locate(document.text, document.lines, position, self.encoding)
        return document.snapshot(located.offset)

    def status(self) -> Status:
        engine = self.engine.status
        model = engine.model
        return Status(
            state=engine.state.value,
            model=None
            if model is None
            else StatusModel(
                name=model.name,
                path=model.path,
                arch=model.arch,
                n_params=model.n_params,
                quantization=model.quantization,
                n_ctx=model.n_ctx,
                is_builtin=model.is_builtin,
                supports_chat=model.supports_chat,
            ),
            backend=engine.backend,
            threads=engine.n_threads,
            rss_bytes=psutil.Process().memory_info().rss,
            drafters=self.engine.drafters,
            version=self.version,
            message=self.engine.message,
        )

    def settle(self, record: RequestRecord, generations: Sequence[Generation]) -> None:
        """Complete the record once its generations have ended, which may be after the answer."""
        if generations:
            task = self.run(_settle(record, generations))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)

    async def wait_settled(self) -> None:
        """Wait until the records of all requests answered so far are complete."""
        if self._settling:
            await asyncio.wait(self._settling, timeout=_SETTLE_TIMEOUT_S)

    def run(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run something in the background, to its end; a failure is logged."""
        task = asyncio.create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """End all work and free the model. Idempotent."""
        self.jobs.supersede_all(by="shutdown")
        await self.engine.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _announce_status(self) -> None:
        """Tell the editor the status if anything but memory and counts has changed."""
        status = self.status()
        if self._announced is None or status.model != self._announced.model:
            self.forget_suggestions()
        comparable = msgspec.structs.replace(status, rss_bytes=0, drafters={})
        if comparable != self._announced and not self.is_shut_down():
            self._announced = comparable
            self.client.notify(STATUS, status)


async def _settle(record: RequestRecord, generations: Sequence[Generation]) -> None:
    for generation in generations:
        try:
            result = await generation.result()
        except InferenceError as error:
            logger.debug("A generation ended with an error: %s", error)
        else:
            record.add_usage(result.usage)


async def _logged(work: Coroutine[object, object, None]) -> None:
    try:
        await work
    except Exception:
        logger.exception("Work in the background failed")
