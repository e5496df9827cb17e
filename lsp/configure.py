"""Takes options from where they come and makes them the session's settings."""

from __future__ import annotations

from lsp import logs
from lsp.json_values import as_object
from lsp.option_types import group_types
from lsp.session import Session

SECTION = "sotto"


def take_initial(session: Session, options: object) -> None:
    """Take the `initializationOptions`."""
    session.initial_options = _section(options, is_shared=False)
    _apply(session)


async def pull(session: Session) -> None:
    """Ask the editor for its settings and take them; without an answer the former ones stay."""
    for options in await session.client.configuration(SECTION):
        session.pulled_options = options
        _apply(session)


def take_pushed(session: Session, settings: object) -> None:
    """Take what a `workspace/didChangeConfiguration` holds."""
    session.pulled_options = _section(settings, is_shared=True)
    _apply(session)


def check_again(session: Session) -> None:
    """What is refused depends on the open folders: take the same options after these changed."""
    _apply(session)


def _section(content: object, *, is_shared: bool) -> object:
    """Our part of what came. Some editors send the section's content, some wrap it in its name.

    `is_shared`: it may be every server's settings; without ours among them nothing is meant.
    """
    options = as_object(content)
    if options is None:
        return content
    if SECTION in options:
        return options[SECTION]
    names = {key.partition(".")[0] for key in options}
    return None if is_shared and not names & group_types().keys() else options


def _apply(session: Session) -> None:
    resolved = session.resolve_settings()
    if session.log_level is None:
        logs.set_level(resolved.settings.logging.level)
    # A mistake in one place is not told again because something else has changed.
    known, session.settings_problems = session.settings_problems, resolved.problems
    new = [problem for problem in resolved.problems if problem not in known]
    if new:
        listed = "\n".join(f"- {problem}" for problem in new)
        session.client.show_warning(
            f"Sotto leaves out what is wrong in its settings and goes on:\n{listed}"
        )
