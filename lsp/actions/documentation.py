"""Documentation of a function or class: where it goes, and a model's text in its form."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lsp.actions.definitions import Definition, indent_at, line_end, line_start
from lsp.actions.grammars import DocStyle
from lsp.actions.proposal import FaultyAnswerError
from lsp.context.surroundings import to_newlines

MAX_LINES = 24
_SENTENCE = re.compile(r".*?[.!?](?=\s|$)", re.DOTALL)
_WRAPPED = (
    re.compile(r'"""(.*?)(?:"""|\Z)', re.DOTALL),
    re.compile(r"'''(.*?)(?:'''|\Z)", re.DOTALL),
    re.compile(r"/\*\*(.*?)(?:\*/|\Z)", re.DOTALL),
)
_FENCED = re.compile(r"^ *(```+|~~~+)[^\n]*\n(.*?)(?:^ *\1|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DocumentationPlace:
    """`text[:offset] + lead + <documentation> + tail + text[offset:]` is the new document."""

    offset: int
    lead: str
    tail: str
    style: DocStyle
    indent: str
    mark: str
    eol: str
    stop: tuple[str, ...]
    """What ends the documentation in a model's text."""


def documentation_place(definition: Definition, *, eol: str, unit: str) -> DocumentationPlace:
    """`unit` is one step of indentation."""
    tree, text = definition.tree, definition.tree.text
    style = definition.grammar.doc
    assert style is not None
    indent = definition.indent
    if style is DocStyle.INSIDE:
        body = definition.body
        assert body is not None
        if body.named_children:
            indent = indent_at(text, tree.span(body).start)
        else:
            indent += unit
        colon = next(c for c in reversed(definition.node.children) if c.type == ":")
        offset = line_end(text, tree.span(colon).end)
        lead = f'{eol}{indent}"""'
        return DocumentationPlace(offset, lead, '"""', style, indent, "", eol, ('"""',))
    offset = line_start(text, definition.span.start)
    if style is DocStyle.BLOCK:
        lead = f"{indent}/**{eol}{indent} * "
        tail = f"{eol}{indent} */{eol}"
        return DocumentationPlace(offset, lead, tail, style, indent, " *", eol, ("*/",))
    mark = definition.grammar.doc_mark
    return DocumentationPlace(offset, f"{indent}{mark} ", eol, style, indent, mark, eol, ())


def written_documentation(answer: str, place: DocumentationPlace, *, is_cut: bool) -> str:
    """What is inserted at `place.offset`. Raises FaultyAnswerError.

    `answer` continues `place.lead`; `is_cut`: it was stopped in the middle, so that its last
    sentence is left out.
    """
    text = to_newlines(answer)
    for stop in place.stop:
        before, found, _ = text.partition(stop)
        text, is_cut = before, is_cut and not found
    lines = _own_lines(text, place)
    body = "\n".join(lines).strip()
    if is_cut:
        sentences = _SENTENCE.match(body.partition("\n\n")[0])
        body = sentences[0].strip() if sentences else ""
    if not re.search(r"[^\W\d_]", body):
        raise FaultyAnswerError("has no text for the documentation")
    if place.style is DocStyle.INSIDE and ("\\" in body or '"""' in body):
        raise FaultyAnswerError("has characters that a docstring cannot hold as they are")
    return _formed(body, place)


def bare_documentation(answer: str, place: DocumentationPlace) -> str:
    """The documentation alone, out of an answer that may hold code and prose around it."""
    text = to_newlines(answer)
    fenced = _FENCED.search(text)
    text = fenced[2] if fenced else text
    for pattern in _WRAPPED:
        wrapped = pattern.search(text)
        if wrapped:
            return wrapped[1]
    if place.mark.strip():
        marked = [
            line.strip().removeprefix(place.mark.strip()).strip()
            for line in text.splitlines()
            if line.strip().startswith(place.mark.strip())
        ]
        text = "\n".join(marked) or text
    return text.strip().strip('"')


def _own_lines(text: str, place: DocumentationPlace) -> list[str]:
    """Without marks and indentation, up to where it is not documentation any more."""
    lines: list[str] = []
    for number, line in enumerate(text.split("\n")):
        bare = line.strip() if number == 0 else _unindented(line, place)
        if bare is None or len(lines) == MAX_LINES or (bare.strip() and bare in lines):
            break  # Small models repeat themselves without end.
        lines.append(bare)
    return lines


def _unindented(line: str, place: DocumentationPlace) -> str | None:
    """A line after the first; None if it is no part of the documentation."""
    line = line.rstrip()
    if place.style is DocStyle.INSIDE:
        if line and not line.startswith(place.indent):
            # Its whole text may have been written without indentation.
            return line.lstrip()
        return line[len(place.indent) :]
    bare, mark = line.lstrip(), place.mark.strip()
    if place.style is DocStyle.LINES:
        return bare[len(mark) :].removeprefix(" ") if bare.startswith(mark) else None
    return bare.removeprefix(mark).removeprefix(" ")


def _formed(body: str, place: DocumentationPlace) -> str:
    lines = body.split("\n")
    if place.style is DocStyle.INSIDE:
        rest = [place.indent + line if line else "" for line in lines[1:]]
        closing = [place.indent] if rest else []
        last = f"{lines[0]} " if not rest and lines[0].endswith('"') else lines[0]
        return place.lead + place.eol.join([last, *rest, *closing]) + place.tail
    joint = f"{place.eol}{place.indent}{place.mark}"
    rest = "".join(f"{joint} {line}" if line else joint for line in lines[1:])
    return place.lead + lines[0] + rest + place.tail
