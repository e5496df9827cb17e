"""The real editors for the tests. Without one they fail, and say how to get it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.support.helix import Helix
from tests.support.helix_profile import Profile as HelixProfile
from tests.support.nvim import Neovim
from tests.support.nvim_process import Home, find_neovim
from tests.support.scripted_serve import write_program
from tests.support.tmux import find_program
from tests.support.vscode import VSCode, browser_page
from tests.support.vscode_chat import ChatView, Talk
from tests.support.vscode_process import (
    Profile,
    Programs,
    VSCodeProcess,
    build_extension,
    sotto_program,
)

StartNeovim = Callable[..., Neovim]

CODE = "def add(a, b):\n    return a - b\n"
"""What a conversation in VS Code is about."""


@pytest.fixture(scope="session")
def neovim_program() -> Path:
    return find_neovim()


@pytest.fixture
def start_neovim(neovim_program: Path, tmp_path: Path) -> Iterator[StartNeovim]:
    """Starts a Neovim with options of `Home.make`; it ends with the test."""
    started: list[Neovim] = []

    def start(**options: object) -> Neovim:
        home = Home.make(tmp_path / f"home{len(started)}", **options)  # type: ignore[arg-type]
        started.append(Neovim.start(neovim_program, home))
        return started[-1]

    yield start
    for neovim in started:
        neovim.close()


@pytest.fixture(scope="session")
def _shared_neovim(
    neovim_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Neovim]:
    # Every suggestion is shown, sure or not: what the model says is not what is tested here.
    settings = {"inlineCompletion": {"minConfidence": 0}}
    home = Home.make(tmp_path_factory.mktemp("home"), setup={"settings": settings})
    neovim = Neovim.start(neovim_program, home)
    yield neovim
    neovim.close()


@pytest.fixture
def neovim(_shared_neovim: Neovim) -> Neovim:
    """One Neovim for all tests that leave it as it was, without a buffer, in Normal mode."""
    _shared_neovim.press("<Esc><Esc>")
    _shared_neovim.command("silent! only | silent! %bwipeout! | messages clear")
    return _shared_neovim


@dataclass(frozen=True)
class Started:
    """A VS Code that runs, with all that belongs to it."""

    vscode: VSCode
    profile: Profile
    process: VSCodeProcess


USER_SETTINGS: dict[str, object] = {
    # Every suggestion is shown, sure or not: what the model says is not what is tested here.
    "sotto.inlineCompletion.minConfidence": 0,
    "sotto.inlineCompletion.multiline": "always",
}


@pytest.fixture(scope="session")
def vscode_programs() -> Programs:
    return Programs.find()


@pytest.fixture(scope="session")
def vsix() -> Path:
    return build_extension()


@pytest.fixture(scope="module")
def page(vscode_programs: Programs) -> Iterator[Page]:
    # Each module's own: where one leaves the focus is nothing the next should know. Nor for the
    # whole session: Playwright's event loop would be in the way of other tests' own.
    with browser_page(vscode_programs) as page:
        yield page


@pytest.fixture(scope="module")
def vscode_settings() -> dict[str, object]:
    """The user's settings at the start; a module may have others."""
    return USER_SETTINGS


@pytest.fixture(scope="module")
def other_extensions() -> list[Path]:
    """VSIX files to install beside Sotto; a module may have some."""
    return []


@pytest.fixture(scope="module")
def _shared_vscode(
    vscode_programs: Programs,
    vsix: Path,
    other_extensions: list[Path],
    page: Page,
    vscode_settings: dict[str, object],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Started]:
    folder = tmp_path_factory.mktemp("vscode")
    project = folder / "project"
    _write_hostile_settings(project, folder / "ran")
    profile = Profile(vscode_programs, folder / "profile")
    profile.write_settings(vscode_settings, {"sotto.server.path": str(sotto_program())})
    for extension in [vsix, *other_extensions]:
        profile.install(extension)
    process = profile.start()
    try:
        vscode = VSCode(page, process.address, project)
        yield Started(vscode, profile, process)
    finally:
        process.stop()
    assert not (folder / "ran").exists(), "a workspace has chosen the server"


def _write_hostile_settings(project: Path, mark: Path) -> None:
    """A folder whose settings want another server and another model. It must not get them."""
    program = project / "sotto"
    settings = {"sotto.server.path": str(program), "sotto.model.path": str(project / "m.gguf")}
    (project / ".vscode").mkdir(parents=True)
    (project / ".vscode" / "settings.json").write_text(json.dumps(settings))
    program.write_text(f"#!/bin/sh\ntouch '{mark}'\n")
    program.chmod(0o755)


@pytest.fixture
def started(_shared_vscode: Started) -> Iterator[Started]:
    """The shared VS Code, without an open file or a notification when the test has ended."""
    yield _shared_vscode
    vscode = _shared_vscode.vscode
    vscode.close_files()
    if vscode.notifications():
        vscode.dismiss_notifications()


@pytest.fixture
def vscode(started: Started) -> VSCode:
    return started.vscode


OpenVSCode = Callable[..., Started]


@pytest.fixture(scope="module")
def open_vscode(
    vscode_programs: Programs, vsix: Path, page: Page, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenVSCode]:
    """Opens a VS Code of its own whose server is a program, in a folder with these files."""
    processes: list[VSCodeProcess] = []

    def open_vscode(
        program: Path,
        files: Mapping[str, str],
        *,
        user: Mapping[str, object] | None = None,
        machine: Mapping[str, object] | None = None,
        others: Sequence[Path] = (),
        **options: str,
    ) -> Started:
        folder = tmp_path_factory.mktemp("vscode")
        for name, text in files.items():
            path = folder / "project" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        profile = Profile(vscode_programs, folder / "profile", **options)  # type: ignore[arg-type]
        profile.write_settings(user, {"sotto.server.path": str(program), **(machine or {})})
        for extension in [vsix, *others]:
            profile.install(extension)
        processes.append(process := profile.start())
        return Started(VSCode(page, process.address, folder / "project"), profile, process)

    yield open_vscode
    for process in processes:
        process.stop()


@pytest.fixture(scope="module")
def talk_options() -> dict[str, object]:
    """What `open_vscode` is given for `talk`; a module may have more."""
    return {}


@pytest.fixture(scope="module")
def _shared_talk(
    open_vscode: OpenVSCode,
    talk_options: dict[str, object],
    tmp_path_factory: pytest.TempPathFactory,
) -> Talk:
    folder = tmp_path_factory.mktemp("script")
    answers = folder / "answers.json"
    answers.write_text('["Hello."]')
    program = write_program(folder / "bin", answers)
    started = open_vscode(program, **({"files": {"calc.py": CODE}} | talk_options))
    vscode = started.vscode
    return Talk(vscode, started.profile, ChatView(vscode), vscode.folder / "calc.py", answers)


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


StartHelix = Callable[..., Helix]


@pytest.fixture(scope="session")
def helix_program() -> Path:
    return find_program("hx")


@pytest.fixture
def start_helix(helix_program: Path, tmp_path: Path) -> Iterator[StartHelix]:
    """Starts a Helix with options of `HelixProfile.make`; it ends with the test."""
    started: list[Helix] = []

    def start(*files: Path, **options: object) -> Helix:
        profile = HelixProfile.make(tmp_path / f"helix{len(started)}", **options)  # type: ignore[arg-type]
        started.append(Helix(helix_program, profile, *files))
        return started[-1]

    yield start
    for helix in started:
        helix.close()


@pytest.fixture(scope="module")
def _shared_helix(helix_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helix]:
    # Every suggestion is shown, sure or not: what the model says is not what is tested here.
    settings = {"inlineCompletion.minConfidence": 0, "inlineCompletion.multiline": "always"}
    profile = HelixProfile.make(tmp_path_factory.mktemp("helix"), settings=settings)
    first = profile.project / "first.py"
    first.write_text("# first\n")
    helix = Helix(helix_program, profile, first)
    helix.wait_until_ready()
    yield helix
    helix.close()


@pytest.fixture
def helix(_shared_helix: Helix) -> Helix:
    """One Helix for all tests that leave it running, in Normal mode."""
    _shared_helix.leave_insert_mode()
    return _shared_helix
