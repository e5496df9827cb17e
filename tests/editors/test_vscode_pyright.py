"""Sotto and pyright on one file in VS Code: each does its part, and `Tab` keeps its meanings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.test_vscode_texts import LAST, TWICE, accept, assert_in_step, opened, suggested
from tests.support.vscode import VSCode
from tests.support.vscode_pyright import pack_pyright

pytestmark = pytest.mark.editor

WRONG = "import math\n\nwidth: int = 'x'\n\n\n"
"""Pyright has something to say of it."""


@pytest.fixture(scope="module")
def other_extensions(vsix: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    assert vsix.exists(), "the tools to pack with come with it"
    return [pack_pyright(tmp_path_factory.mktemp("pyright"))]


def wait_for_pyright(vscode: VSCode) -> None:
    squiggle = vscode.page.locator(".editor-instance .squiggly-error")
    vscode.wait_for(lambda: squiggle.count() > 0, "what pyright says")


def test_a_suggestion_is_accepted(vscode: VSCode) -> None:
    opened(vscode, "beside.py", WRONG + TWICE + LAST)
    wait_for_pyright(vscode)
    accept(vscode, suggested(vscode))
    assert_in_step(vscode)


def test_an_entry_of_its_list_is_accepted(vscode: VSCode) -> None:
    opened(vscode, "list.py", WRONG)
    wait_for_pyright(vscode)
    vscode.type("height = math.acos")
    entry = vscode.page.locator(".suggest-widget.visible .monaco-list-row.focused")
    vscode.wait_for(lambda: entry.count() and "acos" in entry.inner_text(), "pyright's list")
    vscode.press("Tab")
    vscode.wait_for(lambda: not entry.count(), "the list to close")
    assert vscode.lines()[-1].startswith("height = math.acos")
    assert_in_step(vscode)


def test_tab_indents_and_goes_through_a_snippet(vscode: VSCode) -> None:
    opened(vscode, "tab.py", WRONG)
    wait_for_pyright(vscode)
    vscode.press("Escape", "Tab")
    vscode.wait_for(lambda: vscode.lines()[-1] == "    ", "the indentation")
    vscode.run("Snippets: Insert Snippet")
    vscode.wait_for(lambda: any("apair" in entry for entry in vscode.entries()), "the snippet")
    vscode.choose("apair")
    vscode.wait_for(lambda: vscode.lines()[-1] == "    pair(, )", "the snippet in the text")
    vscode.type("1")
    if vscode.is_soon(vscode.ghost, 2):
        vscode.press("Escape")  # only then: with nothing to hide it would leave the snippet
    vscode.press("Tab")
    vscode.type("2")
    vscode.wait_for(lambda: vscode.lines()[-1] == "    pair(1, 2)", "the second place")
    assert_in_step(vscode)
