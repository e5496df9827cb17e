"""*Write tests* in a real VS Code, into a file of tests that is there already."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.editors.conftest import OpenVSCode
from tests.support.scripted_serve import write_program
from tests.support.vscode import VSCode
from tests.support.vscode_actions import (
    SOURCE,
    accept_preview,
    choose,
    discard_preview,
    previewed,
)

pytestmark = pytest.mark.editor

CODE = "def add(a, b):\n    return a + b\n"
THERE = "from calc import add\n\n\ndef test_zero():\n    assert add(0, 0) == 0\n"
NEW = "def test_ones():\n    assert add(1, 1) == 2\n"
ANSWER = f"```python\nfrom calc import add\n\n\n{NEW}```"
AFTER = f"{THERE}\n\n{NEW}"
TITLE = "Write tests for `add`"

Say = Callable[..., VSCode]


@pytest.fixture(scope="module")
def _scripted(
    open_vscode: OpenVSCode, tmp_path_factory: pytest.TempPathFactory
) -> tuple[VSCode, Path]:
    """A VS Code, and the file of what its model answers."""
    folder = tmp_path_factory.mktemp("script")
    answers = folder / "answers.json"
    answers.write_text('["No."]')
    files = {"calc.py": CODE, "test_calc.py": THERE}
    settings: dict[str, object] = {
        "sotto.inlineCompletion.enabled": False,  # it would take answers out of the script
        "editor.scrollBeyondLastLine": False,  # else the first lines are not on the screen
    }
    started = open_vscode(write_program(folder / "bin", answers), files, user=settings)
    return started.vscode, answers


@pytest.fixture
def say(_scripted: tuple[VSCode, Path]) -> Say:
    """Sets what the model answers, in turn. No file is open, and the tests are as they were."""
    vscode, answers = _scripted
    vscode.close_files()
    if vscode.notifications():
        vscode.dismiss_notifications()
    file_of_tests(vscode).write_text(THERE)

    def say(*texts: str) -> VSCode:
        answers.write_text(json.dumps(texts))
        return vscode

    return say


def file_of_tests(vscode: VSCode) -> Path:
    return vscode.folder / "test_calc.py"


def write_tests(vscode: VSCode) -> None:
    vscode.open(vscode.folder / "calc.py", 2, 5)
    vscode.wait_for(lambda: "paused" in vscode.status(), "the server's model")
    choose(vscode, TITLE, SOURCE)


def expect_added_and_undone(vscode: VSCode, before: str, after: str) -> None:
    """The tests are in the editor alone, and one undo takes them out."""
    vscode.open(file_of_tests(vscode))
    vscode.wait_for(lambda: vscode.lines() == after.split("\n"), "the tests")
    assert file_of_tests(vscode).read_text() == THERE, "it is left to be saved"
    vscode.press("Control+z")
    vscode.wait_for(lambda: vscode.lines() == before.split("\n"), "the undo")


def test_what_is_added_to_a_file_that_is_not_open_is_previewed(say: Say) -> None:
    vscode = say(ANSWER)
    write_tests(vscode)
    previewed(vscode, "test_calc.py")
    discard_preview(vscode)
    assert file_of_tests(vscode).read_text() == THERE
    choose(vscode, TITLE, SOURCE)
    accept_preview(vscode, "test_calc.py")
    expect_added_and_undone(vscode, THERE, AFTER)


def test_it_is_added_to_what_the_editor_has_not_saved(say: Say) -> None:
    vscode = say(ANSWER)
    vscode.open(file_of_tests(vscode))
    vscode.type("# Mine.\n")
    vscode.wait_for(lambda: vscode.lines()[0] == "# Mine.", "what is typed")
    write_tests(vscode)
    expect_added_and_undone(vscode, f"# Mine.\n{THERE}", f"# Mine.\n{AFTER}")


def test_a_test_of_a_name_that_is_there_is_refused(say: Say) -> None:
    vscode = say(ANSWER.replace("test_ones", "test_zero"))
    write_tests(vscode)
    vscode.expect_notification("test_zero")
    vscode.open(file_of_tests(vscode))
    assert vscode.lines() == THERE.split("\n")


def test_what_is_cancelled_or_discarded_adds_nothing(say: Say) -> None:
    vscode = say(f"{ANSWER.removesuffix('```')}…", ANSWER)
    write_tests(vscode)
    vscode.expect_notification(f"{TITLE}: ")
    vscode.click_notification("Cancel")
    vscode.wait_for(lambda: not vscode.notifications(), "the progress to go")
    choose(vscode, TITLE, SOURCE)
    previewed(vscode, "test_calc.py")
    discard_preview(vscode)
    assert file_of_tests(vscode).read_text() == THERE
