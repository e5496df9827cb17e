"""What Helix shows of a suggestion: its place in the list, the whole of it beside the list.

The model is scripted, so that the text is known; Helix and the rest of the server are real.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.editors.conftest import StartHelix
from tests.support.helix import Helix
from tests.support.places import Place

pytestmark = pytest.mark.editor


def scripted(folder: Path, *answers: str) -> list[str]:
    """The command of a server whose model gives these answers in turn."""
    script = folder / "answers.json"
    script.write_text(json.dumps(answers))
    return [sys.executable, "-m", "tests.support.scripted_serve", str(script)]


def start(start_helix: StartHelix, tmp_path: Path, answer: str) -> Helix:
    (tmp_path / "first.py").write_text("# first\n")
    helix = start_helix(tmp_path / "first.py", server=scripted(tmp_path, answer))
    helix.wait_until_ready()
    return helix


def test_all_lines_stand_beside_the_list(start_helix: StartHelix, tmp_path: Path) -> None:
    lines = ["def __init__(self, *args, **kwargs):", "self._items_ = []", "self.n = 2 * 3 * 4"]
    text = "\n        ".join(lines)
    helix = start(start_helix, tmp_path, text)
    path = helix.profile.project / "whole.py"
    helix.go_to(path, Place("py", "class Stack:\n    ‸\n"))
    assert helix.ask(path)
    helix.press("Tab")
    # Once in the text as a preview, once beside the list.
    helix.wait_for(
        lambda: all(helix.screen().count(line) >= 2 for line in lines), "all lines twice"
    )


def test_it_is_the_first_of_the_list(start_helix: StartHelix, tmp_path: Path) -> None:
    helix = start(start_helix, tmp_path, "_and_everything_else()")
    path = helix.profile.project / "words.py"
    words = "calculate_alpha = calculate_beta = calculate = 1\n"
    helix.go_to(path, Place("py", f"{words}calculat‸\n"))
    helix.type("e")
    screen = helix.wait_for_text("calculate_and_everything")
    rows = [row for row in screen.splitlines()[2:] if "calculate" in row]
    helix.wait_for(lambda: helix.screen().count("calculate_alpha") == 2, "Helix's own words")
    assert "calculate_and_everything" in rows[0], rows


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_lines_end_and_are_indented_as_the_file_is(
    start_helix: StartHelix, tmp_path: Path, eol: str
) -> None:
    helix = start(start_helix, tmp_path, "# 🙂 é\n\tself.items = []\n\tself.n = 0")
    path = helix.profile.project / "tabs.py"
    place = Place("py", "# 𝒳\nclass Stack:\n\tdef clear(self):\n\t\t‸\n\nx = '🙂'\n")
    place = place.with_line_ends(eol)
    helix.go_to(path, place)
    item = helix.ask(path)
    assert item
    text = item["textEdit"]["newText"]
    assert text.count("\n") == text.count(eol) == 2, "all lines end as the file's"
    helix.press("Tab")
    helix.press("Enter")
    assert helix.save(path) == (place.before + text + place.after).encode()
