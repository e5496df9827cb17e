"""`workspace/didChangeConfiguration`: new settings, and a new model if they name one."""

from __future__ import annotations

from lsprotocol import types

from lsp import configure
from lsp.session import Session


def did_change_configuration(session: Session, params: types.DidChangeConfigurationParams) -> None:
    """Requests that run keep the settings they began with."""
    session.run(_take(session, params.settings))


async def _take(session: Session, pushed: object) -> None:
    # Editors that answer questions often push nothing; those that do not must push.
    if session.client.capabilities.configuration:
        await configure.pull(session)
    else:
        configure.take_pushed(session, pushed)
    session.engine.want(session.settings.model)
