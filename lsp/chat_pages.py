"""The commands `sotto.ask`, `sotto.explain` and `sotto.chat`: conversations in Markdown files.

For editors without a panel: the file is opened there, and the answer streams into its text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.uris import from_fs_path, to_fs_path

from lsp.action_asking import ProgressDisplay
from lsp.action_requests import DataPosition, DataRange, place_of, told
from lsp.chat.pages import ANSWER, YOU, beginning, read_page, reference
from lsp.chat.protocol import ChatParams, Event, TextDelta
from lsp.chat.turn import NoChatModelError, check_model
from lsp.chat_asking import answer
from lsp.document_store import Document
from lsp.errors import InvalidParamsError, RequestFailedError
from lsp.line_index import LineIndex
from lsp.open_files import proposals
from lsp.positions import position_at
from lsp.scratch_files import folder, new_file
from lsp.session import Session

_KIND = "chat"
"""Of scratch files."""
_N_TRIES = 20
_TRY_AGAIN_S = 0.05

Place = tuple[Path, tuple[int, int] | None]
"""A file, and its first and last line, counted from 1."""


async def ask(session: Session, arguments: Sequence[object]) -> None:
    """Opens a page with the question and answers it there."""
    *place, question = arguments or [""]
    if not isinstance(question, str) or not question.strip():
        raise told(session, 'Ask something: sotto.ask "How do I …?".')
    about = _place(session, place)
    await _answer(session, _new_page(session, about, question))


async def explain(session: Session, arguments: Sequence[object]) -> None:
    """The lines; where there is one only, the function around it; else the file."""
    about = _place(session, arguments)
    if about is None:
        raise told(session, "No file is open that could be explained.")
    path, lines = about
    if lines is not None and lines[0] == lines[1]:
        about = (path, _function_around(session, path, lines[0]))
    await _answer(session, _new_page(session, about, "/explain"))


async def chat(session: Session) -> None:
    """Answers the question in an open page; without one, opens a page to write it into."""
    pages = [document for document in session.documents.latest_first() if _is_page(document)]
    for document in pages:
        if read_page(document.text).asks:
            page = _Page(session, Path(to_fs_path(document.uri) or ""), document.text)
            return await _answer(session, page)
    if pages:
        page = _Page(session, Path(to_fs_path(pages[0].uri) or ""), pages[0].text)
    else:
        _check_model(session)
        page = _new_page(session, _place(session, []), "")
    await page.show()
    return None


async def _answer(session: Session, page: _Page) -> None:
    """Raises RequestFailedError once the user was told."""
    _check_model(session)
    messages = read_page(page.text).messages
    shown = ProgressDisplay(session, "answering")

    def tell(event: Event) -> None:
        if isinstance(event, TextDelta):
            page.write(event.text)
            shown.on_text(page.written)

    await page.show()
    page.write(f"{'' if page.text.endswith(chr(10)) else chr(10)}\n{ANSWER}\n\n")
    try:
        answered = await answer(session, ChatParams(messages, conversation_id=page.name), tell)
        page.write("".join(f"\n\n> {note}" for note in answered.notes))
    except RequestFailedError as error:
        page.write(f"> {error}")
        raise told(session, str(error)) from error
    except asyncio.CancelledError:
        page.write("\n\n> Stopped.")
        if not shown.is_cancelled:
            raise
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        code = int(types.LSPErrorCodes.RequestCancelled)
        raise JsonRpcException(message="Cancelled.", code=code) from None
    finally:
        shown.end()
        page.write(f"\n\n{YOU}\n\n")
        session.run(page.finish())


class _Page:
    """A page, open in the editor where that can be. What is written goes there piece by piece, at
    the text's end; where the editor takes no edits, it is opened when all of it is written."""

    def __init__(self, session: Session, path: Path, text: str) -> None:
        self.name = path.stem
        self.text = text
        """As it was when the answer began."""
        self.written = ""
        self._session = session
        self._path = path
        self._uri = from_fs_path(str(path)) or ""
        self._waiting = ""
        self._sent = ""
        self._sender: asyncio.Task[None] | None = None
        capabilities = session.client.capabilities
        self._streams = capabilities.show_document and capabilities.applies_edits

    async def show(self) -> None:
        if self._streams:
            lines = LineIndex(self.text)
            end = position_at(self.text, lines, len(self.text), self._session.encoding)
            await self._session.client.show_document(self._path, end)

    def write(self, text: str) -> None:
        self.written += text
        self._waiting += text
        if self._streams and text and (self._sender is None or self._sender.done()):
            self._sender = self._session.run(self._send())

    async def finish(self) -> None:
        """Wait until all is in the editor; where it takes no edits, show it now."""
        if self._sender is not None:
            await asyncio.wait([self._sender])
        if self._streams and not self._waiting:
            return
        if self._session.client.capabilities.show_document:
            page = new_file(_KIND, self.text + self.written)
            await self._session.client.show_document(page)
        else:
            said = self.written.removeprefix(f"\n{ANSWER}\n\n").removesuffix(f"\n\n{YOU}\n\n")
            self._session.client.show_info(said)

    async def _send(self) -> None:
        n_tries = 0
        while self._waiting and n_tries < _N_TRIES:
            text, self._waiting = self._waiting, ""
            if await self._session.client.apply_edit(self._insertion(text), "Sotto") is None:
                self._sent += text
                n_tries = 0
            else:
                # The user has typed meanwhile, and the server does not know it yet.
                self._waiting = text + self._waiting
                n_tries += 1
                await asyncio.sleep(_TRY_AGAIN_S)

    def _insertion(self, text: str) -> types.WorkspaceEdit:
        document = self._session.documents.get(self._uri)
        known = document.text if document else self.text + self._sent
        end = position_at(known, LineIndex(known), len(known), self._session.encoding)
        version = document.version if document else None
        identifier = types.OptionalVersionedTextDocumentIdentifier(uri=self._uri, version=version)
        edit = types.TextEdit(types.Range(end, end), text)
        return types.WorkspaceEdit(
            document_changes=[types.TextDocumentEdit(text_document=identifier, edits=[edit])]
        )


def _check_model(session: Session) -> None:
    """Before a page is opened that nobody could answer in."""
    model = session.engine.status.model
    if model is not None:
        try:
            check_model(model)
        except NoChatModelError as error:
            raise told(session, str(error)) from error


def _new_page(session: Session, about: Place | None, question: str) -> _Page:
    attached = ""
    if about is not None:
        path, lines = about
        attached = reference(proposals(session).workspace.shown(path), lines)
    text = beginning(question, attached=attached)
    return _Page(session, new_file(_KIND, text), text)


def _place(session: Session, arguments: Sequence[object]) -> Place | None:
    """What a command is about: what it names, else the document that was used last, if any."""
    match arguments:
        case []:
            latest = (d for d in session.documents.latest_first() if not _is_page(d))
            path = next((path for d in latest if (path := to_fs_path(d.uri))), None)
            return (Path(path), None) if path else None
        case [str(path)]:
            return Path(path), None
        case [str(path), int(first), int(last)] if 0 < first <= last:
            return Path(path), (first, last)
        case _:
            raise InvalidParamsError(
                "The arguments are a path, its first and last line, and the question; or fewer."
            )


def _function_around(session: Session, path: Path, line: int) -> tuple[int, int] | None:
    document = session.documents.get(from_fs_path(str(path)) or "")
    if document is None:
        return None
    cursor = DataPosition(line - 1, 0)
    function = place_of(session, document, DataRange(cursor, cursor), []).function
    if function is None:
        return None
    lines = document.lines
    return lines.line_of(function.span.start) + 1, lines.line_of(function.span.end) + 1


def _is_page(document: Document) -> bool:
    path = to_fs_path(document.uri)
    return path is not None and Path(path).parent == folder(_KIND)
