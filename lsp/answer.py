"""From a request for a suggestion to its answer: snapshot first, latest wins, one record each.

What `textDocument/inlineCompletion` and `textDocument/completion` share.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from time import perf_counter

from lsprotocol import types

from inference import InferenceError
from lsp.context.gates import Trigger
from lsp.context.related import related_texts
from lsp.document import Snapshot
from lsp.document_store import Document
from lsp.positions import locate
from lsp.project_path import path_in_project
from lsp.protocol import DID_MOVE_CURSOR
from lsp.records import RecordPosition, RequestRecord
from lsp.session import Session
from lsp.settings import Settings
from lsp.suggest import Work, suggest

logger = logging.getLogger(__name__)

_WAKE_TIMEOUT_S = 10.0
"""How long a request waits for a model that was unloaded for being idle."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request for suggestions, by whichever method it came."""

    request_id: str | int
    method: str
    uri: str
    position: types.Position
    trigger: Trigger
    selected: types.SelectedCompletionInfo | None = None
    """The entry selected in the editor's completion list; a suggestion must begin with it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Texts to insert at the cursor, best first; the snapshot they belong to, if any."""

    texts: list[str]
    snapshot: Snapshot | None


async def answer(session: Session, question: Question) -> Answer:
    """Never raises but for a client's cancel: every other end is an answer, maybe an empty one."""
    started = perf_counter()
    document = session.documents.get(question.uri)
    record = RequestRecord(
        id=question.request_id,
        uri=question.uri,
        version=document.version if document else None,
        position=RecordPosition(question.position.line, question.position.character),
    )
    # The snapshot and the settings are taken before the first await: what arrives later, a change
    # above all, ends this request and is not mixed into it.
    settings = session.settings
    session.jobs.supersede(question.uri, by="newer-request", method=DID_MOVE_CURSOR)
    job = session.jobs.begin(question.uri, question.method)
    work = Work()
    snapshot: Snapshot | None = None
    texts: list[str] = []
    try:
        record.reason = _refusal(session, settings, document, question)
        if record.reason is None and document is not None:
            snapshot = _snapshot(session, document, question)
            texts = await _suggest(session, settings, snapshot, question, work)
            record.reason = work.reason
            record.outcome = "shown" if texts else "empty"
    except asyncio.CancelledError:
        if job.superseded_by is None:
            record.outcome, record.reason = "cancelled", "client"
            raise
        # The cancellation was ours, to wake this task: it is over, and the request is answered.
        record.outcome, record.reason = "superseded", job.superseded_by
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
    except InferenceError as error:
        record.outcome, record.reason = "error", type(error).__name__
        logger.warning("A suggestion failed: %s", error)
    except Exception as error:
        record.outcome, record.reason = "error", type(error).__name__
        logger.exception("A suggestion failed")
    finally:
        session.jobs.end(job)
        # Whoever types on will ask for nearly the same.
        work.cancel(finish_prompt=job.was_typed_on)
        record.source = work.source
        record.total_ms = 1000 * (perf_counter() - started)
        session.records.add(record)
        session.settle(record, work.generations)
    return Answer(texts=texts, snapshot=snapshot)


async def _suggest(
    session: Session, settings: Settings, snapshot: Snapshot, question: Question, work: Work
) -> list[str]:
    related = related_texts(snapshot.uri, snapshot.language_id, session.documents)
    # Editors hold a whole completion list back for the slowest of its sources; ghost text holds
    # nothing up, and whatever is typed meanwhile ends this request.
    wait_s = _WAKE_TIMEOUT_S if question.method == types.TEXT_DOCUMENT_INLINE_COMPLETION else 0.0
    async with session.engine.use(wait_s=wait_s) as ready:
        if ready is None:
            work.reason = f"model-{session.engine.status.state.value}"
            return []
        engine, model = ready
        texts = await suggest(
            snapshot,
            trigger=question.trigger,
            engine=engine,
            model=model,
            settings=settings.inline_completion,
            type_through=session.type_through,
            path=path_in_project(question.uri, session.folders),
            work=work,
            related=related,
        )
    if question.selected is None:
        return texts
    return [question.selected.text + text for text in texts]


def _refusal(
    session: Session, settings: Settings, document: Document | None, question: Question
) -> str | None:
    """Why nothing is suggested here, whatever the text is."""
    inline = settings.inline_completion
    if not inline.enabled:
        return "disabled"
    if document is None:
        return "unknown-document"
    if document.is_oversize:
        return "too-large"
    if document.suspicion is not None:
        return "out-of-step"
    cursor = locate(document.text, document.lines, question.position, session.encoding)
    start = end = cursor
    if question.selected is not None:
        replaced = question.selected.range
        start = locate(document.text, document.lines, replaced.start, session.encoding)
        end = locate(document.text, document.lines, replaced.end, session.encoding)
    is_in_text = start.is_exact and cursor.is_exact and end.is_exact
    if not is_in_text or not start.offset <= cursor.offset <= end.offset:
        return "position-outside-text"
    return None


def _snapshot(session: Session, document: Document, question: Question) -> Snapshot:
    """The document at the cursor; with the completion list's selected entry, as if accepted."""
    snapshot = session.snapshot(document, question.position)
    if question.selected is None:
        return snapshot
    chosen = question.selected
    start = locate(document.text, document.lines, chosen.range.start, session.encoding).offset
    end = locate(document.text, document.lines, chosen.range.end, session.encoding).offset
    return replace(
        snapshot,
        text=snapshot.text[:start] + chosen.text + snapshot.text[end:],
        offset=start + len(chosen.text),
    )
