"""Actions in Helix that reach further: tests in another file, imports by another program."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.editors.conftest import StartHelix
from tests.editors.test_helix_actions import SETTINGS, changed, expect_undone, opened, server
from tests.support.action_cases import SIMPLE, fenced
from tests.support.helix import Helix
from tests.support.nvim_process import sotto_command

pytestmark = pytest.mark.editor

IMPORT = "from fresh import positive\n"
TESTS = "\n\ndef test_positive():\n    assert positive(1)\n"
WRITTEN = IMPORT + TESTS
OLD = '"""Tests."""\n\nimport pytest\n\n\ndef test_x():\n    pass\n'
MERGED = OLD.replace("pytest\n", f"pytest\n{IMPORT}") + TESTS
UNSORTED = "import sys\nimport os\n\nX = 1\n"
SORTED = "import os\nimport sys\n\nX = 1\n"
TITLE = "Write tests for `positive`"


@dataclass
class Writing:
    """A Helix with a project in which the model writes tests for `positive`."""

    helix: Helix

    @property
    def tests(self) -> Path:
        """Where they go."""
        return self.helix.profile.project / "test_fresh.py"

    def see(self) -> None:
        """Show the file with the tests."""
        self.helix.wait_for(lambda: self.helix.is_open(self.tests), "the tests at the server")
        self.helix.command(f"open {self.tests}")
        self.helix.wait_for_text("def test_positive")


@pytest.fixture
def writing(start_helix: StartHelix, tmp_path: Path) -> Writing:
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps([fenced(WRITTEN)]))
    return Writing(start_helix(server=server(answers), settings=SETTINGS))


def test_new_tests_wait_to_be_saved(writing: Writing) -> None:
    opened(writing.helix, "fresh.py", SIMPLE, 3, 5)
    writing.helix.wait_until_ready()
    writing.helix.act(TITLE)
    writing.helix.wait_for(lambda: writing.helix.is_open(writing.tests), "the new file")
    assert writing.tests.read_text() == ""
    assert "fresh.py" in writing.helix.screen()
    writing.see()
    assert writing.helix.save(writing.tests).decode() == WRITTEN


def test_a_file_that_comes_to_be_at_the_last_moment_is_not_emptied(writing: Writing) -> None:
    """After the server's last look. Helix itself would have emptied it."""
    helix = writing.helix
    opened(helix, "fresh.py", SIMPLE, 3, 5)
    helix.wait_until_ready()
    position = [title == TITLE for title in helix.offered()].index(True)
    with helix.held():
        helix.press(*["Down"] * position, "Enter")
        helix.wait_for(lambda: helix.exchanges("codeAction/resolve"), "the answer")
        writing.tests.write_text("def test_x():\n    pass\n")
    writing.see()
    assert writing.tests.read_text() == "def test_x():\n    pass\n"
    helix.wait_for_text("def test_x")


@pytest.mark.parametrize(("eol", "mark"), [("\n", ""), ("\r\n", "\ufeff")])
def test_tests_go_into_a_file_that_is_not_open(writing: Writing, eol: str, mark: str) -> None:
    before = (mark + OLD.replace("\n", eol)).encode()
    writing.tests.write_bytes(before)
    opened(writing.helix, "fresh.py", SIMPLE, 3, 5)
    writing.helix.wait_until_ready()
    writing.helix.act(TITLE)
    writing.see()
    assert writing.tests.read_bytes() == before, "saving is the user's"
    assert writing.helix.save(writing.tests) == (mark + MERGED.replace("\n", eol)).encode()
    writing.helix.press("u")
    assert writing.helix.save(writing.tests) == before


def test_tests_go_into_a_buffer_that_is_not_saved(writing: Writing) -> None:
    helix = writing.helix
    opened(helix, "test_fresh.py", f"# Saved.\n{OLD}", 1)
    helix.press("x", "d")
    opened(helix, "fresh.py", SIMPLE, 3, 5)
    helix.wait_until_ready()
    helix.act(TITLE)
    writing.see()
    assert writing.tests.read_text() == f"# Saved.\n{OLD}"
    assert helix.save(writing.tests).decode() == MERGED
    expect_undone(helix, writing.tests, OLD)


# Sort imports


def finding(path: str) -> list[str]:
    """The server alone with a `PATH`: Helix would start a ruff it finds as a server of its own."""
    return ["/usr/bin/env", f"PATH={path}", *sotto_command()]


@pytest.mark.parametrize("settings", ["ruff.toml", ".isort.cfg"])
def test_imports_are_sorted_and_undone_in_one_step(start_helix: StartHelix, settings: str) -> None:
    helix = start_helix(server=finding(str(Path(sys.executable).parent)))
    text = "[settings]\n" if settings == ".isort.cfg" else ""
    (helix.profile.project / settings).write_text(text)
    path = opened(helix, "a.py", f"# Saved.\n{UNSORTED}", 1)
    helix.press("x", "d")
    helix.act("Sort imports")
    helix.wait_for(lambda: helix.exchanges("codeAction/resolve"), "the answer")
    assert changed(helix, path, UNSORTED) == SORTED
    expect_undone(helix, path, UNSORTED)


def test_without_a_program_it_is_not_in_the_list(start_helix: StartHelix) -> None:
    helix = start_helix(server=finding("/usr/bin:/bin"))
    opened(helix, "a.py", f"{UNSORTED}\n\ndef f(x):\n    pass\n", 7)
    helix.wait_until_ready()
    assert "Sort imports" not in helix.offered()
