"""`workspace/executeCommand`: actions whose result is no edit, edits for editors that cannot
resolve actions, and conversations in files."""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types

from lsp import chat_pages, protocol
from lsp.action_asking import asker_for
from lsp.action_editing import edit_for
from lsp.action_requests import ActionData, find, read_data, told
from lsp.actions.explaining import explain
from lsp.actions.works import Explain
from lsp.errors import InvalidParamsError
from lsp.json_values import as_object
from lsp.scratch_files import new_file
from lsp.session import Session

COMMANDS = [
    protocol.ACCEPTED,
    protocol.APPLY,
    protocol.ASK,
    protocol.CHAT_PAGE,
    protocol.EXPLAIN,
    protocol.STOP,
]


async def execute_command(session: Session, params: types.ExecuteCommandParams) -> None:
    """Answered when all is done. Raises RequestError; where it matters the user was told."""
    arguments = list(params.arguments or [])
    match params.command:
        case protocol.APPLY if len(arguments) == 1:
            await _apply(session, read_data(arguments[0]))
        case protocol.EXPLAIN if len(arguments) == 1 and as_object(arguments[0]) is not None:
            await _explain_offer(session, arguments[0])
        case protocol.EXPLAIN | protocol.ASK | protocol.CHAT_PAGE:
            await _talk_in_page(session, params.command, arguments)
        case protocol.STOP:
            if not session.client.cancel_all():
                session.client.show_info("Sotto: nothing runs that could be stopped.")
        case protocol.ACCEPTED if len(arguments) == 1:
            _note_acceptance(session, arguments[0])
        case unknown:
            raise InvalidParamsError(f"There is no command `{unknown[:60]}` here.")


async def _talk_in_page(session: Session, command: str, arguments: Sequence[object]) -> None:
    try:
        match command:
            case protocol.EXPLAIN:
                await chat_pages.explain(session, arguments)
            case protocol.ASK:
                await chat_pages.ask(session, arguments)
            case _:
                await chat_pages.chat(session)
    except OSError as error:
        raise told(session, f"No file can be written for the answer: {_reason(error)}.") from error


def _note_acceptance(session: Session, request_id: object) -> None:
    if not isinstance(request_id, (int, str)):
        raise InvalidParamsError("`sotto.accepted` takes the id of a request.")
    session.records.accept(request_id)


async def _apply(session: Session, data: ActionData) -> None:
    refusal = await session.client.apply_edit(await edit_for(session, data), data.title)
    if refusal is not None:
        raise told(session, f"The editor did not make the edit: {refusal}.")


async def _explain_offer(session: Session, data: object) -> None:
    """The explanation opens as a document where the editor can; else it is shown as a message."""
    asked = find(session, read_data(data))
    if not isinstance(asked.offer.work, Explain):
        raise InvalidParamsError("This action explains nothing.")
    async with asker_for(session, asked) as asker:
        text = await explain(asked.offer.work, asked.place, asker)
    title = f"# {asked.offer.title}\n\n"
    if session.client.capabilities.show_document:
        try:
            await session.client.show_document(new_file("explanations", title + text))
        except OSError as error:
            # What took a minute to write is not lost for want of a folder.
            session.client.show_warning(
                "Sotto: the explanation is shown here, as no file can be written: "
                f"{_reason(error)}."
            )
        else:
            return
    session.client.show_info(text)


def _reason(error: OSError) -> str:
    """Without the path."""
    return error.strerror or type(error).__name__
