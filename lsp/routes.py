"""The routing table: every method and the feature that serves it. No logic.

Each handler is wrapped here, once: whatever it raises becomes an answer or a line in the log, and
never ends the process or disturbs the user.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp import protocol
from lsp.chat import protocol as chat_protocol
from lsp.errors import InvalidParamsError, RequestError, to_rpc
from lsp.features import (
    chat,
    code_action,
    code_action_resolve,
    completion,
    configuration,
    conversations,
    cursor,
    document_info,
    documents,
    execute_command,
    inline_completion,
    lifecycle,
    propose_edits,
    recent_requests,
    status,
)
from lsp.session import Session
from lsp.wire import Wire

logger = logging.getLogger(__name__)

Notified = Callable[[Session, Any], None]
Requested = Callable[[Session, Any], Awaitable[object]]

NOTIFICATIONS: dict[str, Notified] = {
    types.INITIALIZED: lifecycle.initialized,
    types.EXIT: lifecycle.exit_,
    types.TEXT_DOCUMENT_DID_OPEN: documents.did_open,
    types.TEXT_DOCUMENT_DID_CHANGE: documents.did_change,
    types.TEXT_DOCUMENT_DID_SAVE: documents.did_save,
    types.TEXT_DOCUMENT_DID_CLOSE: documents.did_close,
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: configuration.did_change_configuration,
    types.WINDOW_WORK_DONE_PROGRESS_CANCEL: lifecycle.cancel_progress,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: lifecycle.did_change_folders,
}

OUR_NOTIFICATIONS: dict[str, tuple[type[msgspec.Struct], Notified]] = {
    protocol.DID_MOVE_CURSOR: (protocol.CursorParams, cursor.did_move_cursor),
}

REQUESTS: dict[str, Requested] = {
    types.TEXT_DOCUMENT_INLINE_COMPLETION: inline_completion.inline_completion,
    types.TEXT_DOCUMENT_COMPLETION: completion.completion,
    types.TEXT_DOCUMENT_CODE_ACTION: code_action.code_action,
    types.CODE_ACTION_RESOLVE: code_action_resolve.resolve,
    types.WORKSPACE_EXECUTE_COMMAND: execute_command.execute_command,
}

OUR_REQUESTS: dict[str, tuple[type[msgspec.Struct] | None, Requested]] = {
    protocol.STATUS: (None, status.status),
    protocol.RECENT_REQUESTS: (None, recent_requests.recent_requests),
    protocol.DOCUMENT_INFO: (protocol.DocumentInfoParams, document_info.document_info),
    protocol.CHAT: (chat_protocol.ChatParams, chat.chat),
    protocol.PROPOSE_EDITS: (chat_protocol.EditsParams, propose_edits.propose_edits),
    protocol.CONVERSATIONS: (None, conversations.conversations),
    protocol.CONVERSATION: (chat_protocol.ConversationParams, conversations.conversation),
    protocol.DELETE_CONVERSATIONS: (chat_protocol.ConversationParams, conversations.delete),
}


def add_routes(wire: Wire, session: Session) -> None:
    """Register every method. Without options some capabilities are not advertised."""
    options = {
        types.TEXT_DOCUMENT_INLINE_COMPLETION: types.InlineCompletionOptions(),
        types.TEXT_DOCUMENT_COMPLETION: session.completion_options,
        types.TEXT_DOCUMENT_CODE_ACTION: code_action.OPTIONS,
        types.WORKSPACE_EXECUTE_COMMAND: types.ExecuteCommandOptions(execute_command.COMMANDS),
        types.TEXT_DOCUMENT_DID_SAVE: types.SaveOptions(include_text=False),
    }
    for method, notified in NOTIFICATIONS.items():
        wire.add_feature(method, _notification(session, method, notified), options.get(method))
    for method, (params_type, notified) in OUR_NOTIFICATIONS.items():
        wire.add_our_notification(method, _our_notification(session, method, params_type, notified))
    # The protocol layer answers it itself, after this.
    wire.add_feature(
        types.INITIALIZE, _notification(session, types.INITIALIZE, lifecycle.initialize)
    )
    for method, requested in REQUESTS.items():
        wire.add_feature(method, _request(session, method, requested), options.get(method))
    for method, (params_type, requested) in OUR_REQUESTS.items():
        wire.add_feature(method, _our_request(session, method, params_type, requested))
    wire.on_malformed_notification = lambda method, params: documents.on_malformed(
        session, method, params
    )


def _notification(session: Session, method: str, handler: Notified) -> Callable[[Any], None]:
    def handle(params: Any) -> None:
        try:
            handler(session, params)
        except Exception:
            logger.exception("%s failed", method)

    return handle


def _our_notification(
    session: Session, method: str, params_type: type[msgspec.Struct], handler: Notified
) -> Callable[[Any], None]:
    def convert(session: Session, params: Any) -> None:
        try:
            handler(session, msgspec.convert(params, params_type))
        except (msgspec.ValidationError, UnicodeEncodeError) as error:
            logger.warning("%s was malformed: %s", method, error)

    return _notification(session, method, convert)


def _request(
    session: Session, method: str, handler: Requested
) -> Callable[[Any], Awaitable[object]]:
    async def handle(params: Any) -> object:
        try:
            return await handler(session, params)
        except JsonRpcException:
            raise
        except RequestError as error:
            logger.info("%s was refused: %s", method, error)
            raise to_rpc(error) from error
        except Exception as error:
            logger.exception("%s failed", method)
            raise to_rpc(error) from error

    return handle


def _our_request(
    session: Session,
    method: str,
    params_type: type[msgspec.Struct] | None,
    handler: Requested,
) -> Callable[[Any], Awaitable[object]]:
    """Our methods' parameters and results are msgspec Structs, checked and made plain here."""

    async def convert(session: Session, params: Any) -> object:
        if params_type is not None:
            try:
                params = msgspec.convert(params, params_type)
            except (msgspec.ValidationError, UnicodeEncodeError) as error:
                raise InvalidParamsError(str(error)) from error
        return msgspec.to_builtins(await handler(session, params))

    return _request(session, method, convert)
