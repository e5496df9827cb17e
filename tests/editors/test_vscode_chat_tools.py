"""What the model may do in VS Code's chat view: commands after a question, edits after a look."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Locator, expect

from tests.editors.conftest import CODE
from tests.support.vscode import TIMEOUT_S
from tests.support.vscode_actions import accept_preview, discard_preview, previewed
from tests.support.vscode_chat import Talk, tool_call

pytestmark = pytest.mark.editor

expect.set_options(timeout=1000 * TIMEOUT_S)

FIXED = CODE.replace("-", "+")
OTHER = "first = 1\nsecond = 2\nthird = 3\n"
ALLOWED, OF_THE_FOLDER = "touch ran", "touch ran-by-the-folder"
FIX = tool_call("propose_edit", path="calc.py", old_text="a - b", new_text="a + b")
FIX_OTHER = tool_call("propose_edit", path="other.py", old_text="second = 2", new_text="second = 4")
"""Of a file that is not open."""


@pytest.fixture(scope="module")
def talk_options() -> dict[str, object]:
    of_the_folder = json.dumps({"sotto.chat.allowedCommands": [ALLOWED, OF_THE_FOLDER]})
    return {
        "files": {"calc.py": CODE, "other.py": OTHER, ".vscode/settings.json": of_the_folder},
        "machine": {"sotto.chat.allowedCommands": [ALLOWED]},
    }


@pytest.fixture(autouse=True)
def with_tools(talk: Talk) -> None:
    switch = talk.chat.button("Let the model look around")
    if switch.get_attribute("aria-pressed") != "true":
        switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    (talk.vscode.folder / "other.py").write_text(OTHER)
    (talk.vscode.folder / "ran").unlink(missing_ok=True)


def step(answer: Locator, tool: str) -> Locator:
    """What is shown of a tool's use, unfolded."""
    found = answer.locator(".step", has_text=tool)
    found.locator("summary").click()
    return found


# Commands


def asked_to_run(talk: Talk) -> None:
    """Have the model ask for the command, up to VS Code's question."""
    talk.script(tool_call("run_command", command=ALLOWED), "That is all.")
    talk.chat.ask("Run it.")
    question = talk.vscode.expect_notification("the model wants to run")
    assert f"`{ALLOWED}` in {talk.vscode.folder}" in question
    assert not (talk.vscode.folder / "ran").exists(), "nothing is run unasked"


def test_a_command_is_not_run_if_one_refuses(talk: Talk) -> None:
    asked_to_run(talk)
    talk.vscode.click_notification("Refuse")
    answer = talk.chat.wait_until_answered(1)
    expect(step(answer, "run_command")).to_contain_text("The user refused.")
    expect(answer).to_contain_text("That is all.")
    assert not (talk.vscode.folder / "ran").exists()


def test_a_command_is_run_if_one_agrees(talk: Talk) -> None:
    asked_to_run(talk)
    talk.vscode.click_notification("Run")
    answer = talk.chat.wait_until_answered(1)
    expect(step(answer, "run_command")).to_contain_text("exit status 0")
    assert (talk.vscode.folder / "ran").exists()


def test_a_question_that_is_stopped_runs_nothing(talk: Talk) -> None:
    asked_to_run(talk)
    talk.chat.button("Stop").click()
    expect(talk.chat.wait_until_answered(1)).to_contain_text("Stopped.")
    if talk.vscode.notifications():
        talk.vscode.click_notification("Run")
        talk.vscode.wait_for(lambda: not talk.vscode.notifications(), "the question to go")
    talk.chat.new()
    talk.ask("And now?", "Nothing.")
    assert not (talk.vscode.folder / "ran").exists()


def test_a_folder_allows_no_command(talk: Talk) -> None:
    answer = talk.ask("Run it.", tool_call("run_command", command=OF_THE_FOLDER), "I may not.")
    expect(step(answer, "run_command")).to_contain_text("The user has not allowed")
    assert not [text for text in talk.vscode.notifications() if "wants to run" in text]
    assert not (talk.vscode.folder / "ran-by-the-folder").exists()


# Edits


def test_a_proposed_edit_is_accepted_and_undone(talk: Talk) -> None:
    vscode = talk.vscode
    talk.ask("Fix it.", FIX, "I have proposed it.")
    card = talk.chat.review("calc.py")
    expect(card.locator(".removed", has_text="a - b")).to_have_count(1)
    expect(card.locator(".added", has_text="a + b")).to_have_count(1)
    previewed(vscode, "return a")
    assert vscode.lines() == CODE.split("\n"), "nothing is changed unasked"
    accept_preview(vscode, "return a")
    vscode.wait_for(lambda: vscode.lines() == FIXED.split("\n"), "the change")
    vscode.run("View: Focus Active Editor Group")
    vscode.press("Control+z")
    vscode.wait_for(lambda: vscode.lines() == CODE.split("\n"), "the change undone")


def test_a_proposed_edit_is_discarded_and_can_be_looked_at_again(talk: Talk) -> None:
    vscode = talk.vscode
    talk.ask("Fix it.", FIX, "I have proposed it.")
    talk.chat.review("calc.py")
    previewed(vscode, "return a")
    discard_preview(vscode)
    assert vscode.lines() == CODE.split("\n")
    talk.chat.review("calc.py")
    previewed(vscode, "return a")
    discard_preview(vscode)
    assert vscode.lines() == CODE.split("\n")


def test_a_proposed_edit_of_a_file_that_has_changed_is_refused(talk: Talk) -> None:
    vscode = talk.vscode
    talk.ask("Fix it.", FIX, "I have proposed it.")
    vscode.go_to(1, 1)
    vscode.type("# ")
    changed = vscode.lines()
    talk.chat.review("calc.py")
    vscode.expect_notification("calc.py has changed since")
    assert vscode.page.locator(".bulk-edit-panel .monaco-list-row").count() == 0
    assert vscode.lines() == changed
    vscode.dismiss_notifications()


def test_a_proposed_edit_of_a_file_that_is_not_open(talk: Talk) -> None:
    vscode, path = talk.vscode, talk.vscode.folder / "other.py"
    talk.ask("Fix it.", FIX_OTHER, "I have proposed it.")
    talk.chat.review("other.py")
    accept_preview(vscode, "second =")
    vscode.open(path)
    assert vscode.lines() == OTHER.replace("2\n", "4\n").split("\n")
    assert path.read_text() == OTHER, "it is left to be saved"
    vscode.press("Control+z")
    vscode.wait_for(lambda: vscode.lines() == OTHER.split("\n"), "the change undone")


def test_a_proposed_edit_of_a_file_that_has_changed_on_the_disk_is_refused(talk: Talk) -> None:
    vscode, path = talk.vscode, talk.vscode.folder / "other.py"
    talk.ask("Fix it.", FIX_OTHER, "I have proposed it.")
    path.write_text(f"zeroth = 0\n{OTHER}")
    talk.chat.review("other.py")
    vscode.expect_notification("other.py has changed since")
    assert vscode.page.locator(".bulk-edit-panel .monaco-list-row").count() == 0
    assert path.read_text() == f"zeroth = 0\n{OTHER}"
    vscode.dismiss_notifications()
