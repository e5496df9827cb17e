"""`initialize`, `initialized`, `exit`. No model is touched before `initialize` is answered."""

from __future__ import annotations

import logging
from pathlib import Path

from lsprotocol import types
from pygls.uris import to_fs_path

from lsp import configure
from lsp.capabilities import choose_encoding, read_capabilities
from lsp.process_watch import wait_for_end
from lsp.session import Session

logger = logging.getLogger(__name__)

_TRIGGER_CHARACTERS = (".", "(", "[", "{", ":", "=", ",", " ")


def initialize(session: Session, params: types.InitializeParams) -> None:
    """Take what the client says of itself; the answer is made by the protocol layer."""
    capabilities = read_capabilities(params)
    session.client.capabilities = capabilities
    session.encoding = choose_encoding(params.capabilities)
    session.folders = _folders(params)
    configure.take_initial(session, params.initialization_options)
    if not capabilities.inline_completion:
        # Elsewhere they would open a list that the ghost text is meant to replace.
        session.completion_options.trigger_characters = list(_TRIGGER_CHARACTERS)
    if params.process_id is not None:
        session.run(_follow(session, params.process_id))
    logger.info("The client is %s; positions are in %s.", capabilities.name, session.encoding)


def initialized(session: Session, _params: types.InitializedParams) -> None:
    session.run(_begin(session))


def did_change_folders(session: Session, params: types.DidChangeWorkspaceFoldersParams) -> None:
    removed = {_path(folder.uri) for folder in params.event.removed}
    added = [_path(folder.uri) for folder in params.event.added]
    kept = [folder for folder in session.folders if folder not in removed]
    session.folders = tuple(kept + [path for path in added if path is not None])
    former = session.settings.model
    configure.check_again(session)
    if session.settings.model != former:
        session.engine.want(session.settings.model)


def cancel_progress(session: Session, params: types.WorkDoneProgressCancelParams) -> None:
    session.client.cancel_progress(params.token)


def exit_(session: Session, _params: object) -> None:
    """Status 0 after a `shutdown`, 1 without, as the protocol says."""
    session.stop(0 if session.is_shut_down() else 1)


async def _begin(session: Session) -> None:
    """Ask for the settings first, so that no model is loaded that they do not name."""
    capabilities = session.client.capabilities
    if capabilities.configuration:
        await configure.pull(session)
    session.engine.want(session.settings.model)
    if capabilities.dynamic_configuration:
        await session.client.watch_configuration()


async def _follow(session: Session, process_id: int) -> None:
    """End when the editor has ended, however it did."""
    await wait_for_end(process_id)
    logger.warning("The client's process %d is gone.", process_id)
    session.stop(1)


def _folders(params: types.InitializeParams) -> tuple[Path, ...]:
    uris = [folder.uri for folder in params.workspace_folders or ()]
    if not uris and params.root_uri is not None:
        uris = [params.root_uri]
    paths = [_path(uri) for uri in uris]
    if not uris and params.root_path:
        paths = [Path(params.root_path).resolve()]
    return tuple(path for path in paths if path is not None)


def _path(uri: str) -> Path | None:
    path = to_fs_path(uri)
    return Path(path).resolve() if path else None
