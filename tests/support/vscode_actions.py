"""Code actions in VS Code as a person meets them: the menus, the preview, the progress."""

from __future__ import annotations

from playwright.sync_api import Locator

from tests.support.vscode import VSCode

QUICK_FIX, REFACTOR, SOURCE = "Quick Fix...", "Refactor...", "Source Action..."


def offered(vscode: VSCode, menu: str = QUICK_FIX) -> list[str]:
    """The titles in a menu that can be chosen; the menu is closed again."""
    titles = [row.strip() for row in _open_menu(vscode, menu).all_inner_texts()]
    vscode.press("Escape")
    vscode.page.locator(".action-widget").first.wait_for(state="hidden")
    return titles


def choose(vscode: VSCode, title: str, menu: str = QUICK_FIX) -> None:
    _open_menu(vscode, menu, title).first.click()


def _open_menu(vscode: VSCode, menu: str, title: str = "") -> Locator:
    """The rows with this title that can be chosen."""
    rows = vscode.page.locator(".action-widget .monaco-list-row.action:not(.option-disabled)")
    rows = rows.filter(has_text=title)
    # Like a person, who asks again when VS Code shows no menu or another one than was asked for:
    # just after a file was opened it may have nothing to show yet.
    for patience_s in (5, 10, 20):
        if menu == QUICK_FIX:
            vscode.press("Control+.")
        else:
            vscode.run(menu)
        if vscode.is_soon(rows.first.is_visible, patience_s):
            break
        vscode.press("Escape")
    rows.first.wait_for()
    return rows


def previewed(vscode: VSCode, part: str) -> Locator:
    """The entry of the refactor preview that holds this text."""
    row = vscode.page.locator(".bulk-edit-panel .monaco-list-row", has_text=part).first
    row.wait_for()
    return row


def accept_preview(vscode: VSCode, part: str) -> None:
    """Tick what is shown, as VS Code leaves what needs a confirmation without a tick, and apply."""
    box = previewed(vscode, part).locator(".edit-checkbox")
    if box.get_attribute("aria-checked") != "true":
        box.click()
    vscode.page.get_by_role("button", name="Apply", exact=True).click()
    _wait_until_gone(vscode)


def discard_preview(vscode: VSCode) -> None:
    vscode.page.get_by_role("button", name="Discard", exact=True).click()
    _wait_until_gone(vscode)


def _wait_until_gone(vscode: VSCode) -> None:
    vscode.page.locator(".bulk-edit-panel .monaco-list-row").first.wait_for(state="hidden")
