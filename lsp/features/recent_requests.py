"""`sotto/recentRequests`: what became of the last requests, and why."""

from __future__ import annotations

from lsp.records import RequestRecord
from lsp.session import Session


async def recent_requests(session: Session, _params: object) -> list[RequestRecord]:
    """Oldest first. Waits until the costs of those answered so far are known."""
    await session.wait_settled()
    return session.records.recent()
