"""Code actions in a real VS Code: chosen, previewed, applied, undone, cancelled.

Docstrings and bodies are the built-in model's; everything else is done with scripted answers.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.editors.conftest import Started
from tests.support.action_cases import CASES, CIRCLE, CUSTOM, SIMPLE, SIMPLER, TYPED, fenced
from tests.support.scripted_serve import ROOT, write_program
from tests.support.vscode import VSCode
from tests.support.vscode_actions import (
    QUICK_FIX,
    REFACTOR,
    SOURCE,
    accept_preview,
    choose,
    discard_preview,
    offered,
    previewed,
)

pytestmark = pytest.mark.editor

# Nothing but actions takes answers out of the script.
SETTINGS: dict[str, object] = {
    "sotto.inlineCompletion.enabled": False,
    "editor.scrollBeyondLastLine": False,  # else the first lines are not on the screen
}

Say = Callable[..., VSCode]


@pytest.fixture(scope="module")
def vscode_settings() -> dict[str, object]:
    return SETTINGS


@pytest.fixture(scope="module")
def _scripted(_shared_vscode: Started, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the answers. From here on the scripted server runs in this VS Code."""
    folder = tmp_path_factory.mktemp("scripted")
    answers = folder / "answers.json"
    answers.write_text('["No."]')
    program = write_program(folder, answers)
    machine = {"sotto.server.path": str(program), "sotto.actions.custom": [CUSTOM]}
    _shared_vscode.profile.write_settings(SETTINGS, machine)
    return answers


@pytest.fixture
def say(_scripted: Path, started: Started) -> Iterator[Say]:
    """Sets what the model answers, in turn."""

    def set_answers(*answers: str) -> VSCode:
        _scripted.write_text(json.dumps(answers))
        return started.vscode

    yield set_answers
    assert started.vscode.page.locator(".bulk-edit-panel .monaco-list-row").count() == 0


SCRIPTED_MODEL = "builtin,"
BUILT_IN_MODEL = next((ROOT / "inference/models/builtin").glob("*.gguf")).stem.rpartition("-")[0]
"""As the status bar names them."""


def opened(
    vscode: VSCode, name: str, text: str, line: int, column: int = 1, model: str = SCRIPTED_MODEL
) -> list[str]:
    """Open a file at a place. Returns its lines, once the server has its model."""
    path = vscode.folder / name
    path.write_text(text)
    vscode.open(path, line, column)
    vscode.wait_for(
        lambda: model in vscode.status() and "paused" in vscode.status(), "the server's model"
    )
    return vscode.settled_lines()


def until_changed(vscode: VSCode, before: list[str]) -> list[str]:
    vscode.wait_for(lambda: vscode.lines() != before, "the action's edit")
    return vscode.settled_lines()


def expect_undone(vscode: VSCode, before: list[str]) -> None:
    """One undo brings back what was there."""
    vscode.press("Control+z")
    vscode.wait_for(lambda: vscode.lines() == before, "the undo")


def method(lines: list[str], name: str) -> ast.FunctionDef:
    found = [
        node
        for node in ast.walk(ast.parse("\n".join(lines)))
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    return found[0]


# By the built-in model


def test_a_docstring_by_the_built_in_model(vscode: VSCode) -> None:
    before = opened(vscode, "docstring.py", CIRCLE, 18, 9, model=BUILT_IN_MODEL)
    choose(vscode, "Write docstring for `perimeter`")
    after = until_changed(vscode, before)
    assert ast.get_docstring(method(after, "perimeter"))
    n_added = len(after) - len(before)
    assert after[:17] + after[17 + n_added :] == before
    expect_undone(vscode, before)


def test_a_body_by_the_built_in_model(vscode: VSCode) -> None:
    before = opened(vscode, "body.py", CIRCLE, 22, 9, model=BUILT_IN_MODEL)
    choose(vscode, "Complete the body of `scale`")
    after = until_changed(vscode, before)
    assert after[:21] == before[:21]
    body = method(after, "scale").body[1:]
    assert body
    assert not any(isinstance(statement, ast.Pass) for statement in body)
    expect_undone(vscode, before)


def test_what_the_built_in_model_cannot_is_not_offered_to_be_chosen(vscode: VSCode) -> None:
    opened(vscode, "cannot.py", CIRCLE, 18, 9, model=BUILT_IN_MODEL)
    titles = offered(vscode)
    assert "Write docstring for `perimeter`" in titles
    assert not [title for title in titles if title.startswith(("Simplify", "Rewrite by"))]


# By a scripted one


MENUS = {"extract function": REFACTOR}
"""Where an action is not under the cursor's light bulb."""


@pytest.mark.parametrize("name", [name for name in CASES if name != "a guess"])
def test_an_action_is_applied_and_undone_in_one_step(say: Say, name: str) -> None:
    case = CASES[name]
    vscode = say(case.answer)
    before = opened(vscode, "case.py", case.before, case.line, case.column)
    if case.n_lines:
        vscode.select("Shift+ArrowDown", case.n_lines)
    choose(vscode, case.title, MENUS.get(name, QUICK_FIX))
    assert until_changed(vscode, before) == case.after.split("\n")
    expect_undone(vscode, before)


def test_extract_variable_needs_no_model(say: Say) -> None:
    vscode = say("Not asked.")
    before = opened(vscode, "variable.py", TYPED, 2, 12)
    vscode.select("Shift+End")
    choose(vscode, "Extract variable", REFACTOR)
    assert until_changed(vscode, before)[1:3] == ["    value = n / 2", "    return value"]
    expect_undone(vscode, before)


def test_a_diagnostic_of_another_tool_is_fixed(say: Say) -> None:
    text = "function area(width: number): number {\n  return widht * 2;\n}\n\nexport { area };\n"
    after = text.replace("widht", "width")
    vscode = say(fenced("function area(width: number): number {\n  return width * 2;\n}\n"))
    before = opened(vscode, "fix.ts", text, 2, 11)
    wrong = vscode.page.locator(".editor-instance .squiggly-error")
    wrong.first.wait_for()  # VS Code's own TypeScript server has found it
    choose(vscode, "Fix: Cannot find name")
    assert until_changed(vscode, before) == after.split("\n")
    expect_undone(vscode, before)


def test_an_instruction_is_asked_for(say: Say) -> None:
    vscode = say(fenced(SIMPLER))
    before = opened(vscode, "instruction.py", SIMPLE, 3, 5)
    choose(vscode, "Rewrite by instruction…")
    vscode.page.locator(".quick-input-widget:visible input.input").fill("one line")
    vscode.press("Enter")
    assert until_changed(vscode, before) == SIMPLER.split("\n")
    expect_undone(vscode, before)


def test_no_instruction_is_no_rewrite(say: Say) -> None:
    vscode = say(fenced(SIMPLER))
    before = opened(vscode, "none.py", SIMPLE, 3, 5)
    choose(vscode, "Rewrite by instruction…")
    field = vscode.page.locator(".quick-input-widget:visible input.input")
    field.wait_for()
    vscode.press("Escape")
    field.wait_for(state="hidden")
    vscode.wait_for(lambda: not vscode.notifications(), "no message")
    assert vscode.lines() == before


def test_it_is_cancelled_in_mid_stream(say: Say) -> None:
    vscode = say("```python\ndef positive(x):\n    # Or …", fenced(SIMPLER))
    before = opened(vscode, "cancel.py", SIMPLE, 3, 5)
    choose(vscode, "Simplify `positive`")
    vscode.expect_notification("Simplify `positive`: 3 lines")
    vscode.click_notification("Cancel")
    vscode.wait_for(lambda: not vscode.notifications(), "the progress to go, without a message")
    assert vscode.lines() == before
    # The next one is not held up by it.
    choose(vscode, "Simplify `positive`")
    assert until_changed(vscode, before) == SIMPLER.split("\n")


def test_a_refusal_is_said_and_changes_nothing(say: Say) -> None:
    vscode = say("I cannot do that.", "Nor will I.")
    before = opened(vscode, "refusal.py", SIMPLE, 3, 5)
    choose(vscode, "Simplify `positive`")
    vscode.expect_notification("twice over; nothing was changed")
    vscode.wait_for(lambda: len(vscode.notifications()) == 1, "the progress to go; one message")
    assert vscode.lines() == before


def test_a_guess_is_previewed(say: Say) -> None:
    """Code without a fence had to be told from prose: VS Code asks before it is applied."""
    vscode = say(f"It can be shorter.\n\n{SIMPLER}\nThat does the same.\n")
    before = opened(vscode, "guess.py", SIMPLE, 3, 5)
    choose(vscode, "Simplify `positive`")
    previewed(vscode, "guess.py")
    assert vscode.lines() == before
    discard_preview(vscode)
    assert vscode.lines() == before
    choose(vscode, "Simplify `positive`")
    accept_preview(vscode, "guess.py")
    assert until_changed(vscode, before) == SIMPLER.split("\n")
    expect_undone(vscode, before)


def test_tests_are_previewed_and_become_a_new_file(say: Say) -> None:
    written = "from fresh import positive\n\n\ndef test_positive():\n    assert positive(1)\n"
    vscode = say(fenced(written))
    opened(vscode, "fresh.py", SIMPLE, 3, 5)
    path = vscode.folder / "test_fresh.py"
    choose(vscode, "Write tests for `positive`", SOURCE)
    previewed(vscode, "test_fresh.py")
    discard_preview(vscode)
    assert not path.exists()
    choose(vscode, "Write tests for `positive`", SOURCE)
    accept_preview(vscode, "test_fresh.py")
    vscode.wait_for(lambda: path.exists() and path.read_text() == written, "the tests on the disk")


def test_an_explanation_is_shown_beside_the_code(say: Say) -> None:
    vscode = say("It says whether `x` is **positive**.")
    opened(vscode, "explain.py", SIMPLE, 3, 5)
    choose(vscode, "Explain `positive`", SOURCE)
    vscode.page.wait_for_selector('.tab[aria-label*="Preview 20"]')
    # Markdown, not its source: the word is in bold type. The frame is looked up anew until then, as
    # VS Code replaces it while it loads.
    preview = vscode.page.frame_locator("iframe.webview.ready").frame_locator("#active-frame")
    preview.locator("strong", has_text="positive").wait_for()
    assert vscode.lines() == SIMPLE.split("\n"), "the code is still there to be read"
    vscode.run("View: Close All Editor Groups")
