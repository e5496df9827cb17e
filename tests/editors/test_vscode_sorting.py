"""*Sort imports* in a real VS Code, by the real ruff and isort."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.editors.conftest import OpenVSCode, Started
from tests.support.vscode import VSCode
from tests.support.vscode_actions import SOURCE, choose
from tests.support.vscode_process import sotto_program

pytestmark = pytest.mark.editor

UNSORTED = "import sys\nimport os\nfrom b import d, c\n\nprint(os, sys, c, d)\n"
SORTED = "import os\nimport sys\n\nfrom b import c, d\n\nprint(os, sys, c, d)\n"
BY_ISORT = SORTED.replace("c, d\n\nprint", "(\n    c,\n    d,\n)\n\nprint")
ISORT = "[settings]\nmulti_line_output = 3\nforce_grid_wrap = 2\ninclude_trailing_comma = true\n"
FILES = {
    "ruff/unsorted.py": UNSORTED,
    "ruff/pyproject.toml": "[tool.ruff]\n",
    "ruff/crlf.py": UNSORTED.replace("\n", "\r\n"),
    "isort/wrapped.py": UNSORTED,
    "isort/.isort.cfg": ISORT,
    "sorted.py": SORTED,
    "saved.py": UNSORTED,
    "broken.py": UNSORTED + "def (\n",
}
SETTINGS: dict[str, object] = {
    "sotto.inlineCompletion.enabled": False,
    "editor.scrollBeyondLastLine": False,  # else the first lines are not on the screen
    "editor.codeActionsOnSave": {"source.organizeImports": "explicit"},
}


@pytest.fixture(scope="module")
def _sorting(open_vscode: OpenVSCode, tmp_path_factory: pytest.TempPathFactory) -> Started:
    """A VS Code on whose `PATH` ruff and isort are."""
    programs = tmp_path_factory.mktemp("programs")
    for name in ("ruff", "isort"):
        found = shutil.which(name, path=str(Path(sys.executable).parent))
        assert found is not None, f"{name} is not in this environment: run `make setup`"
        (programs / name).symlink_to(found)
    path = os.pathsep.join([str(programs), "/usr/bin", "/bin"])
    return open_vscode(sotto_program(), FILES, user=SETTINGS, path=path)


@pytest.fixture
def vscode(_sorting: Started) -> VSCode:
    _sorting.vscode.close_files()
    return _sorting.vscode


def opened(vscode: VSCode, name: str) -> list[str]:
    """Open a file. Returns its lines, once the server is ready."""
    vscode.open(vscode.folder / name)
    vscode.wait_for(lambda: "paused" in vscode.status(), "the server's model")
    return vscode.lines()


@pytest.mark.parametrize(
    ("name", "after"), [("ruff/unsorted.py", SORTED), ("isort/wrapped.py", BY_ISORT)]
)
def test_imports_are_sorted_by_the_projects_own_and_undone(
    vscode: VSCode, name: str, after: str
) -> None:
    before = opened(vscode, name)
    choose(vscode, "Sort imports", SOURCE)
    vscode.wait_for(lambda: vscode.lines() == after.split("\n"), "sorted imports")
    vscode.press("Control+z")
    vscode.wait_for(lambda: vscode.lines() == before, "the undo")


def test_line_endings_stay(vscode: VSCode) -> None:
    opened(vscode, "ruff/crlf.py")
    choose(vscode, "Sort imports", SOURCE)
    vscode.wait_for(lambda: vscode.lines() == SORTED.split("\n"), "sorted imports")
    assert vscode.saved(vscode.folder / "ruff" / "crlf.py") == SORTED.replace("\n", "\r\n")


def test_what_is_typed_and_not_saved_counts(vscode: VSCode) -> None:
    opened(vscode, "ruff/unsorted.py")
    vscode.type("import abc\n")
    vscode.wait_for(lambda: vscode.lines()[0] == "import abc", "what is typed")
    choose(vscode, "Sort imports", SOURCE)
    after = f"import abc\n{SORTED}"
    vscode.wait_for(lambda: vscode.lines() == after.split("\n"), "sorted imports")


def test_vs_codes_own_command_sorts_them(vscode: VSCode) -> None:
    opened(vscode, "ruff/unsorted.py")
    vscode.run("Organize Imports")
    vscode.wait_for(lambda: vscode.lines() == SORTED.split("\n"), "sorted imports")


def test_they_are_sorted_at_each_saving_if_one_wants_it(vscode: VSCode) -> None:
    opened(vscode, "saved.py")
    vscode.go_to(5, 1)
    vscode.type("#")
    vscode.press("Control+s")
    after = SORTED.replace("print", "#print")
    path = vscode.folder / "saved.py"
    vscode.wait_for(lambda: path.read_text() == after, "sorted imports on the disk")
    assert vscode.lines() == after.split("\n")


def test_nothing_happens_where_they_are_in_order(vscode: VSCode) -> None:
    before = opened(vscode, "sorted.py")
    choose(vscode, "Sort imports", SOURCE)
    vscode.page.locator(".action-widget").first.wait_for(state="hidden")
    vscode.type("x")  # what comes of it cannot come later than this
    vscode.wait_for(lambda: vscode.lines()[0] == f"x{before[0]}", "what is typed")
    assert vscode.lines()[1:] == before[1:]
    assert not vscode.notifications()


def test_broken_code_is_not_sorted(vscode: VSCode) -> None:
    opened(vscode, "broken.py")
    vscode.run("Organize Imports")
    said = vscode.page.locator(".monaco-editor-overlaymessage")
    said.get_by_text("No organize imports action available").wait_for()
