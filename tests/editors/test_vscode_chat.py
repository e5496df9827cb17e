"""Chat in a real VS Code, with the real server: scripted answers, and once a tiny model's own."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.editors.conftest import CODE, OpenVSCode
from tests.support.tiny_chat import write_chat_model
from tests.support.vscode import TIMEOUT_S
from tests.support.vscode_chat import ChatView, Talk, tool_call
from tests.support.vscode_process import sotto_program

pytestmark = pytest.mark.editor

expect.set_options(timeout=1000 * TIMEOUT_S)

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
    talk.script(f"I look.\n{tool_call('read_file', path='calc.py')}", "It subtracts.")
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


def test_a_conversation_is_deleted_for_good(talk: Talk) -> None:
    vscode, chat = talk.vscode, talk.chat
    talk.ask("What shall stay?", "This.")
    chat.new()
    talk.ask("What shall go?", "That.")
    vscode.run("Sotto: Show Conversations…")
    row = vscode.page.locator(".quick-input-list .monaco-list-row", has_text="What shall go?")
    row.hover()
    row.get_by_role("button", name="Delete this conversation").click()
    row.wait_for(state="detached")
    assert [one for one in vscode.entries() if "What shall stay?" in one], "the others are there"
    vscode.press("Escape")
    chat.turns.first.wait_for(state="detached")  # it was the one that is shown
    with vscode.page.expect_navigation():
        vscode.run("Developer: Reload Window")
    vscode.wait_until_ready()
    vscode.run("Sotto: Show Conversations…")
    vscode.wait_for(lambda: any("What shall stay?" in one for one in vscode.entries()), "the list")
    assert not [one for one in vscode.entries() if "What shall go?" in one]
    vscode.press("Escape")


def test_a_tiny_model_answers_through_the_real_engine(
    open_vscode: OpenVSCode, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = write_chat_model(tmp_path_factory.mktemp("model") / "tiny-chat.gguf")
    settings = {"sotto.model.path": str(model), "sotto.chat.maxTokens": 32}
    vscode = open_vscode(sotto_program(), {"calc.py": CODE}, machine=settings).vscode
    vscode.open(vscode.folder / "calc.py")
    vscode.wait_until_ready()
    chat = ChatView(vscode)
    chat.open()
    chat.ask("Hello?")
    expect(chat.wait_until_answered(1).locator(".usage")).to_contain_text("written")


def test_a_model_that_cannot_chat_says_so_and_another_can_be_chosen(
    open_vscode: OpenVSCode,
) -> None:
    vscode = open_vscode(sotto_program(), {"calc.py": CODE}).vscode
    chat = ChatView(vscode)
    vscode.page.get_by_role("tab", name="Sotto").click()  # no file is open, and none is needed
    banner = chat.frame.locator(".banner")
    expect(banner).to_contain_text("The built-in model only completes code")
    chat.field.fill("Hello?")
    expect(chat.button("Send")).to_be_disabled()
    banner.get_by_role("button").click()
    vscode.page.locator(".quick-input-widget", has_text="the model that suggests").wait_for()
