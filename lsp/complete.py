"""`sotto complete FILE:LINE:COL`: what would be suggested there, without an editor."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from time import perf_counter

import msgspec

from inference import Engine, EngineConfig, InferenceError
from lsp import terminal
from lsp.context.gates import GateReason, Trigger
from lsp.context.languages import language_of
from lsp.document import Snapshot
from lsp.records import RecordPosition, RequestRecord
from lsp.settings import InlineCompletionSettings
from lsp.suggest import Work, suggest
from lsp.type_through import TypeThrough

_PLACE = re.compile(r"(?P<file>.+?):(?P<line>\d{1,9})(?::(?P<column>\d{1,9}))?")
_LINE_END = re.compile(r"\r\n|\r|\n")
_MAX_FILE_BYTES = 32 * 1024 * 1024


class PlaceError(Exception):
    """No such place; the message is a whole sentence."""


class Completion(msgspec.Struct, frozen=True):
    """What `--json` prints."""

    suggestions: list[str]
    record: RequestRecord


def complete(place: str, *, as_json: bool, invoked: bool, model_path: Path | None) -> int:
    """Print the suggestion at `place`, and what it cost; returns the exit status.

    The suggestion goes to stdout and nothing else does, unless JSON is asked for.
    """
    try:
        snapshot = read_place(place)
        completion = asyncio.run(_complete(snapshot, invoked=invoked, model_path=model_path))
    except (PlaceError, InferenceError) as error:
        terminal.write_error(str(error))
        return 1
    if as_json:
        terminal.write(msgspec.json.encode(completion).decode())
        return 0
    for suggestion in completion.suggestions:
        terminal.write(suggestion)
    terminal.write_note(_summary(completion.record))
    return 0


async def _complete(snapshot: Snapshot, *, invoked: bool, model_path: Path | None) -> Completion:
    trigger = Trigger.INVOKED if invoked else Trigger.AUTOMATIC
    work = Work()
    suggestions: list[str] = []
    async with Engine(EngineConfig(model_path=model_path)) as engine:
        model = await engine.wait_ready()
        started = perf_counter()
        suggestions = await suggest(
            snapshot,
            trigger=trigger,
            engine=engine,
            model=model,
            settings=InlineCompletionSettings(patience_ms=0),
            type_through=TypeThrough(),
            path=Path(snapshot.uri).name,
            work=work,
        )
        total_ms = 1000 * (perf_counter() - started)
        record = RequestRecord(
            id=0,
            uri=snapshot.uri,
            version=0,
            position=RecordPosition(snapshot.line_number, len(snapshot.line_prefix)),
            outcome="shown" if suggestions else "empty",
            reason=work.reason,
            source=work.source,
            total_ms=total_ms,
        )
        for generation in work.generations:
            record.add_usage((await generation.result()).usage)
    return Completion(suggestions, record)


def read_place(place: str) -> Snapshot:
    """`FILE:LINE[:COL]`, counted from 1, as a snapshot; without COL the line's end is meant.

    Raises PlaceError.
    """
    match = _PLACE.fullmatch(place)
    if match is None:
        raise PlaceError(f"`{place}` is not FILE:LINE:COL, for example src/app.py:12:9.")
    path = Path(match["file"])
    text = _read_text(path)
    line_number = int(match["line"])
    starts = [0, *(end.end() for end in _LINE_END.finditer(text))]
    if not 1 <= line_number <= len(starts):
        raise PlaceError(f"{path} has {len(starts)} lines; there is no line {line_number}.")
    start = starts[line_number - 1]
    end = _LINE_END.search(text, start)
    length = (end.start() if end else len(text)) - start
    column = int(match["column"]) if match["column"] else length + 1
    if not 1 <= column <= length + 1:
        raise PlaceError(
            f"Line {line_number} of {path} has {length} characters; "
            f"column {column} is not between 1 and {length + 1}."
        )
    return Snapshot(
        uri=path.resolve().as_uri(),
        version=0,
        language_id=language_of("plaintext", path.name).id,
        text=text,
        offset=start + column - 1,
    )


def _read_text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            # A pipe or a device may have no end, or never a beginning.
            raise PlaceError(f"{path} is not a file.")
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise PlaceError(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) > _MAX_FILE_BYTES:
        raise PlaceError(f"{path} is too large: more than {_MAX_FILE_BYTES} bytes.")
    try:
        # Decoded as it is: reading as text would change the line endings. Editors show no BOM.
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise PlaceError(f"{path} is not UTF-8: byte {error.start} cannot be decoded.") from None


def _summary(record: RequestRecord) -> str:
    if record.outcome == "empty":
        return f"no suggestion: {_sentence(record.reason)}"
    cost = (
        f"{record.n_evaluated_tokens} tokens evaluated, {record.n_reused_tokens} reused, "
        f"{record.n_decoded_tokens} decoded, {record.total_ms:.0f} ms"
    )
    if record.first_text_ms is None:
        return cost
    return f"first text after {record.first_text_ms:.0f} ms; {cost}"


def _sentence(reason: str | None) -> str:
    try:
        return GateReason(reason or "").sentence
    except ValueError:
        return (reason or "unknown").replace("-", " ")
