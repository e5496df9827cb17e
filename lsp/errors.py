"""The exceptions of `lsp`, and the LSP error each failure becomes.

    LspError
    ├── InstallationError   the two packages of Sotto come from different places
    └── RequestError        a request that cannot be served, with its LSP code
        ├── InvalidParamsError        -32602
        └── RequestFailedError        -32803

Inline completion and completion answer empty instead of failing, as editors show an error for
every keystroke otherwise; their failures are in `sotto/recentRequests` and in the log.
"""

from __future__ import annotations

from lsprotocol import types
from pygls.exceptions import JsonRpcException


class LspError(Exception):
    """Base of all of them."""


class InstallationError(LspError):
    """`lsp` and `inference` do not belong together."""


class RequestError(LspError):
    """A request that cannot be served; the message is for the person at the editor."""

    code: int = types.ErrorCodes.InternalError


class InvalidParamsError(RequestError):
    """The parameters are well-formed JSON, but not what the method takes."""

    code = types.ErrorCodes.InvalidParams


class RequestFailedError(RequestError):
    """Valid parameters, but it did not work."""

    code = types.LSPErrorCodes.RequestFailed


def to_rpc(error: Exception) -> JsonRpcException:
    """The answer for a request whose handler raised `error`."""
    if isinstance(error, RequestError):
        return JsonRpcException(message=str(error), code=int(error.code))
    # The message of an unforeseen error may quote the user's text; the log has its traceback.
    return JsonRpcException(
        message=f"Internal error ({type(error).__name__}); the server's log says more.",
        code=int(types.ErrorCodes.InternalError),
    )
