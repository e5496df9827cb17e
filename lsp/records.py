"""One record for each request for a suggestion: what became of it, why, and what it cost.

Nothing of the user's text is in it. `sotto/recentRequests` hands out the last 200.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import msgspec

from inference import DraftCounts, Usage, add_counts

N_KEPT = 200

Outcome = Literal["shown", "empty", "superseded", "cancelled", "error"]
Source = Literal["model", "type-through", "cache"]


class RecordPosition(msgspec.Struct, frozen=True):
    """As the client sent it, in its code units."""

    line: int
    character: int


class RequestRecord(msgspec.Struct, kw_only=True):
    """Filled in while the request runs. Counts are sums over all its candidates."""

    id: str | int
    uri: str
    version: int | None
    """Of the document when the request arrived; None if it was not open."""
    position: RecordPosition
    outcome: Outcome = "empty"
    reason: str | None = None
    """Why nothing was shown, as a short name; None if something was."""
    accepted: bool = False
    """Whether the user took it, all of it at once; only of editors that say so."""
    source: Source | None = None
    """Where the suggestion came from, or was looked for last; None if it got no further."""
    n_prompt_tokens: int = 0
    n_reused_tokens: int = 0
    n_evaluated_tokens: int = 0
    n_put_off_tokens: int = 0
    """Of text around the cursor that was not read, for want of patience."""
    n_drafted_tokens: int = 0
    n_accepted_tokens: int = 0
    n_decoded_tokens: int = 0
    drafters: dict[str, DraftCounts] = {}
    """What each drafter drafted, and how much of it was right."""
    queue_ms: float = 0.0
    """Of the first candidate, as are the next two."""
    prefill_ms: float = 0.0
    first_text_ms: float | None = None
    total_ms: float = 0.0
    """From the request's arrival to its answer."""

    def add_usage(self, usage: Usage) -> None:
        """Add what one candidate cost; the first one's times are the record's."""
        if self.n_prompt_tokens == 0:
            self.queue_ms = usage.queue_ms
            self.prefill_ms = usage.prefill_ms
            self.first_text_ms = usage.first_text_ms
        self.n_prompt_tokens += usage.n_prompt_tokens
        self.n_reused_tokens += usage.n_reused_tokens
        self.n_evaluated_tokens += usage.n_evaluated_tokens
        self.n_put_off_tokens += usage.n_put_off_tokens
        self.n_drafted_tokens += usage.n_drafted_tokens
        self.n_accepted_tokens += usage.n_accepted_tokens
        self.n_decoded_tokens += usage.n_decoded_tokens
        self.drafters = add_counts(self.drafters, usage.drafters)


class RecordLog:
    """The last `N_KEPT` records, oldest first."""

    def __init__(self) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=N_KEPT)

    def add(self, record: RequestRecord) -> None:
        self._records.append(record)

    def accept(self, request_id: str | int) -> None:
        """The editor says that what this request showed was taken. Old ones may be gone."""
        for record in self._records:
            if record.id == request_id and record.outcome == "shown":
                record.accepted = True

    def recent(self) -> list[RequestRecord]:
        return list(self._records)
