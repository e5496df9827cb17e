"""pygls' protocol with a strict rim: every message is checked here before a handler sees it.

pygls runs handlers, keeps requests' futures, cancels them and sends answers. What it does not do
is answer what is malformed, so messages enter through `Wire.receive` and not through its reader.
All of the library's untyped surface is behind this module.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false
# The library's attributes are partly untyped.

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import uuid4

import cattrs
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import (
    JsonRPCNotification,
    JsonRPCRequestMessage,
    LanguageServerProtocol,
    default_converter,
    lsp_method,
)

from lsp.frames import Malformed, Message
from lsp.json_values import as_object

logger = logging.getLogger(__name__)

OUR_PREFIX = "sotto/"

# pygls would answer these itself: with its own documents, which split lines where the protocol
# does not, and with `sys.exit` from inside a callback.
_REPLACED = (
    types.TEXT_DOCUMENT_DID_OPEN,
    types.TEXT_DOCUMENT_DID_CHANGE,
    types.TEXT_DOCUMENT_DID_CLOSE,
    types.NOTEBOOK_DOCUMENT_DID_OPEN,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE,
    types.WORKSPACE_EXECUTE_COMMAND,
    types.WINDOW_WORK_DONE_PROGRESS_CANCEL,
    types.EXIT,
)


class Phase(Enum):
    """Where the conversation stands."""

    NEW = "new"
    RUNNING = "running"
    SHUT_DOWN = "shut down"


@lru_cache(maxsize=1)
def strict_converter() -> cattrs.Converter:
    """pygls' converter, but one that refuses `"1"` for a number instead of making one of it."""
    converter = default_converter()
    converter.register_structure_hook(int, _structure_int)
    converter.register_structure_hook(bool, _structure_bool)
    converter.register_structure_hook(str, _structure_str)
    return converter


def _structure_int(value: object, kind: type[int]) -> int:
    # JSON knows one kind of number, and some encoders write 3 as 3.0.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not a whole number")
    # A hook serves its class's subclasses too, and some enums are such.
    return kind(value)


def _structure_bool(value: object, _kind: type[bool]) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _structure_str(value: object, kind: type[str]) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return kind(value)


class Writer:
    """What pygls writes frames with."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write

    def write(self, data: bytes) -> None:
        self._write(data)

    def close(self) -> None:
        """The channel's owner closes it."""


class Wire(LanguageServerProtocol):
    """The server's end of the conversation. Everything runs on the event loop."""

    def __init__(self, server: LanguageServer, converter: cattrs.Converter) -> None:
        super().__init__(server, converter)
        for method in _REPLACED:
            self.fm.builtin_features.pop(method, None)
        self.phase = Phase.NEW
        self._our_notifications: set[str] = set()
        self._asked: dict[str | int, tuple[Future[Any], Any]] = {}
        """Our own requests that wait for the client's answer, each with its type."""
        self.on_malformed_notification: Callable[[str, object], None] = lambda _m, _p: None
        """Called with method and raw parameters of a notification that had to be dropped."""

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(
        self, params: types.InitializeParams
    ) -> Generator[Any, Any, types.InitializeResult]:
        result = yield from super().lsp_initialize(params)
        # pygls would advertise the commands that it serves itself, and those are none.
        options = self.fm.feature_options.get(types.WORKSPACE_EXECUTE_COMMAND)
        result.capabilities.execute_command_provider = options
        return result

    def add_feature(
        self, method: str, handler: Callable[[Any], object], options: object = None
    ) -> None:
        """Let `handler` serve `method`; a coroutine function can be cancelled by the client."""
        self.fm.feature(method, options)(handler)

    def add_our_notification(self, method: str, handler: Callable[[Any], object]) -> None:
        """Let `handler` serve one of our own methods that is not answered."""
        self._our_notifications.add(method)
        self.add_feature(method, handler)

    def send_request(
        self,
        method: str,
        params: Any | None = None,
        callback: Callable[[Any], None] | None = None,
        msg_id: str | int | None = None,
    ) -> Future[Any]:
        """Ask the client. pygls keeps our requests in one table with the client's, where a
        response or a cancel could meet the wrong one; ours are kept apart here."""
        message_id = msg_id if msg_id is not None else str(uuid4())
        future = super().send_request(method, params, callback, message_id)
        self._request_futures.pop(message_id)
        self._asked[message_id] = future, self._result_types.pop(message_id)
        future.add_done_callback(lambda _: self._asked.pop(message_id, None))
        return future

    def request_id(self) -> str | int:
        """Of the request whose handler runs."""
        message_id = self.msg_id
        assert message_id is not None
        return message_id

    def receive(self, item: Message | Malformed) -> None:
        """Handle one thing that came from the editor. Never raises for what it holds."""
        if isinstance(item, Malformed):
            logger.warning("Malformed input: %s", item.reason)
            if item.is_frame:
                self._refuse(None, types.ErrorCodes.ParseError, item.reason)
            return
        content = as_object(item.content)
        if content is None:
            self._refuse(None, types.ErrorCodes.InvalidRequest, "A message must be an object.")
            return
        method = content.get("method")
        message_id = _valid_id(content.get("id"))
        if content.get("jsonrpc") != "2.0":
            self._refuse(
                message_id,
                types.ErrorCodes.InvalidRequest,
                'A message must say "jsonrpc": "2.0".',
            )
        elif isinstance(method, str) and message_id is not None:
            self._receive_request(message_id, method, content)
        elif isinstance(method, str) and "id" not in content:
            self._receive_notification(method, content)
        elif "method" not in content and ("result" in content or "error" in content):
            self._receive_response(message_id, content)
        else:
            self._refuse(
                message_id,
                types.ErrorCodes.InvalidRequest,
                "A message must be a request, a notification or a response.",
            )

    def _receive_request(
        self, message_id: str | int, method: str, content: Mapping[str, object]
    ) -> None:
        refusal = self._out_of_phase(method)
        if refusal is not None:
            self._refuse(message_id, *refusal)
        elif not self._is_known(method) or not self._takes_answer(method):
            self._refuse(
                message_id, types.ErrorCodes.MethodNotFound, f"Unknown method {method[:100]!r}."
            )
        else:
            try:
                request = self._structure(method, content)
            except Exception as error:  # noqa: BLE001 - cattrs raises groups of anything
                self._refuse(message_id, types.ErrorCodes.InvalidParams, _explain(error))
                return
            self.handle_message(request)
            if method == types.INITIALIZE:
                self.phase = Phase.RUNNING
            elif method == types.SHUTDOWN:
                self.phase = Phase.SHUT_DOWN

    def _out_of_phase(self, method: str) -> tuple[int, str] | None:
        """Why a request cannot be served now: an error code and its message."""
        if self.phase is Phase.NEW and method != types.INITIALIZE:
            return types.ErrorCodes.ServerNotInitialized, "The server is not initialized."
        if self.phase is Phase.SHUT_DOWN:
            return types.ErrorCodes.InvalidRequest, "The server is shut down."
        if self.phase is Phase.RUNNING and method == types.INITIALIZE:
            return types.ErrorCodes.InvalidRequest, "The server is initialized already."
        return None

    def _receive_notification(self, method: str, content: Mapping[str, object]) -> None:
        if self.phase is not Phase.RUNNING and method != types.EXIT:
            logger.debug("Dropped %s: the server is %s.", method[:100], self.phase.value)
        elif self._takes_answer(method) or not self._is_known(method):
            logger.debug("Ignored the notification %s.", method[:100])
        else:
            try:
                notification = self._structure(method, content)
            except Exception as error:  # noqa: BLE001 - cattrs raises groups of anything
                logger.warning("Dropped a malformed %s: %s", method, _explain(error))
                self.on_malformed_notification(method, content.get("params"))
                return
            # `exit` after `shutdown` is the one message pygls lets through then, as do we.
            self.handle_message(notification)

    def _receive_response(
        self, message_id: str | int | None, content: Mapping[str, object]
    ) -> None:
        asked = None if message_id is None else self._asked.pop(message_id, None)
        if asked is None or asked[0].done():
            logger.debug("Ignored a response to no request of ours.")
            return
        future, result_type = asked
        try:
            if "error" in content:
                error = self._converter.structure(content["error"], types.ResponseError)
                future.set_exception(JsonRpcException.from_error(error))
            elif result_type is None:
                future.set_result(content["result"])
            else:
                response = self._converter.structure(content, result_type)
                future.set_result(response.result)
        except Exception as error:  # noqa: BLE001 - cattrs raises groups of anything
            future.set_exception(JsonRpcException(f"A malformed response: {_explain(error)}"))

    def _is_known(self, method: str) -> bool:
        return (
            method in self.fm.features
            or method in self.fm.builtin_features
            or method == types.CANCEL_REQUEST  # pygls serves it apart from the others.
        )

    def _takes_answer(self, method: str) -> bool:
        """Whether a known method is a request."""
        if method.startswith(OUR_PREFIX):
            return method not in self._our_notifications
        return self.get_result_type(method) is not None

    def _structure(self, method: str, content: Mapping[str, object]) -> Any:
        """The message as lsprotocol's type; for our own methods with its parameters as they are."""
        message_type = self.get_message_type(method)
        if message_type is not None:
            return self._converter.structure(content, message_type)
        if "id" in content:
            return JsonRPCRequestMessage(
                _valid_id(content["id"]) or "", method, "2.0", content.get("params")
            )
        return JsonRPCNotification(method, "2.0", content.get("params"))

    def _refuse(self, message_id: str | int | None, code: int, reason: str) -> None:
        """Answer with an error. Where the request's id is unknown it is null, as JSON-RPC says."""
        error = {"code": int(code), "message": reason}
        self._send_data({"jsonrpc": "2.0", "id": message_id, "error": error})


def _valid_id(value: object) -> str | int | None:
    """A request's id, if it is one: a string or a whole number."""
    return value if isinstance(value, (str, int)) and not isinstance(value, bool) else None


def _explain(error: Exception) -> str:
    """What is wrong with a message, by path and type; never the values, which may be text."""
    reasons = cattrs.transform_error(error, path="message")
    paths = (reason.partition(" @ ")[2] for reason in reasons[:3])
    return "; ".join(f"{_in_json(path)} is invalid" for path in paths)


def _in_json(path: str) -> str:
    """A path of attributes as one of the message's keys: `text_document` → `textDocument`."""
    return re.sub(r"(?<=[a-z0-9])_([a-z0-9])", lambda match: match[1].upper(), path)
