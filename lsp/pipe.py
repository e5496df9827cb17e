"""`sotto pipe INSTRUCTION`: rewrites what comes through a pipe, for editors' shell commands.

Starts a model of its own for one answer: as long as loading it takes, and its memory beside the
server's. Nothing is printed before the answer has passed the checks that code actions go through.
"""

from __future__ import annotations

import asyncio
import io
import sys
from dataclasses import dataclass
from pathlib import Path

from inference import Engine, EngineConfig, InferenceError
from lsp import terminal
from lsp.actions.abilities import inability
from lsp.actions.asking import Asker
from lsp.actions.instructing import rewrite
from lsp.actions.offers import asked_rewrite
from lsp.actions.place import Place, place_at
from lsp.actions.proposal import RefusedError
from lsp.actions.source_tree import Span
from lsp.actions.works import Rewrite
from lsp.changes import apply
from lsp.context.languages import language_of
from lsp.document import Snapshot
from lsp.settings import ActionSettings

_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class PipeOptions:
    """What the command line says."""

    instruction: str
    file: str = ""
    """Where the text is from; its name tells the language, and the model is told it."""
    language: str = ""
    """The protocol's identifier of it, which wins over the file's."""
    model_path: Path | None = None


def pipe(options: PipeOptions) -> int:
    """Prints the new text; returns the exit status.

    Where there is none the text comes out as it went in, with status 1 and the reason on stderr: so
    an editor that takes whatever is printed loses nothing.
    """
    # A program may be started without a standard input.
    stdin = sys.stdin.buffer if sys.stdin is not None else io.BytesIO()  # pyright: ignore[reportUnnecessaryComparison]
    data = stdin.read(_MAX_BYTES + 1)
    try:
        place = _place(_decoded(data), options)
        new_text = asyncio.run(_rewritten(place, options))
    except (RefusedError, InferenceError) as error:
        terminal.write_bytes(data + stdin.read())
        terminal.write_error(str(error))
        return 1
    terminal.write_bytes(new_text.encode())
    return 0


def _decoded(data: bytes) -> str:
    if len(data) > _MAX_BYTES:
        raise RefusedError(f"This is more than {_MAX_BYTES >> 20} MiB: select less.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError(f"The text is not UTF-8: byte {error.start} is wrong.") from None
    return text


def _place(text: str, options: PipeOptions) -> Place:
    """All of the text, selected."""
    snapshot = Snapshot(
        uri=Path(options.file or "text").absolute().as_uri(),
        version=0,
        language_id=language_of(options.language or "plaintext", options.file).id,
        text=text,
        offset=0,
    )
    return place_at(snapshot, Span(0, len(text)))


async def _rewritten(place: Place, options: PipeOptions) -> str:
    """Raises RefusedError, or an InferenceError."""
    offer = asked_rewrite(place, options.instruction)
    if offer is None or not isinstance(offer.work, Rewrite):
        raise RefusedError("There is no text to rewrite: select some.")
    if not options.instruction.strip():
        raise RefusedError("Say what is to be done: sotto pipe 'use a list comprehension'.")
    async with Engine(EngineConfig(model_path=options.model_path)) as engine:
        model = await engine.wait_ready()
        cannot = inability(model, offer.needs)
        if cannot is not None:
            raise RefusedError(f"{cannot} Here that is the option `--model`.")
        asker = Asker(
            engine,
            model,
            max_tokens=ActionSettings().max_answer_tokens,
            uri=place.snapshot.uri,
            path=options.file,
        )
        proposal = await rewrite(offer.work, place, asker)
    return apply(place.text, proposal.changes)
