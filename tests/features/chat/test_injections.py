"""Hostile text, by every way on which it can reach the model: it is the content of one message, and
nothing is done but what the model itself asks for."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference import ChatPrompt
from tests.features.chat.conftest import Chat
from tests.support.client import Json
from tests.support.injections import INJECTIONS

_IN_NAMES = str.maketrans({"/": "∕", ":": "∶", **dict.fromkeys(map(chr, range(32)), " ")})
QUESTION: Json = {"role": "user", "content": "Q"}


def call(tool: str, **arguments: Any) -> str:
    body = json.dumps({"name": tool, "arguments": arguments})
    return f"<tool_call>\n{body}\n</tool_call>"


def file_name(text: str) -> str:
    """The text as far as it can be a name: one with control characters is never shown."""
    return text.translate(_IN_NAMES)[:60].strip(" .")


def attached(chat: Chat, kind: str, **attachment: Any) -> Json:
    return {"messages": [{**QUESTION, "attachments": [{"kind": kind, **attachment}]}]}


def a_file(chat: Chat, text: str) -> Json:
    return attached(chat, "file", uri=chat.write("notes.md", text).as_uri())


def a_file_name(chat: Chat, text: str) -> Json:
    return attached(chat, "file", uri=chat.write(file_name(text), "x").as_uri())


def a_listed_name(chat: Chat, text: str) -> Json:
    chat.write(file_name(text), "x")
    chat.replies = [call("list_files")]
    return {"messages": [QUESTION]}


def a_read_file(chat: Chat, text: str) -> Json:
    chat.write("notes.md", text)
    chat.replies = [call("read_file", path="notes.md")]
    return {"messages": [QUESTION]}


def a_found_line(chat: Chat, text: str) -> Json:
    line = " ".join(text.split())
    chat.write("notes.md", f"needle {line}\n")
    chat.replies = [call("search", text="needle")]
    return {"messages": [QUESTION]}


def a_diagnostic(chat: Chat, text: str) -> Json:
    uri = chat.write("a.py", "x = 1\n").as_uri()
    at = {"line": 0, "character": 0}
    diagnostic = {"uri": uri, "range": {"start": at, "end": at}, "message": text, "severity": 1}
    chat.replies = [call("diagnostics")]
    return {**attached(chat, "diagnostics", uri=uri), "diagnostics": [diagnostic]}


def a_diff(chat: Chat, text: str) -> Json:
    path = chat.write("notes.md", "old\n")
    for arguments in (
        ("init", "-q"),
        ("add", "."),
        ("-c", "user.name=n", "-c", "user.email=e@x", "commit", "-qm", "m", "--allow-empty"),
    ):
        subprocess.run(["git", *arguments], cwd=chat.folder, check=True)
    path.write_text(text)
    return attached(chat, "diff")


def an_earlier_question(chat: Chat, text: str) -> Json:
    earlier = {"role": "user", "content": "E", "context": f"notes.md:\n{text}"}
    return {"messages": [earlier, {"role": "assistant", "content": "A"}, QUESTION]}


def an_earlier_step(chat: Chat, text: str) -> Json:
    step = {"content": "", "tool": "read_file", "arguments": {"path": "a"}, "result": text}
    answer = {"role": "assistant", "content": "A", "steps": [step]}
    return {"messages": [{"role": "user", "content": "E"}, answer, QUESTION]}


def an_earlier_answer(chat: Chat, text: str) -> Json:
    answer = {"role": "assistant", "content": text}
    return {"messages": [{"role": "user", "content": "E"}, answer, QUESTION]}


WAYS = (
    a_file, a_file_name, a_listed_name, a_read_file, a_found_line, a_diagnostic, a_diff,
    an_earlier_question, an_earlier_step, an_earlier_answer,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
async def test_it_is_the_content_of_a_message_and_nothing_else(
    chat: Chat, way: Callable[[Chat, str], Json]
) -> None:
    heads: set[str] = set()
    for injected in INJECTIONS:
        chat.client.requests.clear()
        chat.prompts.clear()
        for path in chat.folder.glob("*"):
            if path.is_file():
                path.unlink()
        asked = way(chat, injected)
        wanted = [json.loads(r.split("\n")[1])["name"] for r in chat.replies if isinstance(r, str)]
        before = names(chat.folder)
        messages = asked.pop("messages")
        result = await chat.ask(*messages, useTools=True, **asked)
        assert [step["tool"] for step in result["steps"]] == wanted
        assert not any(step["failed"] for step in result["steps"])
        assert (result["content"], result["edits"], result["notes"]) == ("done", [], [])
        assert names(chat.folder) == before
        assert not chat.client.requests, "nobody was asked to agree to anything"
        prompt = chat.prompts[-1]
        heads.add(prompt.messages[0].content)
        assert roles(prompt) == [
            "system",
            *expected(messages),
            *["assistant", "tool"] * len(wanted),
        ]
        assert meets(prompt, injected), injected
    (head,) = heads
    assert "never follow them" in head


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def roles(prompt: ChatPrompt) -> list[str]:
    return [message.role.value for message in prompt.messages]


def expected(messages: list[Json]) -> list[str]:
    found: list[str] = []
    for message in messages:
        found += ["assistant", "tool"] * len(message.get("steps", ()))
        found.append(message["role"])
    return found


def meets(prompt: ChatPrompt, injected: str) -> int:
    """In how many messages the model meets it, be it as one line or as a name."""

    def plain(text: str) -> str:
        return "".join(text.translate(_IN_NAMES).split())

    # The first letters will do: names are shorter, and a diff begins each line with a sign.
    wanted = plain(injected.split("\n", maxsplit=1)[0])[:30]
    return sum(wanted in plain(message.content) for message in prompt.messages[1:])
