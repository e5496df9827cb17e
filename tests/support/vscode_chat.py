"""Sotto's chat view in a real VS Code, as a person sees and uses it."""

from __future__ import annotations

from playwright.sync_api import FrameLocator, Locator

from tests.support.vscode import VSCode


class ChatView:
    """The page is a frame in a frame, as VS Code keeps it apart from the rest."""

    def __init__(self, vscode: VSCode) -> None:
        self.vscode = vscode

    def open(self) -> None:
        """Show the view with the cursor in its field."""
        self.vscode.run("Sotto: Open Chat")
        self.field.wait_for()
        self.wait_for_focus()

    def new(self) -> None:
        self.vscode.run("Sotto: New Conversation")
        self.turns.first.wait_for(state="detached")
        self.wait_for_focus()

    def wait_for_focus(self) -> None:
        self.frame.locator("#question:focus").wait_for()

    def ask(self, question: str) -> None:
        self.field.fill(question)
        self.frame.get_by_role("button", name="Send").and_(
            self.frame.locator(":enabled")
        ).wait_for()
        self.field.press("Enter")

    def wait_until_answered(self, number: int) -> Locator:
        """The answer to the question of that number, from 1, when nothing more comes."""
        answer = self.turns.nth(number - 1).locator(".answer[aria-busy=false]")
        answer.wait_for()
        return answer

    def button(self, name: str) -> Locator:
        return self.frame.get_by_role("button", name=name).first

    @property
    def frame(self) -> FrameLocator:
        outer = self.vscode.page.frame_locator("iframe.webview.ready[src*='sotto']")
        return outer.frame_locator("#active-frame")

    @property
    def field(self) -> Locator:
        return self.frame.get_by_role("textbox", name="Question")

    @property
    def turns(self) -> Locator:
        return self.frame.locator("article.turn")

    def questions(self) -> list[str]:
        return self.frame.locator(".question .text").all_inner_texts()

    def suggestions(self) -> list[str]:
        return self.frame.locator("#suggestions .label").all_inner_texts()

    def attached(self) -> list[str]:
        """What goes with the next question."""
        chips = self.frame.locator(".composer .chip").all_inner_texts()
        return [chip.removesuffix("×").strip() for chip in chips]
