"""Chat in a real VS Code, with the real server: scripted answers, and once a tiny model's own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.scripted_serve import write_program
from tests.support.tiny_chat import write_chat_model
from tests.support.vscode import TIMEOUT_S, VSCode
from tests.support.vscode_chat import ChatView
from tests.support.vscode_process import Profile, Programs, VSCodeProcess, sotto_program

pytestmark = pytest.mark.editor

expect.set_options(timeout=1000 * TIMEOUT_S)

CODE = "def add(a, b):\n    return a - b\n"
FIXED = CODE.replace("-", "+")
FIX = """It **subtracts**.

calc.py
```python
<<<<<<< SEARCH
    return a - b
=======
    return a + b
>>>>>>> REPLACE
```
"""


@dataclass(frozen=True)
class Talk:
    """A VS Code with the chat view open and a file beside it, whose model says what a test says."""

    vscode: VSCode
    chat: ChatView
    file: Path
    answers: Path

    def script(self, *answers: str) -> None:
        self.answers.write_text(json.dumps(answers))


Settings = Mapping[str, object]
Open = Callable[..., VSCode]


@pytest.fixture(scope="module")
def open_with(
    vscode_programs: Programs, vsix: Path, page: Page, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Open]:
    """Opens a VS Code whose server is a program."""
    processes: list[VSCodeProcess] = []

    def start(
        program: Path, *, user: Settings | None = None, machine: Settings | None = None
    ) -> VSCode:
        folder = tmp_path_factory.mktemp("chat")
        (folder / "project").mkdir()
        (folder / "project" / "calc.py").write_text(CODE)
        profile = Profile(vscode_programs, folder / "profile")
        profile.write_settings(user, {"sotto.server.path": str(program), **(machine or {})})
        profile.install(vsix)
        processes.append(profile.start())
        return VSCode(page, processes[-1].address, folder / "project")

    yield start
    for process in processes:
        process.stop()


@pytest.fixture(scope="module")
def _shared_talk(open_with: Open, tmp_path_factory: pytest.TempPathFactory) -> Talk:
    folder = tmp_path_factory.mktemp("script")
    answers = folder / "answers.json"
    answers.write_text('["Hello."]')
    vscode = open_with(write_program(folder / "bin", answers))
    return Talk(vscode, ChatView(vscode), vscode.folder / "calc.py", answers)


@pytest.fixture
def talk(_shared_talk: Talk) -> Talk:
    """A new conversation, with the file as it was."""
    vscode = _shared_talk.vscode
    vscode.close_files()
    _shared_talk.file.write_text(CODE)
    vscode.open(_shared_talk.file)
    vscode.wait_until_ready()
    _shared_talk.chat.open()
    _shared_talk.chat.new()
    return _shared_talk


def test_an_answer_is_shown_as_markdown(talk: Talk) -> None:
    talk.script(f"<think>Let me see.</think>{FIX}")
    talk.chat.ask("What is wrong?")
    answer = talk.chat.wait_until_answered(1)
    expect(answer.locator("strong")).to_have_text("subtracts")
    expect(answer.locator("pre .hljs-keyword").first).to_have_text("return")
    expect(answer.locator(".usage")).to_contain_text("tokens read")
    thoughts = answer.locator("details.reasoning")
    expect(thoughts.get_by_text("Let me see.")).to_be_hidden()
    thoughts.locator("summary").click()
    expect(thoughts.get_by_text("Let me see.")).to_be_visible()


def test_escape_stops_an_answer_and_what_came_of_it_stays(talk: Talk) -> None:
    talk.script("One day…", "Yes.")
    talk.chat.ask("When?")
    expect(talk.chat.turns.get_by_text("One day")).to_be_visible()
    expect(talk.chat.button("Stop")).to_be_visible()
    talk.vscode.press("Escape")
    answer = talk.chat.wait_until_answered(1)
    expect(answer).to_contain_text("One day")
    expect(answer).to_contain_text("Stopped.")
    talk.chat.ask("Really?")
    expect(talk.chat.wait_until_answered(2)).to_contain_text("Yes.")


def test_a_block_is_applied_after_a_look_and_undone_in_one_step(talk: Talk) -> None:
    talk.script(FIX)
    talk.chat.ask("/fix")
    talk.chat.wait_until_answered(1)
    talk.chat.button("Apply").click()
    preview = talk.vscode.page.locator(".bulk-edit-panel")
    expect(preview.get_by_role("checkbox", name="line 2")).to_be_visible()
    assert talk.vscode.lines() == CODE.split("\n"), "nothing is changed unasked"
    preview.locator(".edit-checkbox").first.click()
    preview.get_by_text("Apply", exact=True).click()
    talk.vscode.wait_for(lambda: talk.vscode.lines() == FIXED.split("\n"), "the change")
    talk.vscode.run("View: Focus Active Editor Group")
    talk.vscode.press("Control+z")
    talk.vscode.wait_for(lambda: talk.vscode.lines() == CODE.split("\n"), "the change undone")


def test_a_change_that_is_discarded_changes_nothing(talk: Talk) -> None:
    talk.script(FIX)
    talk.chat.ask("/fix")
    talk.chat.wait_until_answered(1)
    talk.chat.button("Apply").click()
    preview = talk.vscode.page.locator(".bulk-edit-panel")
    expect(preview.get_by_role("checkbox", name="line 2")).to_be_visible()
    preview.get_by_text("Discard", exact=True).click()
    expect(preview).to_be_hidden()
    assert talk.vscode.lines() == CODE.split("\n")


def test_a_block_that_fits_nowhere_is_refused_in_words(talk: Talk) -> None:
    talk.script(FIX.replace("a - b", "a * b"))
    talk.chat.ask("/fix")
    talk.chat.wait_until_answered(1)
    talk.chat.button("Apply").click()
    talk.vscode.expect_notification("Sotto: ")
    assert talk.vscode.lines() == CODE.split("\n")
    talk.vscode.dismiss_notifications()


def test_code_is_inserted_where_the_cursor_is(talk: Talk) -> None:
    talk.script("So:\n\n```python\n# sums\n```\n")
    talk.vscode.go_to(2, 1)
    talk.chat.open()
    talk.chat.ask("A comment?")
    talk.chat.wait_until_answered(1)
    talk.chat.button("Insert").click()
    inserted = ["def add(a, b):", "# sums", "    return a - b", ""]
    talk.vscode.wait_for(lambda: talk.vscode.lines() == inserted, "the code")


def test_code_is_copied(talk: Talk) -> None:
    talk.script("So:\n\n```python\n# sums\n```\n")
    talk.vscode.go_to(3, 1)
    talk.chat.open()
    talk.chat.ask("A comment?")
    talk.chat.wait_until_answered(1)
    talk.vscode.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    talk.chat.button("Copy").click()
    read = "navigator.clipboard.readText()"
    talk.vscode.wait_for(lambda: talk.vscode.page.evaluate(read) == "# sums\n", "the clipboard")


def test_a_hostile_answer_does_nothing(talk: Talk) -> None:
    asked_for: list[str] = []
    talk.vscode.page.on("request", lambda request: asked_for.append(request.url))
    ran = "document.title='ran'"
    talk.script(
        f"<script>{ran}</script> <img src=http://hostile.test/a onerror={ran}>\n\n"
        "![p](http://hostile.test/b) [c](command:workbench.action.quit) "
        f"[j](javascript:{ran}) <a href='javascript:{ran}'>k</a> "
        '<button data-action="apply">Apply</button>\n\n```x" onclick="y\n</code><img src=x>\n```\n'
    )
    talk.chat.ask("Do it.")
    answer = talk.chat.wait_until_answered(1)
    expect(answer).to_contain_text("<script>")
    page = answer.locator("img, script, iframe, a[href^=javascript], a[href^=command], [onclick]")
    assert page.count() == 0
    assert answer.locator(".markdown button[data-action=apply]").count() == 1, "the block's own"
    assert answer.evaluate("document.title") != "ran"
    assert not [url for url in asked_for if "hostile" in url]


def test_a_link_is_opened_only_after_a_question(talk: Talk) -> None:
    talk.script("See [there](https://example.com/page).")
    talk.chat.ask("Where?")
    talk.chat.wait_until_answered(1).get_by_text("there").click()
    dialog = talk.vscode.page.locator(".monaco-dialog-box")
    expect(dialog).to_contain_text("https://example.com/page")
    dialog.get_by_text("Cancel").click()
    expect(dialog).to_be_hidden()


def test_files_and_commands_are_completed_by_keys(talk: Talk) -> None:
    talk.script("It adds.")
    talk.chat.field.press_sequentially("/ex")
    talk.vscode.wait_for(lambda: talk.chat.suggestions() == ["/explain"], "the command")
    talk.vscode.press("Tab")
    talk.chat.field.press_sequentially("@cal")
    talk.vscode.wait_for(lambda: talk.chat.suggestions() == ["calc.py"], "the file")
    talk.vscode.press("Enter")
    expect(talk.chat.field).to_have_value("/explain @calc.py ")
    talk.vscode.wait_for(lambda: talk.chat.attached() == ["calc.py"], "what is attached")
    talk.vscode.press("Enter")
    talk.chat.wait_until_answered(1)
    expect(talk.chat.turns.first.locator(".question .chip")).to_have_text("calc.py")
    assert talk.chat.attached() == []


def test_a_selection_is_attached(talk: Talk) -> None:
    talk.vscode.go_to(1, 1)
    talk.vscode.press("Control+a")
    talk.vscode.run("Sotto: Attach Selection to Chat")
    talk.vscode.wait_for(lambda: talk.chat.attached() == ["calc.py:1–3"], "what is attached")
    talk.chat.button("Do not attach").click()
    talk.vscode.wait_for(lambda: talk.chat.attached() == [], "nothing to be attached")


def test_tools_are_shown_as_they_are_used(talk: Talk) -> None:
    call = {"name": "read_file", "arguments": {"path": "calc.py"}}
    talk.script(f"I look.\n<tool_call>\n{json.dumps(call)}\n</tool_call>", "It subtracts.")
    talk.chat.button("Let the model look around").click()
    try:
        talk.chat.ask("What is wrong?")
        answer = talk.chat.wait_until_answered(1)
        expect(answer.locator(".step summary")).to_have_text(re.compile(r"read_file\s+calc\.py"))
        expect(answer).to_contain_text("It subtracts.")
    finally:
        talk.chat.button("Let the model look around").click()


def test_a_conversation_survives_a_reload_and_is_in_the_list(talk: Talk) -> None:
    talk.script("It adds.")
    talk.chat.ask("What does calc do?")
    talk.chat.wait_until_answered(1)
    talk.chat.field.fill("half a quest")
    with talk.vscode.page.expect_navigation():
        talk.vscode.run("Developer: Reload Window")
    talk.vscode.wait_until_ready()
    expect(talk.chat.turns.first).to_contain_text("What does calc do?")
    expect(talk.chat.turns.first).to_contain_text("It adds.")
    expect(talk.chat.field).to_have_value("half a quest")
    talk.chat.new()
    talk.vscode.run("Sotto: Show Conversations…")
    talk.vscode.wait_for(
        lambda: any("What does calc" in one for one in talk.vscode.entries()), "it"
    )
    talk.vscode.choose("What does calc do?")
    expect(talk.chat.turns.first).to_contain_text("It adds.")


def test_a_tiny_model_answers_through_the_real_engine(
    open_with: Open, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = write_chat_model(tmp_path_factory.mktemp("model") / "tiny-chat.gguf")
    settings = {"sotto.model.path": str(model), "sotto.chat.maxTokens": 32}
    vscode = open_with(sotto_program(), machine=settings)
    vscode.open(vscode.folder / "calc.py")
    vscode.wait_until_ready()
    chat = ChatView(vscode)
    chat.open()
    chat.ask("Hello?")
    expect(chat.wait_until_answered(1).locator(".usage")).to_contain_text("written")


def test_a_model_that_cannot_chat_says_so_and_another_can_be_chosen(open_with: Open) -> None:
    vscode = open_with(sotto_program())
    chat = ChatView(vscode)
    vscode.page.get_by_role("tab", name="Sotto").click()  # no file is open, and none is needed
    banner = chat.frame.locator(".banner")
    expect(banner).to_contain_text("The built-in model only completes code")
    chat.field.fill("Hello?")
    expect(chat.button("Send")).to_be_disabled()
    banner.get_by_role("button").click()
    vscode.page.locator(".quick-input-widget", has_text="the model that suggests").wait_for()


def test_the_participant_answers_in_vs_codes_own_chat(open_with: Open, tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps(["It **subtracts**."]))
    program = write_program(tmp_path / "bin", answers)
    vscode = open_with(program, user={"chat.disableAIFeatures": False})
    vscode.open(vscode.folder / "calc.py")
    vscode.wait_until_ready()
    session = vscode.page.locator(".interactive-session")
    session.locator(".chat-editor-container .monaco-editor").first.click()
    vscode.type("@sotto what is wrong?")
    vscode.press("Escape", "Enter")
    answer = session.locator(".interactive-response")
    expect(answer.first.locator("strong")).to_have_text("subtracts")
