"""`sotto.ask`, `sotto.explain`, `sotto.chat`, `sotto.stop`: conversations in Markdown files.

The editor shows documents and applies edits, as Helix does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from inference import ChatPrompt
from lsp.chat import history
from lsp.chat.pages import beginning, read_page
from lsp.chat.protocol import Message
from tests.support.client import Client, InProcess, ResponseError, in_process
from tests.support.clients import initialize_params
from tests.support.scripted_engine import EngineMaker

Json = dict[str, Any]
SOURCE = "import csv\n\n\ndef area(w, h):\n    return w * h\n\n\nx = area(2, 3)\n"


class Editor:
    """Opens what it is shown, applies edits of the version it has, and tells the server."""

    def __init__(self, served: InProcess, folder: Path) -> None:
        self.client: Client = served.client
        self.maker = served.maker
        self.folder = folder
        self.shown: list[str] = []
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.refuses_next = 0
        self.client.serves["window/showDocument"] = self._show
        self.client.serves["workspace/applyEdit"] = self._apply

    def _show(self, params: Json) -> Json:
        uri = params["uri"]
        self.shown.append(uri)
        if uri not in self.texts:
            text = Path(uri.removeprefix("file://")).read_text()
            self.texts[uri], self.versions[uri] = text, 1
            self.client.open(uri, text, language="markdown")
        return {"success": True}

    def _apply(self, params: Json) -> Json:
        (change,) = params["edit"]["documentChanges"]
        uri = change["textDocument"]["uri"]
        if self.refuses_next or change["textDocument"]["version"] != self.versions[uri]:
            self.refuses_next -= 1
            return {"applied": False}
        (edit,) = change["edits"]
        lines = self.texts[uri].split("\n")
        end = {"line": len(lines) - 1, "character": len(lines[-1])}
        assert edit["range"] == {"start": end, "end": end}, "it goes to the end"
        self.write(edit["newText"], uri)
        return {"applied": True}

    def write(self, text: str, uri: str = "") -> None:
        """Type at the end of the page."""
        uri = uri or self.page
        lines = self.texts[uri].split("\n")
        end = {"line": len(lines) - 1, "character": len(lines[-1])}
        self.texts[uri] += text
        self.versions[uri] += 1
        change = {"range": {"start": end, "end": end}, "text": text}
        self.client.change(uri, self.versions[uri], change)

    @property
    def page(self) -> str:
        return self.shown[-1]

    async def command(self, name: str, *arguments: object) -> None:
        params = {"command": name, "arguments": list(arguments)}
        await self.client.request("workspace/executeCommand", params)

    async def until_page_ends(self, end: str) -> str:
        await self.client.until(lambda: bool(self.shown) and self.texts[self.page].endswith(end))
        return self.texts[self.page]

    def asked(self) -> str:
        """The last message of the last prompt."""
        return self.prompt().messages[-1].content

    def prompt(self) -> ChatPrompt:
        prompt = self.maker.generation.request.prompt
        assert isinstance(prompt, ChatPrompt)
        return prompt


@pytest.fixture
async def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Editor]:
    monkeypatch.setattr(history, "default_file", lambda: tmp_path / "data" / "conversations.db")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "area.py").write_text(SOURCE)
    maker = EngineMaker(answer=lambda _request: "It multiplies.")
    maker.supports_chat = True
    async with in_process(maker) as served:
        capabilities = initialize_params("helix")["capabilities"]
        await served.client.initialize(folder=folder.as_uri(), capabilities=capabilities)
        await served.client.wait_ready()
        editor = Editor(served, folder)
        editor.client.open((folder / "area.py").as_uri(), SOURCE)
        yield editor


async def test_a_question_is_answered_in_a_page(editor: Editor) -> None:
    await editor.command("sotto.ask", "What is this?")
    text = await editor.until_page_ends("## You\n\n")
    assert text == (
        "## You\n\n@area.py\n\nWhat is this?\n\n\n## Sotto\n\nIt multiplies.\n\n## You\n\n"
    )
    assert "def area(w, h)" in editor.asked()
    assert editor.asked().endswith("What is this?")


async def test_lines_that_are_named_are_what_it_is_about(editor: Editor) -> None:
    path = str(editor.folder / "area.py")
    await editor.command("sotto.ask", path, 4, 5, "Why?")
    assert "@area.py:4-5\n\nWhy?" in await editor.until_page_ends("## You\n\n")
    assert "return w * h" in editor.asked()
    assert "import csv" not in editor.asked()


async def test_a_cursor_means_the_function_around_it(editor: Editor) -> None:
    await editor.command("sotto.explain", str(editor.folder / "area.py"), 5, 5)
    assert "@area.py:4-5\n\n/explain" in await editor.until_page_ends("## You\n\n")
    assert "Explain this code" in editor.asked()


async def test_a_conversation_goes_on_in_its_page(editor: Editor) -> None:
    await editor.command("sotto.chat")
    assert await editor.until_page_ends("## You\n\n@area.py\n\n")
    editor.write("Hello?\n")
    await editor.command("sotto.chat")
    await editor.until_page_ends("It multiplies.\n\n## You\n\n")
    editor.write("And this one?")
    await editor.command("sotto.chat")
    text = await editor.until_page_ends("It multiplies.\n\n## You\n\n")
    assert text.count("## Sotto") == 2
    said = [message.content for message in editor.prompt().messages[1:]]
    assert said[:2] == ["Hello?", "It multiplies."]
    assert said[2].endswith("And this one?")
    assert "def area" in said[2], "what is attached stays"
    assert len(set(editor.shown)) == 1


async def test_without_a_new_question_the_page_is_shown_again(editor: Editor) -> None:
    await editor.command("sotto.ask", "What is this?")
    await editor.until_page_ends("## You\n\n")
    n_shown = len(editor.shown)
    await editor.command("sotto.chat")
    await editor.client.until(lambda: len(editor.shown) > n_shown)
    assert len(editor.maker.engine.generations) == 1


async def test_an_edit_that_was_refused_is_tried_again(editor: Editor) -> None:
    editor.refuses_next = 3
    await editor.command("sotto.ask", "What is this?")
    assert "It multiplies." in await editor.until_page_ends("## You\n\n")


async def test_it_can_be_stopped(editor: Editor) -> None:
    editor.maker.engine.answer = None
    params = {"command": "sotto.ask", "arguments": ["What is this?"]}
    _, future = editor.client.start_request("workspace/executeCommand", params)
    await editor.maker.submitted(1)
    editor.maker.generation.send("It mul")
    await editor.until_page_ends("It mul")
    await editor.command("sotto.stop")
    with pytest.raises(ResponseError, match="Cancelled"):
        await future
    assert (await editor.until_page_ends("## You\n\n")).endswith(
        "It mul\n\n> Stopped.\n\n## You\n\n"
    )
    assert editor.maker.generation.is_cancelled


async def test_a_model_that_cannot_talk_says_so_and_opens_nothing(editor: Editor) -> None:
    editor.maker.engine.supports_chat = False
    for command, arguments in (("ask", ["Why?"]), ("explain", []), ("chat", [])):
        with pytest.raises(ResponseError, match="cannot hold a conversation"):
            await editor.command(f"sotto.{command}", *arguments)
    assert editor.client.received("window/showMessage")
    assert not editor.shown


@pytest.mark.parametrize("command", ["sotto.ask", "sotto.explain", "sotto.chat"])
async def test_without_a_folder_for_pages_that_is_said(
    editor: Editor, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sotto").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ResponseError) as refused:
        await editor.command(command, *(["Why?"] if command == "sotto.ask" else []))
    assert str(refused.value) == "No file can be written for the answer: Not a directory."
    shown = editor.client.received("window/showMessage")[-1]
    assert shown["message"] == f"Sotto: {refused.value}"


async def test_nothing_to_stop_or_to_ask(editor: Editor) -> None:
    await editor.command("sotto.stop")
    (said,) = editor.client.received("window/showMessage")
    assert "nothing runs" in said["message"]
    with pytest.raises(ResponseError, match="Ask something"):
        await editor.command("sotto.ask")


async def test_an_editor_that_takes_no_edits_gets_the_page_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(history, "default_file", lambda: tmp_path / "data" / "conversations.db")
    maker = EngineMaker(answer=lambda _request: "It multiplies.")
    maker.supports_chat = True
    async with in_process(maker) as served:
        capabilities = {"window": {"showDocument": {"support": True}}}
        await served.client.initialize(capabilities=capabilities)
        await served.client.wait_ready()
        editor = Editor(served, tmp_path)
        await editor.command("sotto.ask", "What is this?")
        await editor.until_page_ends("## Sotto\n\nIt multiplies.\n\n## You\n\n")
        assert len(editor.shown) == 1


def test_headings_in_code_are_none() -> None:
    text = "## You\n\nWhy?\n\n## Sotto\n\n````md\n## You\n```\n## Sotto\n````\nSo.\n"
    assert [message.content for message in read_page(text).messages] == [
        "Why?",
        "````md\n## You\n```\n## Sotto\n````\nSo.",
    ]


@pytest.mark.parametrize("text", ["", "# Notes\n", beginning(), beginning(attached="a.py:3-9")])
def test_pages_that_ask_nothing(text: str) -> None:
    assert not read_page(text).asks


def test_at_signs_in_a_sentence_attach_nothing() -> None:
    page = read_page("## You\n\nWrite to me@example.org about\n@decorator: what is it?\n")
    assert page.messages == (
        Message("user", "Write to me@example.org about\n@decorator: what is it?"),
    )
