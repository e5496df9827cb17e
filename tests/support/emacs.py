"""A real Emacs in a real terminal, set up as `docs/editors.md` says and driven by keys."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from lsp.positions import Encoding
from tests.support.helix import applied
from tests.support.nvim_process import ROOT, sotto_command
from tests.support.places import Place
from tests.support.tmux import Terminal
from tests.support.wire_log import Json, WireLog

TIMEOUT_S = 30.0
"""How long anything may take before a test fails; far above what it takes on a loaded machine."""

# Every suggestion is shown, sure or not: what the model says is not what is tested here.
_SETTINGS = """
(setq-default eglot-workspace-configuration
              '(:sotto (:inlineCompletion (:minConfidence 0 :multiline "always"))))
"""

T = TypeVar("T")


def recipe() -> str:
    """What `docs/editors.md` has one put into Emacs's init file."""
    text = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
    found = re.search(r"^```elisp\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    assert found, "the recipe is gone"
    return found[1]


class Emacs(WireLog):
    """A running Emacs, with a home folder and a project of its own."""

    def __init__(self, program: Path, folder: Path, server: Sequence[str] = ()) -> None:
        wire = folder / "wire.jsonl"
        super().__init__(wire)
        self.project = folder / "project"
        self.project.mkdir(parents=True)
        tap = [sys.executable, "-m", "tests.support.wire_tap", str(wire)]
        write_init_file(folder, [*tap, *(server or sotto_command())])
        self.terminal = Terminal(
            [str(program), "-nw", "--no-splash"],
            folder=self.project,
            variables={"HOME": str(folder), "PYTHONPATH": str(ROOT)},
        )
        self.wait_for_text("*scratch*")

    def close(self) -> None:
        """End Emacs and, through it, the server. Idempotent."""
        self.terminal.close()

    # What a person does

    def press(self, *keys: str) -> None:
        self.terminal.press(*keys)

    def command(self, name: str) -> None:
        self.press("M-x")
        self.wait_for_text("M-x")
        self.terminal.type(name)
        self.press("Enter")

    def open(self, name: str, place: Place) -> Path:
        """Write the place into a file of the project and go there. Waits for the model too."""
        path = self.project / name
        path.write_bytes((place.before + place.after).encode())
        self.press("C-x", "C-f")
        self.wait_for_text("Find file")
        self.press("C-a", "C-k")
        self.terminal.type(str(path))
        self.press("Enter")
        self.wait_for(lambda: self.is_open(path), f"{name} at the server")
        self.wait_for(self._is_ready, "the model")
        self.press("M-g", "c")
        self.wait_for_text("Go to char")
        self.terminal.type(str(len(place.before) + 1))
        self.press("Enter")
        return path

    def complete(self) -> Json | None:
        """Press the completion key. Returns the item, once it is in the text, if any was given."""
        n_before = len(self.exchanges("textDocument/completion"))
        self.press("C-M-i")
        answers = self.wait_for(
            lambda: self.exchanges("textDocument/completion")[n_before:], "the answer"
        )
        items = answers[-1].result["items"]
        if not items:
            return None
        self.wait_until_changed()
        return items[0]

    def wait_until_changed(self) -> None:
        """Wait for a change that is not saved. A key before it would stop Emacs from making it."""
        self.wait_for_text(":**-")

    def save(self, path: Path) -> str:
        """Save the buffer, which is that of `path`; returns what the file holds then."""
        n_saved = len(self.notifications("textDocument/didSave"))
        self.press("C-x", "C-s")
        self.wait_for(
            lambda: len(self.notifications("textDocument/didSave")) > n_saved,
            "the file to be saved",
        )
        return path.read_bytes().decode()

    # What a person sees

    def screen(self) -> str:
        return "\n".join(self.terminal.screen())

    def wait_for_text(self, text: str) -> None:
        self.wait_for(lambda: text in self.screen(), repr(text))

    def wait_for(self, condition: Callable[[], T], what: str) -> T:
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

    # What is known besides

    def after(self, place: Place, item: Json) -> str:
        """The text that accepting an item must make."""
        (started,) = self.exchanges("initialize")
        encoding = Encoding(started.result["capabilities"]["positionEncoding"])
        return applied(place.before + place.after, item["textEdit"], encoding)

    def _is_ready(self) -> bool:
        return any(status["state"] == "ready" for status in self.notifications("sotto/status"))


def write_init_file(home: Path, server: Sequence[str]) -> None:
    """Put the recipe, with another server in it, into a home folder."""
    words = " ".join(f'"{word}"' for word in server)
    text = recipe().replace('"sotto" "serve"', words)
    assert words in text, "the recipe starts something else"
    path = home / ".emacs.d" / "init.el"
    path.parent.mkdir(parents=True)
    path.write_text(text + _SETTINGS)
