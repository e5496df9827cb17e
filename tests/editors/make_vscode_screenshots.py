"""Photograph Sotto in a real VS Code, for the documentation and the extension's page.

    .venv/bin/python -m tests.editors.make_vscode_screenshots

Types into a file, waits until the built-in model's suggestion is on the screen, and writes what the
screen shows to `docs/images/`. Nothing is drawn or mended afterwards. What the chat says is
scripted, as no model that can chat comes with the project.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from tests.editors.make_screenshot import TEXT, TYPED
from tests.support.scripted_serve import write_program
from tests.support.vscode import VSCode, browser_page
from tests.support.vscode_chat import ChatView
from tests.support.vscode_process import (
    ROOT,
    Profile,
    Programs,
    build_extension,
    sotto_program,
)

IMAGES = ROOT / "docs" / "images"
PAGE_IMAGE = ROOT / "editors" / "vscode" / "media" / "walkthrough" / "ghost-text.png"
"""A copy goes into the VSIX, for the first steps."""

LOOKS: dict[str, object] = {
    "breadcrumbs.enabled": False,
    "editor.fontSize": 15,
    "editor.guides.indentation": False,
    "editor.scrollBeyondLastLine": False,
    "editor.stickyScroll.enabled": False,
    "sotto.inlineCompletion.minConfidence": 0,
    "window.commandCenter": False,
    "workbench.activityBar.location": "hidden",
    "workbench.colorTheme": "Default Dark Modern",
    "workbench.layoutControl.enabled": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
}


QUESTION = "/fix total fails"
ANSWER = """\
<think>The first round of the loop adds to `value`, which has no value yet.</think>\
`total` adds to `value` before there is one. Begin at zero:

stock.py
```python
def total(self):
    value = 0.0
    for item in self.items:
        value += item.price * item.count
    return value
```

An empty stock is then worth **0.0**.
"""
BROKEN = """\
class Stock:
    def __init__(self):
        self.items = []

    def add(self, item):
        self.items.append(item)

    def total(self):
        for item in self.items:
            value += item.price * item.count
        return value
"""
PAUSE_MS = 600
"""Between pieces of the answer: about as fast as a model on a laptop, as the picture shows it."""
CHAT_LOOKS = LOOKS | {"workbench.activityBar.location": "default", "editor.fontSize": 13}


def main() -> int:
    photograph_ghost_text()
    photograph_chat("Default Dark Modern", "vscode-chat.png")
    photograph_chat("Default Light Modern", "vscode-chat-light.png")
    return 0


def photograph_chat(theme: str, image: str) -> None:
    programs, vsix = Programs.find(), build_extension()
    with tempfile.TemporaryDirectory(prefix="sotto-shot-") as name:
        answers = Path(name) / "answers.json"
        answers.write_text(json.dumps([ANSWER]))
        program = write_program(Path(name) / "bin", answers, PAUSE_MS)
        profile = Profile(programs, Path(name) / "profile")
        looks = CHAT_LOOKS | {"workbench.colorTheme": theme}
        profile.write_settings(looks, {"sotto.server.path": str(program)})
        profile.install(vsix)
        project = Path(name) / "stock"
        project.mkdir()
        (project / "stock.py").write_text(BROKEN)
        process = profile.start()
        try:
            with browser_page(programs) as page:
                page.set_viewport_size({"width": 1100, "height": 720})
                vscode = VSCode(page, process.address, project)
                vscode.open(project / "stock.py", 8, 5)
                vscode.wait_until_ready()
                chat = ChatView(vscode)
                chat.open()
                chat.ask(QUESTION)
                chat.wait_until_answered(1)
                take(vscode, image)
        finally:
            process.stop()


def photograph_ghost_text() -> None:
    programs, vsix = Programs.find(), build_extension()
    with tempfile.TemporaryDirectory(prefix="sotto-shot-") as name:
        profile = Profile(programs, Path(name) / "profile")
        profile.write_settings(LOOKS, {"sotto.server.path": str(sotto_program())})
        profile.install(vsix)
        project = Path(name) / "stock"
        project.mkdir()
        file = project / "stock.py"
        file.write_text(TEXT)
        process = profile.start()
        try:
            with browser_page(programs) as page:
                page.set_viewport_size({"width": 920, "height": 660})
                photograph(VSCode(page, process.address, project), file)
        finally:
            process.stop()
    shutil.copy(IMAGES / "vscode-ghost-text.png", PAGE_IMAGE)


def photograph(vscode: VSCode, file: Path) -> None:
    lines = TEXT.split("\n")
    vscode.open(file, len(lines), len(lines[-1]) + 1)
    vscode.wait_until_ready()
    vscode.run("View: Close Primary Side Bar")
    vscode.type(TYPED)
    say(f"suggested after {TYPED!r}: {vscode.expect_ghost()!r}")
    take(vscode, "vscode-ghost-text.png")
    vscode.press("Escape")
    vscode.open_menu()
    take(vscode, "vscode-menu.png")
    vscode.press("Escape")
    vscode.run("Sotto: First Steps")
    vscode.page.wait_for_selector(".gettingStartedContainer .step-title")
    take(vscode, "vscode-first-steps.png")


def take(vscode: VSCode, name: str) -> None:
    vscode.page.screenshot(path=IMAGES / name, animations="disabled")
    say(f"docs/images/{name}: {(IMAGES / name).stat().st_size} bytes")


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
