"""The local model outside Sotto's view: as `@sotto` in VS Code's chat, and for other extensions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.editors.conftest import CODE
from tests.support.vscode import TIMEOUT_S, VSCode
from tests.support.vscode_chat import Talk
from tests.support.vscode_packing import pack

pytestmark = pytest.mark.editor

expect.set_options(timeout=1000 * TIMEOUT_S)

ASKING = Path(__file__).parent.parent / "support" / "asking_extension"
SHOWN: dict[str, object] = {"chat.disableAIFeatures": False}
OFF = "Chat is turned off by the setting sotto.chat.enabled."


@pytest.fixture(scope="module")
def talk_options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    vsix = tmp_path_factory.mktemp("asking") / "asking.vsix"
    others = [pack(vsix, ASKING / "package.json", ASKING / "extension.js")]
    return {"files": {"calc.py": CODE}, "user": SHOWN, "others": others}


@pytest.fixture
def switched_off(talk: Talk) -> Iterator[None]:
    """The chat is turned off while VS Code runs."""
    talk.profile.change_machine_settings({"sotto.chat.enabled": False})
    expect(talk.chat.frame.locator(".banner")).to_contain_text(OFF)
    yield
    talk.profile.change_machine_settings({"sotto.chat.enabled": True})
    expect(talk.chat.frame.locator(".banner")).not_to_contain_text(OFF)


def ask_participant(vscode: VSCode, question: str) -> Locator:
    """Ask in a new conversation of VS Code's own chat; returns its answer."""
    vscode.run("Chat: New Chat")
    session = vscode.page.locator(".interactive-session")
    expect(session.locator(".interactive-response")).to_have_count(0)
    session.locator(".chat-editor-container .monaco-editor").first.click()
    vscode.type(question)
    vscode.press("Escape", "Enter")
    return session.locator(".interactive-response").first


def test_the_participant_answers(talk: Talk) -> None:
    talk.script("It **subtracts**.")
    answer = ask_participant(talk.vscode, "@sotto what is wrong?")
    expect(answer.locator("strong")).to_have_text("subtracts")


def test_another_extension_asks_the_model(talk: Talk) -> None:
    vscode = talk.vscode
    talk.script("It subtracts.")
    vscode.run("Asking: Name the Models")
    vscode.expect_notification("models: builtin.")
    vscode.dismiss_notifications()
    vscode.run("Asking: Ask the First Model")
    vscode.expect_notification("It subtracts.")
    vscode.dismiss_notifications()


def test_the_model_says_that_it_does_not_use_vs_codes_tools(talk: Talk) -> None:
    vscode = talk.vscode
    talk.script("It subtracts.")
    vscode.run("Asking: Offer It a Tool")
    said = vscode.expect_notification("uses none of VS Code’s tools")
    assert said.endswith("It subtracts.")
    vscode.dismiss_notifications()
    vscode.run("Asking: Require It to Use a Tool")
    said = vscode.expect_notification("uses none of VS Code’s tools")
    assert said.startswith("failed: ")
    assert "It subtracts." not in said
    vscode.dismiss_notifications()


@pytest.mark.usefixtures("switched_off")
def test_a_chat_that_is_turned_off_says_so_everywhere(talk: Talk) -> None:
    vscode = talk.vscode
    talk.chat.field.fill("Hello?")
    expect(talk.chat.button("Send")).to_be_disabled()
    answer = ask_participant(vscode, "@sotto what is wrong?")
    expect(answer).to_contain_text(OFF)
    vscode.run("Asking: Ask the First Model")
    vscode.expect_notification("Chat is turned off by the setting")
    vscode.dismiss_notifications()
    talk.chat.frame.locator(".banner").get_by_role("button").click()
    setting = vscode.page.locator(".settings-editor .setting-item-contents", has_text="Enabled")
    setting.first.wait_for()
