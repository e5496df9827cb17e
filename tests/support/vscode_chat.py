"""Sotto's chat view in a real VS Code, as a person sees and uses it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import FrameLocator, Locator

from tests.support.vscode import VSCode
from tests.support.vscode_process import Profile


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

    def review(self, path: str) -> Locator:
        """Press *Review…* at the edit of that file that the last answer proposes."""
        edit = self.frame.locator("details.edit", has_text=path).last
        edit.get_by_role("button", name="Review…").click()
        return edit


@dataclass(frozen=True)
class Talk:
    """A VS Code with the chat view open and a file beside it, whose model says what a test says."""

    vscode: VSCode
    profile: Profile
    chat: ChatView
    file: Path
    answers: Path

    def script(self, *answers: str) -> None:
        self.answers.write_text(json.dumps(answers))

    def ask(self, question: str, *answers: str) -> Locator:
        """Ask the first question of a conversation; returns what came of these answers."""
        self.script(*answers)
        self.chat.ask(question)
        return self.chat.wait_until_answered(1)


def tool_call(name: str, **arguments: str) -> str:
    """A model's call of a tool, in the form of Qwen's models."""
    call = {"name": name, "arguments": arguments}
    return f"<tool_call>\n{json.dumps(call)}\n</tool_call>"
