"""`workspace/executeCommand`: the actions whose result is no edit."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from lsprotocol import types

from lsp import protocol
from lsp.action_asking import asker_for
from lsp.action_requests import find, read_data
from lsp.actions.explaining import explain
from lsp.actions.works import Explain
from lsp.errors import InvalidParamsError
from lsp.session import Session

COMMANDS = [protocol.EXPLAIN, protocol.ACCEPTED]


async def execute_command(session: Session, params: types.ExecuteCommandParams) -> None:
    """Raises InvalidParamsError for a command that is not ours."""
    argument = (params.arguments or [None])[0]
    match params.command:
        case protocol.EXPLAIN:
            await _explain(session, argument)
        case protocol.ACCEPTED:
            _note_acceptance(session, argument)
        case other:
            raise InvalidParamsError(f"There is no command `{other[:60]}` here.")


def _note_acceptance(session: Session, request_id: object) -> None:
    if not isinstance(request_id, (int, str)):
        raise InvalidParamsError("`sotto.accepted` takes the id of a request.")
    session.records.accept(request_id)


async def _explain(session: Session, data: object) -> None:
    """The explanation opens as a document where the editor can; else it is shown as a message."""
    asked = find(session, read_data(data))
    if not isinstance(asked.offer.work, Explain):
        raise InvalidParamsError("This action explains nothing.")
    async with asker_for(session, asked) as asker:
        text = await explain(asked.offer.work, asked.place, asker)
    title = f"# {asked.offer.title}\n\n"
    if session.client.capabilities.show_document:
        await session.client.show_document(_write(title + text))
    else:
        session.client.show_info(text)


def _write(text: str) -> Path:
    """Always the same file, in the user's cache folder, that nobody else can read."""
    folder = platformdirs.user_cache_path("sotto", ensure_exists=True)
    path = folder / "explanation.md"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return path
