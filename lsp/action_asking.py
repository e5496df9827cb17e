"""The model for one action: waits for it, shows progress, and lets the user cancel."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from inference import InferenceError
from lsp.action_requests import Asked, told
from lsp.actions.abilities import inability
from lsp.actions.asking import Asker
from lsp.actions.proposal import RefusedError
from lsp.client import Progress
from lsp.context.related import related_texts
from lsp.project_path import path_in_project
from lsp.session import Session

logger = logging.getLogger(__name__)

_WAKE_TIMEOUT_S = 30.0
"""How long an action waits for a model that was unloaded for being idle."""


@asynccontextmanager
async def asker_for(session: Session, asked: Asked) -> AsyncGenerator[Asker]:
    """What the action asks. Refusals and failures of the engine become RequestFailedError, and the
    user is told; so that whoever cancels by the progress display is answered like one who cancels
    the request."""
    snapshot = asked.place.snapshot
    related = related_texts(snapshot.uri, snapshot.language_id, session.documents)
    async with session.engine.use(wait_s=_WAKE_TIMEOUT_S) as ready:
        if ready is None:
            raise told(session, session.engine.message or "No model is loaded yet; try again soon.")
        engine, model = ready
        cannot = inability(model, asked.offer.needs)
        if cannot is not None:
            raise told(session, cannot)
        shown = ProgressDisplay(session, asked.offer.title)
        asker = Asker(
            engine,
            model,
            max_tokens=session.settings.actions.max_answer_tokens,
            uri=snapshot.uri,
            path=path_in_project(snapshot.uri, session.folders),
            related=related,
            on_text=shown.on_text,
        )
        try:
            yield asker
        except asyncio.CancelledError:
            if not shown.is_cancelled:
                raise
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            code = int(types.LSPErrorCodes.RequestCancelled)
            raise JsonRpcException(message="Cancelled.", code=code) from None
        except (RefusedError, InferenceError) as error:
            raise told(session, str(error)) from error
        finally:
            asker.cancel()
            shown.end()


class ProgressDisplay:
    """Begins in the background: an editor that is slow to agree does not delay the action."""

    def __init__(self, session: Session, title: str) -> None:
        self.is_cancelled = False
        self._task = asyncio.current_task()
        self._progress: Progress | None = None
        self._is_over = False
        self._n_lines = 0
        session.run(self._begin(session, title))

    async def _begin(self, session: Session, title: str) -> None:
        self._progress = await session.client.begin_progress(
            f"Sotto: {title}", on_cancel=self._cancel
        )
        self._say()
        if self._is_over:
            self.end()

    def _cancel(self) -> None:
        self.is_cancelled = True
        if self._task is not None and not self._is_over:
            self._task.cancel()

    def on_text(self, text: str) -> None:
        self._n_lines = text.count("\n") + 1
        self._say()

    def _say(self) -> None:
        if self._progress is not None and self._n_lines:
            self._progress.say("1 line" if self._n_lines == 1 else f"{self._n_lines} lines")

    def end(self) -> None:
        self._is_over = True
        if self._progress is not None:
            self._progress.end("cancelled" if self.is_cancelled else "done")
            self._progress = None
