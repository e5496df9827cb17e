"""What the person types: several lines, edited, with a history."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import platformdirs
from prompt_toolkit import PromptSession
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent


def default_file() -> Path:
    return platformdirs.user_data_path("sotto", appauthor=False) / "questions"


class Keyboard:
    """Questions and answers at the terminal. Ctrl-C is a key while one types: whoever else handles
    the signal still does afterwards."""

    def __init__(self, *, keep: bool) -> None:
        self._questions: PromptSession[str] = PromptSession(
            history=_history() if keep else InMemoryHistory(),
            multiline=True,
            key_bindings=_keys(),
            prompt_continuation="  ",
        )
        self._answers: PromptSession[str] = PromptSession()

    async def question(self) -> str | None:
        """None when there are no more."""
        try:
            return await self._questions.prompt_async("> ", handle_sigint=False)
        except KeyboardInterrupt:
            return ""
        except EOFError:
            return None

    async def answer(self, question: str) -> str:
        """What is typed in reply; empty if nothing is."""
        try:
            return await self._answers.prompt_async(question, handle_sigint=False)
        except (EOFError, KeyboardInterrupt):
            return ""


def _keys() -> KeyBindings:
    """Enter sends; Alt-Enter, which terminals send as Esc and Enter, begins a new line."""
    keys = KeyBindings()

    def send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    def begin_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    # What was typed before the first prompt comes with the terminal's own line endings.
    for enter in ("enter", "c-j"):
        keys.add(enter)(send)
        keys.add("escape", enter)(begin_line)
    return keys


def _history() -> History:
    """In the user's data folder, for the user alone; in memory where that cannot be written."""
    file = default_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        file.open("a").close()
    except OSError:
        return InMemoryHistory()
    return FileHistory(file)
