"""`workspace/executeCommand`: explanations, and edits for editors that cannot resolve actions."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from lsprotocol import types

from lsp.action_asking import asker_for, told
from lsp.action_editing import edit_for
from lsp.action_requests import ActionData, find, read_data
from lsp.actions.explaining import explain
from lsp.actions.works import Explain
from lsp.errors import InvalidParamsError
from lsp.protocol import APPLY, EXPLAIN
from lsp.session import Session

COMMANDS = [EXPLAIN, APPLY]


async def execute_command(session: Session, params: types.ExecuteCommandParams) -> None:
    """Raises InvalidParamsError, or RequestFailedError, of which the user was told."""
    if params.command not in COMMANDS:
        raise InvalidParamsError(f"There is no command `{params.command[:60]}` here.")
    data = read_data((params.arguments or [None])[0])
    if params.command == APPLY:
        await _apply(session, data)
    else:
        await _explain(session, data)


async def _apply(session: Session, data: ActionData) -> None:
    refusal = await session.client.apply_edit(await edit_for(session, data), data.title)
    if refusal is not None:
        raise told(session, f"The editor did not make the edit: {refusal}.")


async def _explain(session: Session, data: ActionData) -> None:
    """The explanation opens as a document where the editor can; else it is shown as a message."""
    asked = find(session, data)
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
