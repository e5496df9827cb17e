"""Line ends, tabs, rare characters, long files, two groups on one: all stays in step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.vscode import VSCode

pytestmark = pytest.mark.editor

LINE = "    total = compute_total(first_value, second_value)\n    print(total)\n"
TWICE = f"def one():\n{LINE}\n\ndef two():\n{LINE}\n\n"
LAST = "def three():\n    total = compute_total("
"""Whatever a model says elsewhere, it says something here: the line came twice before."""


def opened(vscode: VSCode, name: str, text: str) -> Path:
    """Open a file with the cursor at its end."""
    path = vscode.folder / name
    path.write_bytes(text.encode())
    vscode.open(path)
    row = text.count("\n") + 1

    def is_at_end() -> bool:
        # The first key may come before the editor has the focus.
        vscode.press("Control+End")
        return vscode.cursor()[0] == row

    vscode.wait_for(is_at_end, "the cursor in the last line")
    vscode.wait_until_ready()
    return path


def suggested(vscode: VSCode) -> str:
    """Type on until something is suggested."""
    for character in "first_value":
        vscode.type(character)
        if vscode.is_soon(vscode.ghost, 2):
            return vscode.settled_ghost()
    return vscode.expect_ghost()


def assert_in_step(vscode: VSCode) -> None:
    """The server's copy of the text is the editor's, to the last character (by its hash)."""
    vscode.press("Escape")
    vscode.run("Sotto: Compare the Server’s Copy of This File")
    vscode.expect_notification("the server has this text")
    vscode.dismiss_notifications()


def accept(vscode: VSCode, ghost: str) -> None:
    """Take what is suggested at the end of the text, and see that it is there."""
    before = vscode.lines()[-1]
    vscode.press("Tab")
    last = ghost.rpartition("\n")[2] if "\n" in ghost else before + ghost
    vscode.wait_for(lambda: vscode.lines()[-1] == last, f"{ghost!r} in the text")


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_line_ends_stay_what_they_are(vscode: VSCode, eol: str) -> None:
    text = (TWICE + LAST).replace("\n", eol)
    path = opened(vscode, f"ends{len(eol)}.py", text)
    accept(vscode, suggested(vscode))
    assert_in_step(vscode)
    vscode.press("Control+s")
    vscode.wait_for(lambda: len(path.read_bytes()) > len(text), "the file on the disk")
    written = path.read_bytes().decode()
    assert written.startswith(text)
    assert re.sub("\r\n", "", written).count("\r") == 0
    assert written.count("\n") == written.count(eol), "no other line end came in"


def test_tabs_are_kept(vscode: VSCode) -> None:
    opened(vscode, "tabs.py", (TWICE + LAST).replace("    ", "\t"))
    ghost = suggested(vscode)
    assert "    " not in ghost
    accept(vscode, ghost)
    assert_in_step(vscode)


def test_characters_outside_the_basic_plane(vscode: VSCode) -> None:
    head = "# 𝒳😀é 👩‍👩‍👧 \u2028 \x0c end\n"
    opened(vscode, "astral.py", (head + TWICE + LAST).replace("total", "tötal𝒳"))
    ghost = suggested(vscode)
    vscode.type("😀")
    vscode.press("Backspace")
    assert_in_step(vscode)
    vscode.type("x")
    vscode.press("Backspace")
    accept(vscode, vscode.expect_ghost())
    assert ghost
    assert_in_step(vscode)


def test_a_long_file(vscode: VSCode) -> None:
    filler = "".join(f"value_{number} = {number}\n" for number in range(20_000))
    opened(vscode, "long.py", filler + TWICE + LAST)
    accept(vscode, suggested(vscode))
    assert_in_step(vscode)
    vscode.go_to(2, 1)
    vscode.type("x = 1")
    vscode.press("Escape", "Enter")
    assert_in_step(vscode)


def test_two_groups_on_one_file(vscode: VSCode) -> None:
    opened(vscode, "groups.py", TWICE + LAST)
    vscode.press("Control+Backslash")
    vscode.wait_for(lambda: vscode.page.locator(".editor-instance").count() == 2, "two groups")
    vscode.go_to(1, 1)
    vscode.type("# above")
    vscode.press("Escape", "Enter")
    assert_in_step(vscode)
    vscode.run("View: Close All Editors in Group")
    vscode.wait_for(lambda: vscode.page.locator(".editor-instance").count() == 1, "one group")
    lines = vscode.lines()
    assert lines[0] == "# above"
    vscode.go_to(len(lines), len(lines[-1]) + 1)
    accept(vscode, suggested(vscode))
    assert_in_step(vscode)


def test_an_accepted_suggestion_is_counted(vscode: VSCode) -> None:
    opened(vscode, "counted.py", TWICE + LAST)
    accept(vscode, suggested(vscode))
    vscode.press("Escape")
    vscode.run("Sotto: Why No Suggestion?")
    vscode.wait_for(
        lambda: any("a suggestion was accepted" in entry for entry in vscode.entries()),
        "the acceptance",
    )
    assert re.search(
        r"\d+ shown, [1-9]\d* accepted", vscode.page.locator(".quick-input-title").inner_text()
    )
    vscode.press("Escape")


def test_accepting_after_typing_on_is_counted(vscode: VSCode) -> None:
    opened(vscode, "typed.py", TWICE + LAST)
    ghost = suggested(vscode)
    vscode.type(ghost[0])
    vscode.wait_for(lambda: vscode.ghost() == ghost[1:], "the rest")
    accept(vscode, ghost[1:])
    vscode.press("Escape")
    vscode.run("Sotto: Why No Suggestion?")
    vscode.wait_for(
        lambda: any("a suggestion was accepted" in entry for entry in vscode.entries()),
        "the acceptance",
    )
    vscode.press("Escape")
