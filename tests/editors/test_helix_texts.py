"""Hard texts in Helix: a long file, two views of one file, another language server beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.conftest import StartHelix
from tests.support.helix import Helix, applied
from tests.support.places import Place
from tests.support.tmux import find_program

pytestmark = pytest.mark.editor

N_LINES = 20_000
MAIN = "if __name__ ‸\n"


def test_in_the_middle_of_a_long_file(helix: Helix) -> None:
    half = "".join(f"value{number} = {number}\n" for number in range(N_LINES // 2))
    path = helix.profile.project / "long.py"
    place = Place("py", f"{half}\n{MAIN}\n{half}")
    helix.go_to(path, place)
    item = helix.ask(path)
    assert item, "nothing was suggested"
    helix.press("Tab", "Enter")
    accepted = applied(place.before + place.after, item["textEdit"])
    assert helix.save(path).decode() == accepted
    helix.press("u")
    assert helix.save(path).decode() == place.before + place.after


def test_two_views_of_one_file(helix: Helix) -> None:
    path = helix.profile.project / "twice.py"
    place = Place("py", f"import sys\n\n\n{MAIN}")
    helix.go_to(path, place)
    helix.command("hsplit")
    helix.wait_for(lambda: helix.screen().count("twice.py") == 2, "two views")
    # Nothing is typed there: a list that comes late would be in the way of the one below.
    helix.press("g", "g", "O")
    helix.leave_insert_mode()
    n_answers = len(helix.completions(path))
    helix.press("C-w", "w", "g", "e", "k", "A")
    helix.wait_for(lambda: helix.mode() == "INS", "Insert mode")
    helix.press("C-x")
    # Not what was answered for the place where the file was opened.
    helix.wait_for(lambda: len(helix.completions(path)) > n_answers, "an answer for this place")
    item = helix.ask(path)
    assert item, "nothing was suggested"
    helix.press("Tab", "Enter")
    text = f"\n{place.before}{place.after}"
    assert helix.save(path).decode() == applied(text, item["textEdit"])
    helix.command("wonly")


def test_beside_pyright(start_helix: StartHelix, tmp_path: Path) -> None:
    first = tmp_path / "first.py"
    first.write_text("# first\n")
    settings = {"inlineCompletion.minConfidence": 0, "inlineCompletion.multiline": "always"}
    pyright = [str(find_program("pyright")), "--stdio"]
    helix = start_helix(first, settings=settings, beside=("pyright", pyright))
    helix.wait_until_ready()
    path = helix.profile.project / "beside.py"
    place = Place("py", "import math\n\nwidth: int = 'x'\nheight = math.‸\n")
    helix.go_to(path, place)
    helix.wait_for_text("is not assignable")  # it has read the file
    item = helix.ask(path)
    assert item, "nothing was suggested"
    helix.wait_for_text("acosh")  # pyright's own, in one list with Sotto's
    helix.press("Tab", "Enter")
    text = place.before + place.after
    assert helix.save(path).decode() == applied(text, item["textEdit"])
    helix.press("o")
    helix.press("Tab")
    helix.type("1")
    assert helix.save(path).decode().splitlines()[-1] == "    1", "Tab still indents"
