"""A real VS Code in a real browser, driven as a person would: by keys and clicks.

Nothing here sleeps for a while and hopes: everything that is waited for is a condition on what is
on the screen, and its failure says what was there instead.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

from playwright.sync_api import Error, Locator, Page, sync_playwright

from tests.support.vscode_process import Programs

TIMEOUT_S = 45.0
"""How long anything may take before a test fails; far above what it takes on a loaded machine."""
KEY_DELAY_MS = 30

T = TypeVar("T")

_GHOST = """() => {
    const editor = document.querySelector('.editor-instance .monaco-editor');
    if (!editor) return null;
    const inline = [...editor.querySelectorAll('.view-lines .ghost-text-decoration')];
    const rest = editor.querySelector('.suggest-preview-text');
    if (!inline.length && !rest) return null;
    const first = inline.map(part => part.textContent).join('');
    const lines = rest ? [...rest.querySelectorAll('.view-line')] : [];
    const others = rest && !lines.length ? rest.innerText.split('\\n')
        : lines.map(line => line.textContent);
    return [first, ...others].join('\\n').replaceAll('\\u00a0', ' ');
}"""
"""All parts of a suggestion on the screen, as one text."""

_LINES = """() => {
    const lines = document.querySelectorAll('.editor-instance .view-lines > .view-line');
    const top = line => parseInt(line.style.top);
    return [...lines].sort((a, b) => top(a) - top(b)).map(line => {
        const copy = line.cloneNode(true);
        copy.querySelectorAll('[class*=ghost-text]').forEach(part => part.remove());
        return copy.textContent.replaceAll('\\u00a0', ' ').replaceAll('\\u200b', '');
    });
}"""
"""The lines of the text itself."""


@contextlib.contextmanager
def browser_page(programs: Programs) -> Generator[Page]:
    """A page in a browser without a screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=programs.chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(1000 * TIMEOUT_S)
        try:
            yield page
        finally:
            browser.close()


class VSCode:
    """The workbench with one folder open."""

    def __init__(self, page: Page, address: str, folder: Path) -> None:
        self.page = page
        self.folder = folder
        page.goto(f"{address}/?folder={folder}")
        page.wait_for_selector(".monaco-workbench .explorer-folders-view")

    # What a person does

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text, delay=KEY_DELAY_MS)

    def open(self, path: Path, line: int = 1, column: int = 1) -> None:
        """Show a file, with the cursor at a place; both count from 1."""
        self._quick_input("Control+p", str(path))
        # What was open before comes first in the list, and its name may hold this one.
        name = self.page.get_by_text(path.name, exact=True)
        self.page.locator(".quick-input-list .monaco-list-row").filter(has=name).first.click()
        tab = f'.tab.active[data-resource-name="{path.name}"]'
        self.page.wait_for_selector(tab)
        self.wait_for(self.lines, f"the text of {path.name}")
        self.go_to(line, column)

    def go_to(self, line: int, column: int) -> None:
        self._quick_input("Control+g", f":{line}:{column}")
        self.press("Enter")
        # The cursor may be there already: keys before the field is gone would be the field's.
        self._wait_until_closed()
        self.page.locator(".editor-instance .monaco-editor.focused").wait_for()
        self.wait_for(lambda: self.cursor() == (line, column), f"the cursor at {line}:{column}")

    def saved(self, path: Path) -> str:
        """Save the file. Returns what is on the disk then, line ends as they are there."""

        def on_disk() -> str:
            return path.read_bytes().decode()

        self.press("Control+s")
        self.wait_for(lambda: on_disk().splitlines() == self._trimmed_lines(), "the file on disk")
        return on_disk()

    def close_file(self) -> None:
        """Close the file that is shown, with what was typed into it thrown away."""
        name = self.page.locator(".tab.active").first.get_attribute("data-resource-name")
        self.run("View: Revert and Close Editor")
        gone = f'.tab.active[data-resource-name="{name}"]'
        self.page.locator(gone).wait_for(state="detached")

    def close_files(self) -> None:
        self.press("Escape", "Escape")
        while self.page.locator(".tab.active").count():
            self.close_file()

    def run(self, command: str) -> None:
        """Run a command by its title, from the command palette."""
        self._quick_input("F1", f">{command}")
        self._first_entry(command)
        self.press("Enter")

    def open_menu(self) -> list[str]:
        """Click on Sotto's item in the status bar. Returns the entries."""
        self._status_item().click()
        self.page.wait_for_selector(".quick-input-list .monaco-list-row.focused")
        return self._settled(self.entries, "the menu")

    def choose(self, entry: str) -> None:
        """Click on an entry of the list that is open."""
        self.page.locator(".quick-input-list .monaco-list-row", has_text=entry).first.click()
        self._wait_until_closed()

    def dismiss_notifications(self) -> None:
        self.run("Notifications: Clear All Notifications")
        self.wait_for(lambda: not self.notifications(), "the notifications to go")

    def click_notification(self, button: str) -> None:
        self.page.locator(".notifications-toasts .monaco-button", has_text=button).first.click()

    # What a person sees

    def lines(self) -> list[str]:
        return self.page.evaluate(_LINES)

    def ghost(self) -> str | None:
        return self.page.evaluate(_GHOST)

    def select(self, key: str, n_lines: int = 0) -> None:
        """Press a key that selects as often as there are lines to select, at least once; from the
        cursor, and again if not all of it arrived."""
        line, column = self.cursor()

        def is_selected() -> bool:
            return self.cursor()[0] == line + n_lines and "selected" in self._place()

        for _ in range(3):
            self.press(*[key] * max(1, n_lines))
            if self.is_soon(is_selected, 5):
                return
            self.go_to(line, column)
        raise AssertionError(f"{key} selected nothing, or not all: {self._place()}")

    def _place(self) -> str:
        """What the status bar says of the cursor."""
        return self.page.locator('[id="status.editor.selection"]').inner_text()

    def cursor(self) -> tuple[int, int]:
        found = re.search(r"Ln (\d+), Col (\d+)", self._place())
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def status(self) -> str:
        """What Sotto's item in the status bar says, icon names included."""
        item = self._status_item()
        return (item.get_attribute("aria-label") or "") if item.count() else ""

    def entries(self) -> list[str]:
        rows = self.page.locator(".quick-input-list .monaco-list-row").all_inner_texts()
        return [" ".join(row.split()) for row in rows]

    def notifications(self) -> list[str]:
        selector = ".notifications-toasts .notification-list-item-message"
        return self.page.locator(selector).all_inner_texts()

    # Waiting

    def wait_for(self, condition: Callable[[], T], what: str, timeout_s: float = TIMEOUT_S) -> T:
        """Wait until the condition holds; returns what it returned."""
        deadline = time.monotonic() + timeout_s
        while not (value := condition()):
            if time.monotonic() > deadline:
                seen = f"status {self.status()!r}, notifications {self.notifications()}"
                raise AssertionError(f"waited for {what}; {seen}, text {self.lines()}")
            self.page.wait_for_timeout(50)
        return value

    def is_soon(self, condition: Callable[[], object], timeout_s: float = 10.0) -> bool:
        """Whether the condition holds before the time is up, where it need not."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.page.wait_for_timeout(50)
        return True

    def wait_until_ready(self) -> None:
        self.wait_for(lambda: self.status().startswith("sparkle"), "a model that is ready")

    def expect_ghost(self) -> str:
        """The suggestion on the screen, once it has come and no longer changes."""
        self.wait_for(self.ghost, "a suggestion")
        return self.settled_ghost()

    def settled_lines(self) -> list[str]:
        """The lines of the text, once they no longer change."""
        return self._settled(self.lines, "the text")

    def settled_ghost(self) -> str:
        """The suggestion on the screen, once it no longer changes."""
        ghost = self._settled(self.ghost, "the suggestion")
        assert ghost is not None
        return ghost

    def expect_notification(self, part: str) -> str:
        def find() -> str | None:
            return next((text for text in self.notifications() if part in text), None)

        found = self.wait_for(find, f"a notification with {part!r}")
        assert found is not None
        return found

    # How it is done

    def _settled(self, read: Callable[[], T], what: str) -> T:
        """What is read when it has been the same for some frames: things are drawn in parts."""
        seen: list[T] = []
        while len(seen) < 4 or not seen[-1] or any(value != seen[-1] for value in seen[-4:]):
            assert len(seen) < 300, f"{what} does not settle: {seen[-6:]}"
            seen.append(read())
            self.page.wait_for_timeout(40)
        return seen[-1]

    def _trimmed_lines(self) -> list[str]:
        """The lines without the empty one after the last line end."""
        lines = self.lines()
        return lines if lines[-1:] != [""] else lines[:-1]

    def _quick_input(self, key: str, text: str) -> None:
        """Open a field and fill it in; again if it takes no text, as one that comes while another
        is put away may not, ever."""
        field = self.page.locator(".quick-input-widget:visible input.input")
        for patience_s in (TIMEOUT_S / 3, TIMEOUT_S / 3, TIMEOUT_S):
            self._wait_until_closed()  # the one before
            self.press(key)
            try:
                field.fill(text, timeout=1000 * patience_s)
            except Error:
                self.press("Escape", "Escape")
            else:
                return
        dialogs = self.page.locator(".monaco-dialog-box").all_inner_texts()
        raise AssertionError(f"no field takes {text!r}; dialogs: {dialogs}")

    def _first_entry(self, part: str) -> None:
        row = self.page.locator(".quick-input-list .monaco-list-row.focused", has_text=part)
        row.first.wait_for()

    def _wait_until_closed(self) -> None:
        self.page.locator(".quick-input-widget").wait_for(state="hidden")

    def _status_item(self) -> Locator:
        return self.page.locator('[id="sotto.sotto.status"]')
