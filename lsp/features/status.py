"""`sotto/status`: what the server is doing, for a status line and for tests."""

from __future__ import annotations

from lsp.protocol import Status
from lsp.session import Session


async def status(session: Session, _params: object) -> Status:
    return session.status()
