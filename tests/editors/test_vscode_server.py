"""The server as VS Code's user meets it: absent, killed and restarted, paused, wrongly set."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.editors.conftest import USER_SETTINGS, Started
from tests.support.tiny_models import tiny_models
from tests.support.vscode import VSCode
from tests.support.vscode_process import Profile, Programs, sotto_program
from tests.support.wheels import sotto_wheel

pytestmark = pytest.mark.editor

LINE = "    total = compute_total(first_value, second_value)\n    print(total)\n"
TEXT = f"def one():\n{LINE}\n\ndef two():\n{LINE}\n\ndef three():\n    total = compute_total("
"""Whatever a model says elsewhere, it says something here: the line came twice before."""


def open_example(vscode: VSCode, name: str) -> Path:
    """Open a file with the cursor where a suggestion comes with the next key."""
    path = vscode.folder / name
    path.write_text(TEXT)
    lines = TEXT.split("\n")
    vscode.open(path, len(lines), len(lines[-1]) + 1)
    return path


def expect_suggestion(vscode: VSCode) -> str:
    """Type on until something is suggested."""
    for character in "first_value":
        vscode.type(character)
        if vscode.is_soon(vscode.ghost, 1.5):
            return vscode.settled_ghost()
    return vscode.expect_ghost()


def expect_none(vscode: VSCode) -> None:
    """Type where something would be suggested, see that nothing is, and take it back."""
    vscode.type("first")
    assert not vscode.is_soon(vscode.ghost, 2)
    vscode.press(*["Backspace"] * len("first"))


def test_the_server_runs_apart_from_the_workspace(started: Started) -> None:
    open_example(started.vscode, "apart.py")
    started.vscode.wait_until_ready()
    (server,) = started.process.sotto_servers()
    assert str(sotto_program()) in server.cmdline()
    assert "PYTHONPATH" not in server.environ()
    assert not Path(server.cwd()).is_relative_to(started.vscode.folder)


def test_killed_it_comes_back(started: Started) -> None:
    vscode = started.vscode
    open_example(vscode, "killed.py")
    vscode.wait_until_ready()
    (old,) = started.process.sotto_servers()
    old.kill()
    vscode.expect_notification("ended unexpectedly")
    vscode.wait_until_ready()
    (new,) = started.process.sotto_servers()
    assert new.pid != old.pid
    expect_suggestion(vscode)


def test_restarts_that_are_asked_for_together_are_one(started: Started) -> None:
    vscode = started.vscode
    open_example(vscode, "restart.py")
    vscode.wait_until_ready()
    (old,) = started.process.sotto_servers()
    for _ in range(3):
        vscode.run("Sotto: Restart the Server")
    vscode.wait_for(lambda: not old.is_running(), "the old server to end")
    vscode.wait_until_ready()
    vscode.wait_for(lambda: len(started.process.sotto_servers()) == 1, "one server")
    expect_suggestion(vscode)
    assert not vscode.notifications(), "nobody is told of what they asked for"


def test_a_pause_for_the_file(vscode: VSCode) -> None:
    open_example(vscode, "paused.py")
    vscode.wait_until_ready()
    assert "Pause for paused.py" in vscode.open_menu()
    vscode.choose("Pause for paused.py")
    vscode.wait_for(lambda: "paused in this file" in vscode.status(), "the status to say it")
    expect_none(vscode)

    open_example(vscode, "other.py")
    expect_suggestion(vscode)
    vscode.close_file()

    vscode.wait_for(lambda: "paused in this file" in vscode.status(), "the pause to be there still")
    vscode.open_menu()
    vscode.choose("Resume for paused.py")
    vscode.wait_until_ready()
    expect_suggestion(vscode)


def test_a_pause_for_the_language_is_a_setting(started: Started) -> None:
    vscode, key = started.vscode, "sotto.inlineCompletion.disabledLanguages"
    open_example(vscode, "language.py")
    vscode.wait_until_ready()
    vscode.open_menu()
    vscode.choose("Pause for the language python")
    vscode.wait_for(lambda: "paused in this language" in vscode.status(), "the status to say it")
    assert started.profile.settings()[key] == ["python"]
    expect_none(vscode)
    vscode.open_menu()
    vscode.choose("Resume for the language python")
    vscode.wait_until_ready()
    assert started.profile.settings().get(key, []) == []
    expect_suggestion(vscode)


def test_a_pause_everywhere(vscode: VSCode) -> None:
    open_example(vscode, "everywhere.py")
    vscode.wait_until_ready()
    vscode.run("Sotto: Pause or Resume Everywhere")
    vscode.wait_for(lambda: "paused everywhere" in vscode.status(), "the status to say it")
    expect_none(vscode)
    entries = vscode.open_menu()
    assert not [entry for entry in entries if entry.startswith("Pause")]
    vscode.choose("Resume everywhere")
    vscode.wait_until_ready()
    expect_suggestion(vscode)


def test_why_lists_what_became_of_the_requests(vscode: VSCode) -> None:
    open_example(vscode, "why.py")
    vscode.wait_until_ready()
    expect_suggestion(vscode)
    row, column = vscode.cursor()
    vscode.run("Sotto: Why No Suggestion?")
    newest = re.compile(rf"Line {row}, column {column}: a suggestion was made.*, \d+ ms$")
    vscode.wait_for(lambda: any(newest.match(entry) for entry in vscode.entries()), "the request")
    vscode.press("Escape")


def test_a_wrong_setting_is_named_and_the_rest_holds(started: Started) -> None:
    vscode = started.vscode
    open_example(vscode, "setting.py")
    vscode.wait_until_ready()
    machine = {"sotto.server.path": str(sotto_program())}
    wrong = {"sotto.inlineCompletion.maxLines": "many", "sotto.inlineCompletion.maxLine": 3}
    started.profile.write_settings(USER_SETTINGS, machine | wrong)
    try:
        said = vscode.expect_notification("inlineCompletion.maxLines")
        assert "must be a whole number" in said
        assert "Did you mean" in said
        expect_suggestion(vscode)
    finally:
        started.profile.write_settings(USER_SETTINGS, machine)


def test_a_wrong_program_is_named_until_it_is_mended(started: Started) -> None:
    vscode = started.vscode
    open_example(vscode, "program.py")
    vscode.wait_until_ready()
    started.profile.write_settings(USER_SETTINGS, {"sotto.server.path": "/no/such/sotto"})
    try:
        vscode.expect_notification("/no/such/sotto, which does not exist")
        vscode.wait_for(lambda: "no server" in vscode.status(), "the status to say it")
        assert vscode.open_menu()[0] == "Open the settings"
        vscode.press("Escape")
        assert not started.process.sotto_servers(), "nothing else is taken in its place"
    finally:
        machine = {"sotto.server.path": str(sotto_program())}
        started.profile.write_settings(USER_SETTINGS, machine)
    vscode.wait_until_ready()
    expect_suggestion(vscode)


def test_a_missing_model_is_told_and_the_built_in_one_goes_on(started: Started) -> None:
    vscode = started.vscode
    open_example(vscode, "model.py")
    vscode.wait_until_ready()
    machine = {"sotto.server.path": str(sotto_program())}
    missing = str(started.profile.data / "missing.gguf")
    started.profile.write_settings(USER_SETTINGS, machine | {"sotto.model.path": missing})
    try:
        vscode.expect_notification("missing.gguf")
        vscode.wait_until_ready()
        expect_suggestion(vscode)
    finally:
        started.profile.write_settings(USER_SETTINGS, machine)


def test_another_model_while_it_runs(started: Started, tmp_path: Path) -> None:
    vscode = started.vscode
    open_example(vscode, "another.py")
    vscode.wait_until_ready()
    _, builtin, *_ = vscode.status().split()
    model = tmp_path / "another.gguf"  # its name is written inside: "crafted"
    model.write_bytes(tiny_models()["qwen3"].to_bytes())
    machine = {"sotto.server.path": str(sotto_program())}
    started.profile.write_settings(USER_SETTINGS, machine | {"sotto.model.path": str(model)})
    try:
        vscode.wait_for(lambda: "crafted" in vscode.status(), "the status to name it")
        vscode.wait_until_ready()
        expect_suggestion(vscode)
    finally:
        started.profile.write_settings(USER_SETTINGS, machine)
    vscode.press("Escape")
    vscode.wait_for(lambda: builtin in vscode.status(), "the built-in model to be back")
    vscode.wait_until_ready()
    expect_suggestion(vscode)


@pytest.fixture
def without_server(
    vscode_programs: Programs, vsix: Path, page: Page, tmp_path: Path
) -> Iterator[Started]:
    """A restricted (untrusted) window on a machine that has Python and no Sotto."""
    project = tmp_path / "project"
    project.mkdir()
    profile = Profile(vscode_programs, tmp_path / "profile", is_trusting=False)
    settings = USER_SETTINGS | {"security.workspace.trust.startupPrompt": "never"}
    machine = {
        "sotto.server.source": str(sotto_wheel(tmp_path, sotto_program())),
        "sotto.server.python": str(Path(sys.executable).resolve()),
    }
    profile.write_settings(settings, machine)
    profile.install(vsix)
    process = profile.start()
    try:
        yield Started(VSCode(page, process.address, project), profile, process)
    finally:
        process.stop()


@pytest.mark.timeout(300)  # making an environment is slow where everything else is too
def test_without_a_server_it_offers_to_install_one(without_server: Started) -> None:
    vscode, installed = without_server.vscode, without_server.profile.installed_server()
    open_example(vscode, "fresh.py")
    vscode.expect_notification("server is not on PATH")
    assert "no server" in vscode.status()
    assert vscode.open_menu()[0] == "Install the server"
    vscode.press("Escape")
    vscode.click_notification("Install")
    vscode.wait_for(installed.exists, "the installation", 90)
    vscode.wait_until_ready()
    expect_suggestion(vscode)
