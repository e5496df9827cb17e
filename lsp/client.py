"""Everything the server sends unasked: messages, progress, status, questions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from uuid import uuid4

import msgspec
from lsprotocol import types
from pygls.lsp.server import LanguageServer

from lsp.capabilities import ClientCapabilities

logger = logging.getLogger(__name__)

_ANSWER_TIMEOUT_S = 10.0
_QUESTION_TIMEOUT_S = 300.0
_REPEAT_AFTER_S = 30.0


class Client:
    """The editor, as seen from the server. The same message is not repeated for half a minute,
    unless it answers what the user has just asked for."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self.capabilities = ClientCapabilities()
        self._shown_at: dict[str, float] = {}
        self._on_cancel: dict[str | int, Callable[[], None]] = {}
        """What the user may cancel, by progress token."""

    def show_error(self, message: str) -> None:
        """Put an error before the user's eyes."""
        self._show(types.MessageType.Error, message)

    def show_warning(self, message: str) -> None:
        """Put a warning before the user's eyes."""
        self._show(types.MessageType.Warning, message)

    def show_info(self, message: str) -> None:
        """Put something the user has asked for before their eyes."""
        params = types.ShowMessageParams(type=types.MessageType.Info, message=message)
        self._server.window_show_message(params)

    def show_refusal(self, message: str) -> None:
        """Say why something the user has asked for is not done."""
        logger.warning("Told the user: %s", message)
        params = types.ShowMessageParams(type=types.MessageType.Warning, message=message)
        self._server.window_show_message(params)

    async def show_document(self, path: Path, cursor: types.Position | None = None) -> None:
        """Open a file in the editor."""
        selection = types.Range(cursor, cursor) if cursor else None
        params = types.ShowDocumentParams(path.as_uri(), take_focus=True, selection=selection)
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                await self._server.window_show_document_async(params)
        except Exception as error:  # noqa: BLE001 - whatever the editor answers, we go on
            logger.warning("window/showDocument failed: %s", type(error).__name__)

    async def apply_edit(self, edit: types.WorkspaceEdit, title: str) -> str | None:
        """Have the editor make an edit. Returns why it did not; None if it did."""
        params = types.ApplyWorkspaceEditParams(edit=edit, label=title)
        try:
            async with asyncio.timeout(_QUESTION_TIMEOUT_S):
                answer = await self._server.workspace_apply_edit_async(params)
        except Exception as error:  # noqa: BLE001 - whatever the editor answers, we go on
            logger.warning("workspace/applyEdit failed: %s", type(error).__name__)
            return "it gave no answer"
        return None if answer.applied else answer.failure_reason or "it gave no reason"

    def log_warning(self, message: str) -> None:
        """Write to the editor's log for this server, without disturbing anyone."""
        if self._is_new(message):
            params = types.LogMessageParams(type=types.MessageType.Warning, message=message)
            self._server.window_log_message(params)

    def notify(self, method: str, params: msgspec.Struct) -> None:
        """Send one of our own notifications."""
        self._server.protocol.notify(method, msgspec.to_builtins(params))

    def report_partial(self, token: int | str, value: msgspec.Struct) -> None:
        """Send a part of the result of the request that gave the token."""
        self._server.progress(types.ProgressParams(token=token, value=msgspec.to_builtins(value)))

    async def agrees(self, question: str, *, yes: str, no: str) -> bool:
        """Ask the person. No answer, or none in five minutes, is a no."""
        params = types.ShowMessageRequestParams(
            type=types.MessageType.Warning,
            message=question,
            actions=[types.MessageActionItem(title=yes), types.MessageActionItem(title=no)],
        )
        try:
            async with asyncio.timeout(_QUESTION_TIMEOUT_S):
                answer = await self._server.window_show_message_request_async(params)
        except Exception as error:  # noqa: BLE001 - whatever the editor answers, we go on
            logger.warning("window/showMessageRequest failed: %s", type(error).__name__)
            return False
        return answer is not None and answer.title == yes

    async def configuration(self, section: str) -> Sequence[object]:
        """The editor's settings under `section`, one value; empty if it does not answer."""
        params = types.ConfigurationParams(items=[types.ConfigurationItem(section=section)])
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                answer: Sequence[object] = (
                    await self._server.workspace_configuration_async(params) or ()
                )
        except TimeoutError:
            logger.warning("The editor did not answer workspace/configuration.")
            return ()
        except Exception as error:  # noqa: BLE001 - whatever the editor answers, we go on
            logger.warning("workspace/configuration failed: %s", type(error).__name__)
            return ()
        return answer[:1]

    async def watch_configuration(self) -> None:
        """Ask to be told when the settings change."""
        registration = types.Registration(
            id="sotto-configuration",
            method=types.WORKSPACE_DID_CHANGE_CONFIGURATION,
            register_options=types.DidChangeConfigurationRegistrationOptions(section="sotto"),
        )
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                await self._server.client_register_capability_async(
                    types.RegistrationParams([registration])
                )
        except Exception as error:  # noqa: BLE001 - whatever the editor answers, we go on
            logger.warning("client/registerCapability failed: %s", type(error).__name__)

    async def begin_progress(
        self, title: str, *, on_cancel: Callable[[], None] | None = None
    ) -> Progress | None:
        """Show that something runs. None if the editor cannot show it.

        `on_cancel` is called if the user cancels it there.
        """
        if not self.capabilities.work_done_progress:
            return None
        token = f"sotto-{uuid4()}"
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                await self._server.window_work_done_progress_create_async(
                    types.WorkDoneProgressCreateParams(token=token)
                )
        except Exception as error:  # noqa: BLE001 - whatever the editor answers, we go on
            logger.warning("window/workDoneProgress/create failed: %s", type(error).__name__)
            return None
        progress = Progress(self._server, token, on_end=lambda: self._on_cancel.pop(token, None))
        if on_cancel is None:
            begin = types.WorkDoneProgressBegin(title=title, cancellable=False, percentage=0)
        else:
            self._on_cancel[token] = on_cancel
            begin = types.WorkDoneProgressBegin(title=title, cancellable=True)
        progress.send(begin)
        return progress

    def cancel_progress(self, token: str | int) -> None:
        """The user has cancelled what this progress display shows."""
        on_cancel = self._on_cancel.pop(token, None)
        if on_cancel is not None:
            on_cancel()

    def cancel_all(self) -> int:
        """The user wants everything stopped that could be cancelled; returns how much that was."""
        tokens = list(self._on_cancel)
        for token in tokens:
            self.cancel_progress(token)
        return len(tokens)

    def _show(self, kind: types.MessageType, message: str) -> None:
        if self._is_new(message):
            params = types.ShowMessageParams(type=kind, message=message)
            self._server.window_show_message(params)

    def _is_new(self, message: str) -> bool:
        now = monotonic()
        self._shown_at = {
            old: at for old, at in self._shown_at.items() if now - at < _REPEAT_AFTER_S
        }
        if message in self._shown_at:
            return False
        self._shown_at[message] = now
        logger.warning("Told the user: %s", message)
        return True


class Progress:
    """One progress display that has begun."""

    def __init__(self, server: LanguageServer, token: str, *, on_end: Callable[[], object]) -> None:
        self._server = server
        self._token = token
        self._on_end = on_end
        self._percentage = 0
        self._message = ""

    def report(self, fraction: float) -> None:
        """`fraction` is 0 to 1; whole percents only are sent."""
        percentage = int(100 * fraction)
        if percentage > self._percentage:
            self._percentage = percentage
            self.send(types.WorkDoneProgressReport(percentage=percentage))

    def say(self, message: str) -> None:
        """Where no fraction is known. The same message is sent once."""
        if message != self._message:
            self._message = message
            self.send(types.WorkDoneProgressReport(message=message))

    def end(self, message: str) -> None:
        self._on_end()
        self.send(types.WorkDoneProgressEnd(message=message))

    def send(
        self,
        value: types.WorkDoneProgressBegin
        | types.WorkDoneProgressReport
        | types.WorkDoneProgressEnd,
    ) -> None:
        self._server.progress(types.ProgressParams(token=self._token, value=value))
