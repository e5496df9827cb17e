"""Bodies and documentation, by filling in the middle where the model can."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from inference import FimPrompt, GenerationRequest, Priority, SamplingParams
from lsp.actions.asking import Answered, Asker
from lsp.actions.checks import check_characters, check_parses
from lsp.actions.definitions import Definition, line_end, line_start
from lsp.actions.documentation import (
    bare_documentation,
    documentation_place,
    written_documentation,
)
from lsp.actions.fitting import Target
from lsp.actions.instructing import ask_twice, shown_part
from lsp.actions.place import Place
from lsp.actions.proposal import FaultyAnswerError, Proposal, RefusedError
from lsp.actions.source_tree import walk
from lsp.actions.works import FillBody, FillDocumentation
from lsp.changes import Change, Span, apply
from lsp.context.surroundings import columns, indent_of, surroundings_of
from lsp.document import Snapshot
from lsp.ghost_text import Trimmer
from lsp.replies.forms import fenced
from lsp.suggest import readable

logger = logging.getLogger(__name__)

MAX_BODY_LINES = 60
_MAX_DOCUMENTATION_TOKENS = 200
_SECOND_TEMPERATURE = 0.6
"""Of the second try at a body; the first is greedy."""


@dataclass(frozen=True, slots=True)
class _Gap:
    """`span` gives way to `lead`, what the model writes, and `tail`."""

    span: Span
    lead: str
    tail: str


async def fill_body(work: FillBody, place: Place, asker: Asker) -> Proposal:
    """Raises RefusedError if two tries bring nothing that fits."""
    gap = _gap(work, place)
    text = place.text
    prefix, suffix = text[: gap.span.start] + gap.lead, gap.tail + text[gap.span.end :]
    snapshot: Snapshot = replace(place.snapshot, text=prefix + suffix, offset=len(prefix))

    async def attempt(seed: int) -> Proposal:
        trimmer = Trimmer(snapshot, multiline=True, max_lines=MAX_BODY_LINES)
        request = _request(asker, prefix, suffix, seed=seed, max_tokens=asker.max_tokens)
        answered = await asker.ask(request, until=trimmer.feed)
        body = trimmer.result(truncated=answered.is_cut).text
        stub = work.stub.cut(text)
        if not body.strip() or body.strip() == stub:
            raise FaultyAnswerError("has no body")
        changes = (Change(gap.span, gap.lead + body + gap.tail),)
        check_parses(place, apply(text, changes))
        return Proposal(changes, gap.span)

    return await _twice(attempt, f"body for `{work.definition.name}`")


async def fill_documentation(work: FillDocumentation, place: Place, asker: Asker) -> Proposal:
    """Raises RefusedError if two tries bring nothing that fits."""
    text, snapshot = place.text, place.snapshot
    unit = surroundings_of(snapshot).indent_unit
    target = documentation_place(work.definition, eol=snapshot.eol, unit=unit)
    prefix, suffix = text[: target.offset] + target.lead, target.tail + text[target.offset :]

    async def attempt(seed: int) -> Proposal:
        start = _first_words(work.definition) if seed else ""
        request = _request(
            asker,
            prefix + start,
            suffix,
            seed=0,
            max_tokens=min(asker.max_tokens, _MAX_DOCUMENTATION_TOKENS),
            stop=target.stop,
        )
        answered = await asker.ask(request)
        if start and not re.match(r"[^\w\n]*\w", answered.text):
            raise FaultyAnswerError("has no text for the documentation")
        written = written_documentation(start + answered.text, target, is_cut=answered.is_cut)
        span = Span(target.offset, target.offset)
        changes = (Change(span, written),)
        check_parses(place, apply(text, changes))
        return Proposal(changes, span)

    return await _twice(attempt, f"documentation for `{work.definition.name}`")


async def ask_for_documentation(work: FillDocumentation, place: Place, asker: Asker) -> Proposal:
    """The same by instruction. Raises RefusedError."""
    definition, snapshot = work.definition, place.snapshot
    unit = surroundings_of(snapshot).indent_unit
    target = documentation_place(definition, eol=snapshot.eol, unit=unit)
    question = (
        f"{shown_part(Target(place, place.lines(definition.span)), asker)}\n\n"
        f"Task: write the documentation of `{definition.name}`, as the language writes it. Answer "
        "with its text alone, in one fenced block, without the code."
    )
    span = Span(target.offset, target.offset)

    def take(answered: Answered) -> Proposal:
        bare = bare_documentation(answered.text, target)
        written = written_documentation(bare, target, is_cut=answered.is_cut)
        check_characters(place.text, written)
        changes = (Change(span, written),)
        check_parses(place, apply(place.text, changes))
        return Proposal(changes, span)

    return await ask_twice(question, take, asker, form=fenced(""))


async def _twice(attempt: Callable[[int], Awaitable[Proposal]], wanted: str) -> Proposal:
    """The second try, with another seed, goes another way."""
    for seed in (0, 1):
        try:
            return await attempt(seed)
        except FaultyAnswerError as fault:
            logger.info("An answer %s.", fault)
    raise RefusedError(f"The model found no {wanted} that fits; nothing was changed.")


def _first_words(definition: Definition) -> str:
    """What documentation often begins with, for a model that does not begin by itself."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", definition.name) or ["The"]
    returns = (node for node in walk(definition.node) if node.type == "return_statement")
    if any(node.named_children for node in returns):
        return "Return the"
    return words[0].capitalize()


def _request(
    asker: Asker,
    prefix: str,
    suffix: str,
    *,
    seed: int,
    max_tokens: int,
    stop: tuple[str, ...] = (),
) -> GenerationRequest:
    return GenerationRequest(
        prompt=FimPrompt(
            prefix=readable(prefix),
            suffix=readable(suffix),
            path=asker.path,
            related=tuple(map(readable, asker.related)),
        ),
        sampling=SamplingParams(
            max_tokens=max_tokens,
            temperature=_SECOND_TEMPERATURE if seed else 0.0,
            seed=seed,
            stop=stop,
        ),
        priority=Priority.ACTION,
        sequence_hint=asker.sequence_hint,
    )


def _gap(work: FillBody, place: Place) -> _Gap:
    """The stub, with the white space that has to become lines."""
    text, stub, eol = place.text, work.stub, place.snapshot.eol
    body = work.definition.body
    assert body is not None
    line = text[line_start(text, stub.start) : line_end(text, stub.start)]
    if stub.start < stub.end and not text[line_start(text, stub.start) : stub.start].strip():
        return _Gap(stub, "", "")  # It has a line of its own.
    outer = work.definition.indent
    inner = outer + surroundings_of(place.snapshot).indent_unit
    if place.language.id == "python":
        if columns(indent_of(line)) > columns(outer):
            inner = indent_of(line)  # That of the docstring or comment above.
        start = len(text[: stub.start].rstrip(" \t"))
        return _Gap(Span(start, _past_blank_line(text, stub.end)), eol + inner, "")
    braces = work.definition.tree.span(body)
    inside = Span(braces.start + 1, braces.end - 1)
    if not (text[inside.start : stub.start] + text[stub.end : inside.end]).strip():
        return _Gap(inside, eol + inner, eol + outer)
    is_empty = not stub.cut(text).strip()
    return _Gap(stub, eol + inner, eol + outer) if is_empty else _Gap(stub, "", "")


def _past_blank_line(text: str, offset: int) -> int:
    """Behind a next line that holds nothing but indentation, where the cursor was perhaps."""
    start = offset + (2 if text.startswith("\r\n", offset) else 1)
    end = line_end(text, start) if start <= len(text) else offset
    return end if start < end and not text[start:end].strip() else offset
