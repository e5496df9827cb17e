"""Evaluates the prompt at the cursor before anything is typed there.

Of a keystroke at a new place nearly all time goes into reading the text around it, a second and
more with a larger model. Where the cursor rests the user is likely to type, so that is done ahead,
whenever nothing else is asked of the model, and the first suggestion comes as quickly as any other.

The cursor has to rest for a share of what the last such reading took: then at most so much is
spent in vain as a user who only moves about would expect, and a large model reads nothing until
somebody has stopped to look.
"""

from __future__ import annotations

import asyncio
import logging

from lsprotocol import types

from inference import GenerationRequest, InferenceError, Priority, SamplingParams, Usage
from lsp.context.gates import GateLimits, Trigger, should_suggest
from lsp.context.related import related_texts
from lsp.document import Snapshot
from lsp.jobs import Job
from lsp.project_path import path_in_project
from lsp.protocol import DID_MOVE_CURSOR
from lsp.session import Session
from lsp.suggest import prompt_at

logger = logging.getLogger(__name__)

MIN_REST_S = 0.15
"""A key held down moves on more quickly."""
REST_SHARE = 0.125
"""Of the time that reading a whole prompt takes."""


def cursor_moved(session: Session, uri: str, position: types.Position) -> None:
    """The cursor is at `position` now; what was begun for another place is given up."""
    session.jobs.supersede_all(by="cursor-moved", method=DID_MOVE_CURSOR)
    document = session.documents.get(uri)
    inline = session.settings.inline_completion
    if document is None or document.is_oversize or document.suspicion is not None:
        return
    if inline.enabled and inline.warm_up:
        session.run(_warm_up(session, session.snapshot(document, position)))


async def _warm_up(session: Session, snapshot: Snapshot) -> None:
    """Any change of the document ends it, and so does a request for a suggestion."""
    job = session.jobs.begin(snapshot.uri, DID_MOVE_CURSOR)
    try:
        await asyncio.sleep(session.cursor_rest_s)
        limits = GateLimits(
            disabled_languages=frozenset(session.settings.inline_completion.disabled_languages)
        )
        # As if asked for by name: between two words nothing is suggested, but much is typed.
        if should_suggest(snapshot, Trigger.INVOKED, limits=limits) is None:
            await _evaluate(session, snapshot, job)
    except asyncio.CancelledError:
        if job.superseded_by is None:
            raise
    except InferenceError as error:
        logger.debug("Nothing was evaluated ahead: %s", error)
    finally:
        session.jobs.end(job)


async def _evaluate(session: Session, snapshot: Snapshot, job: Job) -> None:
    related = related_texts(snapshot.uri, snapshot.language_id, session.documents)
    request = GenerationRequest(
        prompt=prompt_at(snapshot, path_in_project(snapshot.uri, session.folders), related),
        sampling=SamplingParams(max_tokens=0),
        answer_tokens=session.settings.inline_completion.max_tokens,
        priority=Priority.WARMUP,
        sequence_hint=snapshot.uri,
    )
    async with session.engine.use(wait_s=0.0) as ready:
        if ready is None:
            return
        generation = ready[0].submit(request)
        try:
            usage = (await generation.result()).usage
        finally:
            # Who types here goes on with it; who has moved on does not.
            generation.cancel(finish_prompt=job.was_typed_on)
    session.cursor_rest_s = rest_s(usage, session.cursor_rest_s)


def rest_s(usage: Usage, before_s: float) -> float:
    """Seconds that the cursor has to rest, by what an evaluation took; `before_s` if it took
    nothing, as all was cached."""
    if not usage.n_evaluated_tokens:
        return before_s
    whole_ms = usage.prefill_ms * usage.n_prompt_tokens / usage.n_evaluated_tokens
    return max(MIN_REST_S, REST_SHARE * whole_ms / 1e3)
