"""Conversations that are kept: in the user's data folder, readable by the user alone.

The question is written before the model begins, the answer when it is finished; each in one
transaction that is on the disk when it is over. Whatever ends the process loses no finished turn
and no question. Every call opens the file and closes it again, so any thread may make it and
several servers may share the file.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import platformdirs

from lsp.chat.protocol import ConversationInfo, KeptTurn, Message

_VERSION = 1
_BUSY_S = 5.0
_TITLE_CHARS = 80
_SCHEMA = """
CREATE TABLE turn (
    workspace TEXT NOT NULL,
    conversation TEXT NOT NULL,
    number INTEGER NOT NULL,
    asked TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT,
    reasoning TEXT NOT NULL DEFAULT '',
    outcome TEXT NOT NULL DEFAULT 'pending',
    PRIMARY KEY (workspace, conversation, number)
) WITHOUT ROWID
"""

Outcome = Literal["finished", "stopped", "failed"]


class HistoryError(Exception):
    """The file cannot be used; the message says why and what to do."""


def default_file() -> Path:
    return platformdirs.user_data_path("sotto", appauthor=False) / "conversations.db"


class History:
    """The conversations of one workspace: of the folder that is open, or of none."""

    def __init__(self, workspace: str, file: Path | None = None) -> None:
        self._workspace = workspace
        self._file = file or default_file()

    def begin(self, conversation: str, number: int, question: Message) -> None:
        """Keeps a question as the conversation's turn `number`, counted from 0. A turn that was
        there and all after it were taken back by the user, and go.

        Raises `HistoryError`, as all of these do.
        """
        with self._open() as database:
            database.execute(
                "DELETE FROM turn WHERE workspace = ? AND conversation = ? AND number >= ?",
                (self._workspace, conversation, number),
            )
            database.execute(
                "INSERT INTO turn (workspace, conversation, number, asked, question)"
                " VALUES (?, ?, ?, ?, ?)",
                (self._workspace, conversation, number, _now(), _encoded(question)),
            )

    def end(
        self,
        conversation: str,
        number: int,
        *,
        question: Message,
        answer: Message | None,
        reasoning: str = "",
        outcome: Outcome = "finished",
    ) -> None:
        """Keeps what became of a question. Nothing happens if the conversation was deleted
        meanwhile."""
        with self._open() as database:
            database.execute(
                "UPDATE turn SET question = ?, answer = ?, reasoning = ?, outcome = ?"
                " WHERE workspace = ? AND conversation = ? AND number = ?",
                (
                    _encoded(question),
                    None if answer is None else _encoded(answer),
                    reasoning,
                    outcome,
                    self._workspace,
                    conversation,
                    number,
                ),
            )

    def conversations(self) -> list[ConversationInfo]:
        """All of them, the latest first."""
        if not self._file.exists():
            return []
        with self._open() as database:
            rows = database.execute(
                "SELECT conversation, max(asked), count(*), min(number) FROM turn"
                " WHERE workspace = ? GROUP BY conversation ORDER BY max(asked) DESC",
                (self._workspace,),
            ).fetchall()
            return [
                ConversationInfo(
                    conversation_id=conversation,
                    title=self._title(database, conversation, first),
                    updated=updated,
                    n_turns=n_turns,
                )
                for conversation, updated, n_turns, first in rows
            ]

    def turns(self, conversation: str) -> list[KeptTurn]:
        """A conversation's turns in their order; empty if there is none of that id."""
        if not self._file.exists():
            return []
        with self._open() as database:
            rows = database.execute(
                "SELECT question, answer, reasoning, asked, outcome FROM turn"
                " WHERE workspace = ? AND conversation = ? ORDER BY number",
                (self._workspace, conversation),
            ).fetchall()
        return [_turn(row) for row in rows]

    def delete(self, conversation: str | None = None) -> int:
        """Deletes one conversation or all of the workspace; how many turns that were. Their text
        is overwritten."""
        if not self._file.exists():
            return 0
        where = "" if conversation is None else " AND conversation = ?"
        parameters = (self._workspace, *([] if conversation is None else [conversation]))
        with self._open() as database:
            deleted = database.execute(f"DELETE FROM turn WHERE workspace = ?{where}", parameters)  # noqa: S608 - of two constants
            return deleted.rowcount

    def _title(self, database: sqlite3.Connection, conversation: str, number: int) -> str:
        (question,) = database.execute(
            "SELECT question FROM turn WHERE workspace = ? AND conversation = ? AND number = ?",
            (self._workspace, conversation, number),
        ).fetchone()
        content = " ".join(msgspec.json.decode(question, type=Message).content.split())
        return content[:_TITLE_CHARS]

    @contextlib.contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        """A transaction: all of it or nothing."""
        try:
            _create_private(self._file)
            with contextlib.closing(sqlite3.connect(self._file, timeout=_BUSY_S)) as database:
                database.execute("PRAGMA synchronous = FULL")
                database.execute("PRAGMA secure_delete = ON")
                with database:
                    database.execute("BEGIN IMMEDIATE")
                    self._migrate(database)
                    yield database
        except (OSError, sqlite3.Error, msgspec.MsgspecError, UnicodeError) as error:
            raise HistoryError(
                f"The conversations in {self._file} cannot be kept or read: {error}. Move the file "
                "away, or set `chat.keepConversations` to false."
            ) from error

    def _migrate(self, database: sqlite3.Connection) -> None:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version == 0:
            database.execute(_SCHEMA)
            database.execute(f"PRAGMA user_version = {_VERSION}")
        elif version != _VERSION:
            raise sqlite3.DatabaseError("it was written by a newer Sotto")


def as_markdown(turns: Sequence[KeptTurn]) -> str:
    """A conversation to be read elsewhere."""
    parts: list[str] = []
    for turn in turns:
        parts.append(f"## You\n\n{turn.question.content}\n")
        if turn.answer is not None:
            used = [f"- `{step.tool}`" for step in turn.answer.steps]
            steps = "\n".join(used) + "\n\n" if used else ""
            parts.append(f"## Sotto\n\n{steps}{turn.answer.content}\n")
        else:
            parts.append("## Sotto\n\n*(no answer)*\n")
    return "\n".join(parts)


def _create_private(file: Path) -> None:
    """The file with rights for the user alone; its journal gets the same from SQLite."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _encoded(message: Message) -> str:
    return msgspec.json.encode(message).decode()


def _turn(row: tuple[str, str | None, str, str, str]) -> KeptTurn:
    question, answer, reasoning, asked, outcome = row
    return KeptTurn(
        question=msgspec.json.decode(question, type=Message),
        answer=None if answer is None else msgspec.json.decode(answer, type=Message),
        reasoning=reasoning,
        asked=asked,
        outcome=msgspec.convert(outcome, Literal["pending", "finished", "stopped", "failed"]),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
