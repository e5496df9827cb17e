"""`sotto pipe` through Helix's own `:pipe`, by the key of `editors/helix/config.toml`.

It rewrites on scripted answers; by the real program, a tiny chat model of random weights refuses.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.editors.conftest import StartHelix
from tests.support.helix import Helix
from tests.support.nvim_process import ROOT, sotto_command
from tests.support.tiny_chat import write_chat_model

pytestmark = pytest.mark.editor

LOOP = "    total = 0\n    for x in xs:\n        total += x\n    return total\n"
BEFORE = f"def add_up(xs):\n{LOOP}\n\nlast = 1\n"
AFTER = "def add_up(xs):\n    return sum(xs)\n\n\nlast = 1\n"


def scripted(answer: str) -> str:
    module = [sys.executable, "-m", "tests.support.scripted_pipe", answer, "pipe"]
    return shlex.join(["env", f"PYTHONPATH={ROOT}", *module])


@dataclass(frozen=True)
class Rewrite:
    """One that was asked for, of the body of the function."""

    helix: Helix
    path: Path

    def saved(self) -> str:
        return self.helix.save(self.path).decode()


@pytest.fixture
def rewrite(start_helix: StartHelix, tmp_path: Path) -> Callable[..., Rewrite]:
    def start(pipe: str, name: str = "sums.py") -> Rewrite:
        path = tmp_path / "files" / name
        path.parent.mkdir()
        path.write_text(BEFORE)
        helix = start_helix(path, pipe=pipe)
        helix.wait_for_text("def add_up")
        helix.wait_until_ready()  # it can report what was saved
        helix.press("g", "g", "j", "x", "x", "x", "x", "Space", "o", "r")
        helix.wait_for_text("Pipe each selection")
        helix.type("use sum")
        helix.press("Enter")
        return Rewrite(helix, path)

    return start


@pytest.mark.parametrize(
    "name", ["plain.py", "of two words.py", "$(touch ran).py", "';touch ran.py;'.py"]
)
def test_the_selection_is_rewritten_and_one_undo_takes_it_back(
    rewrite: Callable[..., Rewrite], name: str
) -> None:
    asked = rewrite(scripted("```python\nreturn sum(xs)\n```"), name)
    asked.helix.wait_for_text("    return sum(xs)")
    assert asked.saved() == AFTER
    asked.helix.press("u")
    assert asked.saved() == BEFORE
    assert not list(asked.helix.profile.folder.rglob("ran.py")), "the name was run"


@pytest.mark.parametrize("model", ["scripted", "tiny chat", "built-in"])
def test_a_refusal_is_said_and_leaves_the_text(
    rewrite: Callable[..., Rewrite], tmp_path: Path, model: str
) -> None:
    command = [sotto_command()[0], "pipe"]
    if model == "tiny chat":
        command += ["--model", str(write_chat_model(tmp_path / "chat.gguf"))]
    refused = scripted("I cannot do that.") if model == "scripted" else shlex.join(command)
    asked = rewrite(refused)
    asked.helix.wait_for_text("Shell command failed")
    assert asked.saved() == BEFORE
