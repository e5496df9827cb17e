"""The steps of `editors/helix/README.md`, followed to the letter from a clean profile."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.support.helix import TIMEOUT_S
from tests.support.helix_profile import PLUGIN
from tests.support.nvim_process import sotto_command
from tests.support.tmux import Terminal, find_program

pytestmark = pytest.mark.editor

README = (PLUGIN / "README.md").read_text(encoding="utf-8")


def step(number: int) -> str:
    found = re.search(rf"^{number}\. (.*)$", README, flags=re.MULTILINE)
    assert found, f"step {number} is gone"
    return found[1]


def pasted(number: int, home: Path) -> None:
    """Does a step of the form: paste [file](file) into `~/place`."""
    found = re.search(r"Paste \[.*\]\((.+)\) into `~/(.+)`", step(number))
    assert found
    target = home / found[2]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text((PLUGIN / found[1]).read_text(encoding="utf-8"))


def code(number: int) -> str:
    return step(number).split("`")[1]


def test_five_steps_bring_the_first_suggestion(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "sotto").symlink_to(sotto_command()[0])  # step 1
    (programs / "hx").symlink_to(find_program("hx"))
    pasted(2, tmp_path)
    pasted(3, tmp_path)
    variables = {"HOME": str(tmp_path), "PATH": f"{programs}:/usr/bin:/bin"}
    variables |= {f"XDG_{name}_HOME": "" for name in ("CONFIG", "CACHE", "DATA", "STATE")}
    with Terminal(code(4).split(), folder=tmp_path, variables=variables) as terminal:
        wait_for(terminal, "NOR")
        # Until the model is loaded the list is empty: a person types it once more.
        for _ in range(round(TIMEOUT_S)):
            terminal.press("i")
            wait_for(terminal, "INS")
            terminal.type(code(5))
            if seen(terminal, "__main__", tries=20):
                break
            terminal.press("Escape")
            wait_for(terminal, "NOR")
            terminal.press("%", "d")
        terminal.press("Tab", "Enter")
        wait_for(terminal, "if __name__ == ")
        terminal.press("Escape")
        wait_for(terminal, "NOR")
        terminal.press("u")
        deadline = time.monotonic() + TIMEOUT_S
        while seen(terminal, "__main__", tries=1):
            assert time.monotonic() < deadline, "one undo did not take it back"
    assert not re.search(r"^6\. ", README, flags=re.MULTILINE), "no more than five steps"


def seen(terminal: Terminal, text: str, tries: int) -> bool:
    for _ in range(tries):
        if text in "\n".join(terminal.screen()):
            return True
        time.sleep(0.05)
    return False


def wait_for(terminal: Terminal, text: str) -> None:
    assert seen(terminal, text, tries=round(20 * TIMEOUT_S)), "\n".join(terminal.screen())
