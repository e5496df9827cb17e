"""Questions and conversations in a real Helix, asked by the keys of `editors/helix/config.toml`.

The model is scripted, so that the answer is known; Helix and the rest of the server are real.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.editors.conftest import StartHelix
from tests.support.helix import Helix

pytestmark = pytest.mark.editor

SOURCE = "import csv\n\n\ndef area(w, h):\n    return w * h\n"
EXECUTE = "workspace/executeCommand"


def start(start_helix: StartHelix, tmp_path: Path, *answers: str) -> Helix:
    script = tmp_path / "answers.json"
    script.write_text(json.dumps(answers))
    source = tmp_path / "area.py"
    source.write_text(SOURCE)
    server = [sys.executable, "-m", "tests.support.scripted_serve", str(script)]
    helix = start_helix(source, server=server)
    helix.wait_until_ready()
    return helix


def test_a_question_about_the_selection(start_helix: StartHelix, tmp_path: Path) -> None:
    helix = start(start_helix, tmp_path, "It multiplies. 🙂")
    helix.press("g", "e", "k", "x", "x")
    helix.press("Space", "o", "a")
    helix.wait_for_text("sotto.ask")
    helix.type('What is \\"h\\"?')
    helix.press("Enter")
    screen = helix.wait_for_text("It multiplies. 🙂")
    assert 'What is "h"?' in screen
    assert "area.py:4-5" in screen
    helix.wait_for(lambda: helix.exchanges(EXECUTE), "the end")
    assert helix.screen().count("## You") == 2


def test_a_conversation(start_helix: StartHelix, tmp_path: Path) -> None:
    helix = start(start_helix, tmp_path, "First answer.", "Second answer.")
    helix.press("Space", "o", "e")
    helix.wait_for_text("First answer.")
    helix.wait_for(lambda: helix.screen().count("## You") == 2, "room for a question")
    helix.press("g", "e", "A")
    helix.type("And the second one?")
    helix.leave_insert_mode()
    helix.press("Space", "o", "c")
    screen = helix.wait_for_text("Second answer.")
    assert "And the second one?" in screen


def test_an_answer_is_stopped(start_helix: StartHelix, tmp_path: Path) -> None:
    helix = start(start_helix, tmp_path, "It goes on and on…")
    helix.press("Space", "o", "e")
    helix.wait_for_text("It goes on and on")
    helix.press("Space", "o", "s")
    helix.wait_for_text("> Stopped.")


def test_the_builtin_model_says_that_it_cannot_talk(helix: Helix) -> None:
    path = helix.profile.project / "area.py"
    path.write_text(SOURCE)
    helix.open(path)
    helix.press("Space", "o", "c")
    helix.wait_for_text("cannot hold a conversation")
