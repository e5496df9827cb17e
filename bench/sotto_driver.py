"""Types into Sotto: one change and one inline completion request for every key."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import msgspec

from bench.answers import Answer
from bench.editor import Editor
from bench.replay import Keystroke
from bench.trace import Event, Move, Open
from lsp.records import RequestRecord

COLLECT_EVERY = 120
"""The server keeps 200 records; they are fetched well before one is lost."""


class SottoDriver:
    """An editor without debounce. With `cancels` it takes back the request before, as VS Code does;
    without, it leaves that to the server, as Neovim does. With `tells_cursor` the server learns
    where the cursor was moved, as both do, and may evaluate ahead."""

    def __init__(self, editor: Editor, *, cancels: bool, tells_cursor: bool = True) -> None:
        self._editor = editor
        self._cancels = cancels
        self._tells_cursor = tells_cursor
        self._last: Answer | None = None
        self._settling: set[asyncio.Task[None]] = set()
        self._since_collected = 0
        self._shown: set[int] = set()
        self._keys: dict[int | str, Keystroke] = {}
        """By request."""
        self._n_opened = 0
        self.records: dict[int | str, RequestRecord] = {}
        self.errors: Counter[str] = Counter()

    async def open(self, file: Open) -> None:
        self._n_opened += 1
        # Never the same uri twice, so that nothing is left over from an earlier session.
        uri = f"file:///bench/{self._n_opened}/{file.path}"
        self._editor.open(uri, file.language, file.text)

    def press(self, event: Event) -> Keystroke | None:
        if isinstance(event, Move):
            self._editor.press(event)
            if self._tells_cursor:
                self._editor.tell_cursor()
            return None
        if self._cancels and self._last is not None:
            self._editor.cancel(self._last)
        key = Keystroke()
        self._editor.press(event)
        self._last = answer = self._editor.complete()
        self._keys[answer.request_id] = key
        task = asyncio.create_task(self._settle(key, answer))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        return key

    async def idle(self) -> None:
        while self._settling:
            await asyncio.wait(set(self._settling))

    async def finish(self) -> None:
        """Fetch the records that are still missing."""
        await self.idle()
        await self._collect()

    def forget(self) -> None:
        """Drop what was noted of the keys so far, to type on for hours."""
        self.records.clear()
        self._keys.clear()
        self._shown.clear()

    async def _settle(self, key: Keystroke, answer: Answer) -> None:
        await answer.done.wait()
        self._since_collected += 1
        if self._since_collected >= COLLECT_EVERY:
            self._since_collected = 0
            await self._collect()
        assert answer.answered_at is not None
        if answer.error is not None:
            # A cancelled or superseded request, by protocol; anything else is a defect.
            self.errors[str(answer.error.get("code"))] += 1
        if answer is not self._last:
            key.leave_empty("superseded", time.perf_counter())
            key.answered_at = None
            return
        texts = [text for text in answer.texts() if text]
        if texts:
            self._shown.add(answer.request_id)
            key.show(len(texts[0]), answer.answered_at)
        else:
            key.leave_empty("empty", answer.answered_at)

    async def _collect(self) -> None:
        for record in await self._editor.recent_requests():
            self.records[record.id] = record
            key = self._keys.get(record.id)
            if key is not None and record.n_prompt_tokens:
                key.n_evaluated = record.n_evaluated_tokens

    def cost(self) -> SottoCost:
        """What all requests together cost, from the server's own records."""
        records = list(self.records.values())
        never = [r for r in records if r.id not in self._shown]
        return SottoCost(
            n_requests=len(records),
            n_prompt_tokens=sum(r.n_prompt_tokens for r in records),
            n_evaluated_tokens=sum(r.n_evaluated_tokens for r in records),
            n_decoded_tokens=sum(r.n_decoded_tokens for r in records),
            n_never_shown_tokens=sum(r.n_decoded_tokens for r in never),
            n_from_fewer_lines=sum(r.n_put_off_tokens > 0 for r in records),
            n_evaluated_each=[r.n_evaluated_tokens for r in records if r.n_prompt_tokens],
            outcomes=dict(Counter(r.outcome for r in records).most_common()),
            sources=dict(Counter(r.source or "none" for r in records).most_common()),
            reasons=dict(Counter(r.reason or "late" for r in never).most_common()),
            errors=dict(self.errors),
        )


class SottoCost(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over `sotto/recentRequests`."""

    n_requests: int
    n_prompt_tokens: int
    n_evaluated_tokens: int
    n_decoded_tokens: int
    n_never_shown_tokens: int
    n_from_fewer_lines: int
    """Requests whose whole prompt would have taken too long to read."""
    n_evaluated_each: list[int]
    """By requests that reached the model and had not been taken back before."""
    outcomes: dict[str, int]
    sources: dict[str, int]
    reasons: dict[str, int]
    """Why requests had nothing to show; `late` if the next key came before the answer."""
    errors: dict[str, int]
    """Answers that were errors, by code."""
