"""Typing traces: what a programmer did in a file, key by key, with the time between keys.

A trace is JSON lines in UTF-8. The first line is a header; after it, `open` starts a session in one
file and the events that follow happen in it, until the next `open`:

    {"type":"trace","format":1,"about":"…"}
    {"type":"open","path":"a/b.py","language":"python","text":"def f():\n"}
    {"type":"move","at":9,"after_ms":900}
    {"type":"insert","at":9,"text":" ","after_ms":143}
    {"type":"delete","at":9,"length":1,"after_ms":210}

`at` counts code points from the start of the text as it is before the event; `after_ms` is the
time since the event before. An insert leaves the cursor behind its text, a delete at its place.
Lines end with `\\n` or `\\r\\n`; a lone `\\r` is refused, because editors disagree about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from bench.errors import BenchError

FORMAT = 1


class TraceError(BenchError):
    """A trace cannot be used; the message names the file and the line."""


class Header(msgspec.Struct, frozen=True, tag="trace", tag_field="type"):
    format: int
    about: str = ""


class Open(msgspec.Struct, frozen=True, tag="open", tag_field="type"):
    """A file is opened with this text; the cursor is at its start."""

    path: str
    language: str
    text: str


class Insert(msgspec.Struct, frozen=True, tag="insert", tag_field="type"):
    """One key (or one paste) put `text` at `at`."""

    at: int
    text: str
    after_ms: float


class Delete(msgspec.Struct, frozen=True, tag="delete", tag_field="type"):
    """`length` code points from `at` went away."""

    at: int
    length: int
    after_ms: float


class Move(msgspec.Struct, frozen=True, tag="move", tag_field="type"):
    """The cursor went to `at`."""

    at: int
    after_ms: float


Event = Insert | Delete | Move


class Session(msgspec.Struct, frozen=True):
    """One file and what was done in it."""

    file: Open
    events: tuple[Event, ...]

    @property
    def n_keys(self) -> int:
        """Events that change the text."""
        return sum(not isinstance(event, Move) for event in self.events)


def apply(text: str, event: Event) -> tuple[str, int]:
    """The text after an event, and where the cursor is then. Raises TraceError outside the text."""
    end = event.at + event.length if isinstance(event, Delete) else event.at
    if not 0 <= event.at <= end <= len(text):
        raise TraceError(f"position {end} lies outside a text of {len(text)} characters")
    match event:
        case Insert():
            return text[: event.at] + event.text + text[event.at :], event.at + len(event.text)
        case Delete():
            return text[: event.at] + text[end:], event.at
        case Move():
            return text, event.at


def read_trace(path: Path) -> list[Session]:
    """Read and check a trace. Raises TraceError for anything that could not be replayed."""
    decoder = msgspec.json.Decoder(Header | Open | Insert | Delete | Move)
    sessions: list[Session] = []
    opened: Open | None = None
    events: list[Event] = []
    text = ""
    seen_header = False
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise TraceError(f"{path}: {error.strerror or error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = decoder.decode(line)
            if isinstance(record, Header):
                if record.format != FORMAT:
                    raise TraceError(f"format {record.format} is not {FORMAT}")
                seen_header = True
            elif not seen_header:
                raise TraceError("the first line must be the header of a trace")
            elif isinstance(record, Open):
                if opened is not None:
                    sessions.append(Session(opened, tuple(events)))
                opened, events, text = record, [], _checked(record.text)
            elif opened is None:
                raise TraceError("an event comes before any file is opened")
            else:
                if isinstance(record, Insert):
                    _checked(record.text)
                if record.after_ms < 0:
                    raise TraceError("after_ms is negative")
                text, _ = apply(text, record)
                events.append(record)
        except (msgspec.DecodeError, TraceError) as error:
            raise TraceError(f"{path}:{number}: {error}") from error
    if opened is not None:
        sessions.append(Session(opened, tuple(events)))
    if not any(session.n_keys for session in sessions):
        raise TraceError(f"{path}: no keys were typed in this trace")
    return sessions


def write_trace(path: Path, sessions: Iterable[Session], *, about: str = "") -> None:
    """Write a trace, one record a line."""
    encode = msgspec.json.encode
    lines = [encode(Header(FORMAT, about))]
    for session in sessions:
        lines.append(encode(session.file))
        lines.extend(encode(event) for event in session.events)
    path.write_bytes(b"\n".join(lines) + b"\n")


def take(sessions: Sequence[Session], n_keys: int) -> list[Session]:
    """The beginnings of all sessions, as evenly as they allow, with at most `n_keys` keys."""
    shares = [0 for _ in sessions]
    left = n_keys
    hungry: list[int] = [index for index, session in enumerate(sessions) if session.n_keys]
    while left and hungry:
        share = max(1, left // len(hungry))
        for index in hungry:
            given = min(share, left, sessions[index].n_keys - shares[index])
            shares[index] += given
            left -= given
        hungry = [i for i in hungry if shares[i] < sessions[i].n_keys]
    return [_cut(session, share) for session, share in zip(sessions, shares, strict=True) if share]


def shifted(session: Session, heading: str) -> Session:
    """The session with a heading at the start of its file, and every event that much further."""

    def moved(event: Event) -> Event:
        return msgspec.structs.replace(event, at=event.at + len(heading))

    file = msgspec.structs.replace(session.file, text=heading + session.file.text)
    return Session(file, tuple(moved(event) for event in session.events))


def _cut(session: Session, n_keys: int) -> Session:
    events: list[Event] = []
    for event in session.events:
        if not isinstance(event, Move):
            if n_keys == 0:
                break
            n_keys -= 1
        events.append(event)
    return Session(session.file, tuple(events))


def _checked(text: str) -> str:
    if "\r" in text.replace("\r\n", ""):
        raise TraceError("the text holds a carriage return without a line feed")
    return text
