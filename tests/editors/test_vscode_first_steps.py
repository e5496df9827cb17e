"""From a clean profile to the first ghost text, by the steps of the README and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.support.vscode import VSCode
from tests.support.vscode_process import ROOT, Profile, Programs, sotto_program

pytestmark = pytest.mark.editor

REPEATED = "    total = compute_total(first_value, second_value)\n    print(total)\n"
TEXT = (
    f"def one():\n{REPEATED}\n\ndef two():\n{REPEATED}\n\ndef three():\n    total = compute_total("
)


def readme_steps() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## VS Code")[1].split("\n## ")[0]
    return re.findall(r"^\d\. (.*(?:\n   .*)*)", section, re.MULTILINE)


def test_the_steps_of_the_readme(
    vscode_programs: Programs, vsix: Path, page: Page, tmp_path: Path
) -> None:
    build, install, name_the_server, type_something = readme_steps()

    assert "`make vsix`" in build
    assert f"`dist/{vsix.name}`" in build

    assert f"--install-extension dist/{vsix.name}" in install
    profile = Profile(vscode_programs, tmp_path / "profile")
    profile.install(vsix)

    assert '"sotto.server.path"' in name_the_server
    profile.write_settings({}, {"sotto.server.path": str(sotto_program())})

    assert type_something.startswith("Open a file and type. `Tab` accepts")
    (tmp_path / "project").mkdir()
    path = tmp_path / "project" / "first.py"
    path.write_text(TEXT)
    process = profile.start()
    try:
        vscode = VSCode(page, process.address, path.parent)
        vscode.open(path)
        vscode.press("Control+End")
        vscode.wait_until_ready()
        vscode.type("first_value, ")
        ghost = vscode.expect_ghost()
        before = vscode.lines()[-1]
        vscode.press("Tab")
        first = before + ghost.partition("\n")[0]
        vscode.wait_for(lambda: first in vscode.lines(), "it in the text")
        vscode.close_files()
    finally:
        process.stop()
