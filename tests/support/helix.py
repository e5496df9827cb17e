"""A real Helix in a real terminal, with the project's server, driven as a person would: by keys.

Helix cannot be asked what it knows. What is on the screen, what it saves, and what it and the
server said to each other (`wire_tap`) have to do.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil
from lsprotocol import types

from lsp.line_index import LineIndex
from lsp.positions import Encoding, locate
from tests.support.helix_profile import Profile
from tests.support.places import PLACES, Place
from tests.support.tmux import Terminal
from tests.support.wire_log import Exchange, Json, WireLog

TIMEOUT_S = 30.0
"""How long anything may take before a test fails; far above what it takes on a loaded machine."""

_NUMBER = itertools.count()

T = TypeVar("T")


@dataclass(frozen=True)
class Suggested:
    """A suggestion that is on the screen."""

    path: Path
    text: str
    """The buffer's, without the suggestion."""
    item: Json

    @property
    def new_text(self) -> str:
        return self.item["textEdit"]["newText"]

    @property
    def accepted(self) -> bytes:
        """What the file must hold once the suggestion is accepted."""
        return applied(self.text, self.item["textEdit"]).encode()


class Helix(WireLog):
    """A running Helix."""

    def __init__(
        self, program: Path, profile: Profile, *files: Path, columns: int = 110, rows: int = 30
    ) -> None:
        super().__init__(profile.wire)
        self.profile = profile
        log = profile.folder / "helix.log"
        self.terminal = Terminal(
            [str(program), "-v", "--log", str(log), *map(str, files)],
            folder=profile.project,
            variables=profile.variables(),
            columns=columns,
            rows=rows,
        )

    def close(self) -> None:
        """End Helix and, through it, the server. Idempotent."""
        self.terminal.close()

    # What a person does

    def press(self, *keys: str) -> None:
        self.terminal.press(*keys)

    def type(self, text: str) -> None:
        """Type in Insert mode."""
        self.terminal.type(text)

    def leave_insert_mode(self) -> None:
        self.press("Escape")
        # A key right behind it would be that key with Alt, and nothing shows that it was read.
        time.sleep(0.05)
        self.wait_for(lambda: self.mode() == "NOR", "Normal mode")

    def command(self, line: str) -> None:
        """A `:` command, from whatever mode."""
        self.leave_insert_mode()
        self.type(f":{line}")
        self.press("Enter")

    def go_to(self, path: Path, place: Place) -> None:
        """Write the place into a file, open it there and enter Insert mode."""
        path.write_bytes((place.before + place.after).encode())
        lines = re.split(r"\r\n|\n", place.before)
        column = len(lines[-1])
        self.command(f"open {path}:{len(lines)}:{max(1, column)}")
        self.wait_for(lambda: self.is_open(path), f"{path.name} at the server")
        self.press("a" if column else "i")
        self.wait_for(lambda: self.mode() == "INS", "Insert mode")

    def ask(self, path: Path) -> Json | None:
        """Press the completion key; returns the first item, once it is on the screen, if any.

        `path` is the file's; behind some characters Helix has asked already.
        """
        self.press("C-x")
        # An older request may be answered first, and empty: the newer one took its place.
        answer = self.wait_for(lambda: self._all_answered(path), "the answer")[-1]
        if not answer.result["items"]:
            return None
        item = answer.result["items"][0]
        self.wait_for_text(shown_label(item))
        return item

    def _all_answered(self, path: Path) -> list[Exchange]:
        """All requests for completions in a file, once there are answers to all; else nothing."""
        n_sent = sum(
            message.get("method") == "textDocument/completion"
            and message["params"]["textDocument"]["uri"] == path.as_uri()
            for _, message in self.messages()
        )
        answered = self.completions(path)
        return answered if len(answered) == n_sent else []

    def completions(self, path: Path) -> list[Exchange]:
        """The requests for completions in a file that were answered."""
        return [
            exchange
            for exchange in self.exchanges("textDocument/completion")
            if exchange.params["textDocument"]["uri"] == path.as_uri()
        ]

    def suggested(
        self,
        wanted: Callable[[str], object] = lambda text: text,
        change: Callable[[Place], Place] = lambda place: place,
    ) -> Suggested:
        """Go from place to place until the server suggests something of the wanted kind."""
        seen: list[str | None] = []
        for place in map(change, PLACES):
            path = self.profile.project / f"example{next(_NUMBER)}.{place.extension}"
            self.go_to(path, place)
            item = self.ask(path)
            text = item["textEdit"]["newText"] if item else None
            if item and text and wanted(text):
                return Suggested(path, place.before + place.after, item)
            seen.append(text)
        raise AssertionError(f"no place brought such a suggestion: {seen}")

    def open(self, path: Path) -> None:
        """Open a file and wait until the server has it."""
        self.command(f"open {path}")
        self.wait_for(lambda: self.is_open(path), f"{path.name} at the server")

    def save(self, path: Path) -> bytes:
        """Save the buffer, which is that of `path`; returns the file's bytes."""
        n_saved = len(self.notifications("textDocument/didSave"))
        self.command("write!")
        self.wait_for(
            lambda: len(self.notifications("textDocument/didSave")) > n_saved,
            "the file to be saved",
        )
        return path.read_bytes()

    def act(self, title: str) -> None:
        """Choose a code action by a part of its title. Helix selects the first of its menu."""
        titles = self.offered()
        (position,) = (i for i, offered in enumerate(titles) if title in offered)
        self.press(*["Down"] * position, "Enter")

    def offered(self) -> list[str]:
        """Open the menu of code actions; returns the server's titles in Helix's order."""
        n_before = len(self.exchanges("textDocument/codeAction"))
        self.press("Space", "a")
        new = self.wait_for(
            lambda: self.exchanges("textDocument/codeAction")[n_before:], "the code actions"
        )
        actions = [action for action in new[-1].result if "disabled" not in action]
        titles = [action["title"] for action in sorted(actions, key=_rank)]
        self.wait_for_text(titles[0][:40])
        return titles

    # What a person sees

    def mode(self) -> str:
        """`NOR`, `INS` or `SEL`, from the status line."""
        found = re.findall(r"^ (NOR|INS|SEL) ", self.screen(), flags=re.MULTILINE)
        return found[-1] if found else ""

    def screen(self) -> str:
        return "\n".join(self.terminal.screen())

    def wait_for_text(self, text: str) -> str:
        """Wait until the text is on the screen; returns the screen."""
        return self.wait_for(
            lambda: shown if text in (shown := self.screen()) else None, repr(text)
        )

    # What is known besides

    def wait_until_ready(self, n_servers: int = 1) -> None:
        """Wait until the model of the server is loaded, of the second one after a restart."""

        def n_ready() -> int:
            statuses = self.notifications("sotto/status")
            states = [former["state"] for former in statuses]
            return sum(pair == ("loading", "ready") for pair in itertools.pairwise(states))

        self.wait_for(lambda: n_ready() >= n_servers, "the model")

    def wait_for(self, condition: Callable[[], T | None], what: str) -> T:
        """The condition's value once it is true. AssertionError says what was seen instead."""
        deadline = time.monotonic() + TIMEOUT_S
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"waited {TIMEOUT_S:.0f} s for {what}; the screen:\n{self.screen()}\n"
                    f"the last messages: {self.messages()[-6:]}"
                )
            time.sleep(0.02)
        return value

    def server_pids(self) -> list[int]:
        """The servers themselves, without what listens in."""
        own = psutil.Process(self.terminal.pid())
        found: list[int] = []
        for child in own.children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it has just ended
                words = child.cmdline()
                if "serve" in words and "tests.support.wire_tap" not in words:
                    found.append(child.pid)
        return found


def _rank(action: Json) -> tuple[int, bool, bool]:
    """Where Helix puts a code action in its menu; those of one rank stay as they came."""
    kinds = ("quickfix", "refactor.extract", "refactor.inline", "refactor.rewrite", "source")
    kind = action.get("kind", "")
    place = next((i for i, first in enumerate(kinds) if f"{kind}.".startswith(f"{first}.")), 9)
    return place, not action.get("diagnostics"), not action.get("isPreferred", False)


def shown_label(item: Json) -> str:
    """As much of an item's label as is surely on the screen."""
    return item["label"].removesuffix("…").strip()[:20]


def applied(text: str, edit: Json, encoding: Encoding = Encoding.UTF8) -> str:
    """The text after a `TextEdit` of the server; Helix chooses UTF-8."""
    lines = LineIndex(text)
    start, end = (
        locate(text, lines, types.Position(**edit["range"][which]), encoding).offset
        for which in ("start", "end")
    )
    return text[:start] + edit["newText"] + text[end:]
