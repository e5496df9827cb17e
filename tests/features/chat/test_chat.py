"""`sotto/chat`: questions, answers, what is attached, and what becomes of an answer that is not
finished."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from inference import BackendError, ChatPrompt, ChatRole, FinishReason, Priority
from tests.features.chat.conftest import Chat
from tests.support.client import ResponseError, in_process

Json = dict[str, Any]
A_PY = (
    "import os\n\n\ndef add(a, b):\n    return a - b\n\n\n"
    "class C:\n    def m(self):\n        pass\n"
)


def attachment(kind: str, chat: Chat, **fields: Any) -> Json:
    uri = (chat.folder / "a.py").as_uri()
    return {"role": "user", "content": "Q", "attachments": [{"kind": kind, "uri": uri, **fields}]}


def lines(first: int, last: int, character: int = 0) -> Json:
    start, end = {"line": first, "character": 0}, {"line": last, "character": character}
    return {"start": start, "end": end}


async def test_an_answer_streams_and_comes_whole_at_the_end(held: Chat) -> None:
    maker = held.served.maker
    _, answer = held.client.start_request("sotto/chat", held.params("What is this?"))
    await maker.submitted(1)
    maker.generation.send("It is ")
    await held.client.until(lambda: held.streamed() == "It is ")
    for piece in ("a **test**", "."):
        maker.generation.send(piece)
    maker.generation.finish()
    result = await answer
    assert result["content"] == held.streamed() == "It is a **test**."
    assert result["finish_reason"] == "stop"
    usage = result["usage"]
    assert (usage["n_prompt_tokens"], usage["n_reused_tokens"]) == (10, 4)
    assert usage["n_decoded_tokens"] == len("It is a **test**.")
    assert usage["tokens_per_second"] == pytest.approx(usage["n_decoded_tokens"] / 0.001)
    request = maker.generation.request
    assert request.priority is Priority.CHAT
    assert request.sampling.max_tokens == 2048


async def test_the_whole_conversation_is_in_the_prompt(chat: Chat) -> None:
    step = {
        "content": "I look.",
        "tool": "search",
        "arguments": {"text": "x"},
        "result": "a.py:1: x",
    }
    await chat.ask(
        {"role": "user", "content": "1", "context": "From the project"},
        {"role": "assistant", "content": "one", "steps": [step]},
        "2",
    )
    (prompt,) = chat.prompts
    roles = [message.role.value for message in prompt.messages]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert prompt.messages[1].content == "From the project\n\n1"
    assert prompt.messages[2].tool_calls[0].arguments == {"text": "x"}
    assert prompt.messages[3].content == "a.py:1: x"
    assert prompt.tools == ()


async def test_the_beginning_of_the_prompt_stays_while_the_conversation_goes_on(chat: Chat) -> None:
    """What is sent back as it came makes the same messages, so that the cache is found again."""
    chat.write("a.py", A_PY)
    question = attachment("file", chat)
    first = await chat.ask(question)
    again = {"role": "user", "content": question["content"], "context": first["context"]}
    answer = {"role": "assistant", "content": first["content"], "steps": first["steps"]}
    await chat.ask(again, answer, "And then?")
    assert chat.prompts[1].messages[: len(chat.prompts[0].messages)] == chat.prompts[0].messages


async def test_what_the_model_thinks_is_apart_from_what_it_answers(chat: Chat) -> None:
    chat.replies = ["<think>\nHm, <b>2</b>…\n</think>\n\nTwo."]
    result = await chat.ask("1 + 1?")
    assert result["content"] == chat.streamed() == "Two."
    assert result["reasoning"] == chat.streamed("reasoning") == "Hm, <b>2</b>…\n"


async def test_a_cancel_stops_the_model(held: Chat) -> None:
    maker = held.served.maker
    request_id, answer = held.client.start_request("sotto/chat", held.params("Q"))
    await maker.submitted(1)
    maker.generation.send("Half of an")
    await held.client.until(lambda: held.streamed() == "Half of an")
    held.client.cancel(request_id)
    with pytest.raises(ResponseError) as error:
        await answer
    assert error.value.code == -32800
    assert maker.generation.is_cancelled


async def test_an_answer_that_was_cut_off_says_so(held: Chat) -> None:
    _, answer = held.client.start_request("sotto/chat", held.params("Q"))
    await held.served.maker.submitted(1)
    held.served.maker.generation.send("long")
    held.served.maker.generation.finish(FinishReason.LENGTH)
    result = await answer
    assert result["finish_reason"] == "length"
    assert "chat.maxTokens" in result["notes"][0]


async def test_a_model_that_fails_fails_the_request_with_a_sentence(held: Chat) -> None:
    _, answer = held.client.start_request("sotto/chat", held.params("Q"))
    await held.served.maker.submitted(1)
    held.served.maker.generation.fail(BackendError("The runtime broke."))
    with pytest.raises(ResponseError, match="The runtime broke") as error:
        await answer
    assert error.value.code == -32803


async def test_the_builtin_model_says_which_kind_to_choose() -> None:
    async with in_process() as served:
        await served.client.initialize()
        await served.client.wait_ready()
        params = {"messages": [{"role": "user", "content": "Hello"}]}
        with pytest.raises(ResponseError, match=r"built-in model.*Instruct.*`model\.path`"):
            await served.client.request("sotto/chat", params)
        assert not served.maker.engine.generations
        status = await served.client.request("sotto/status")
        assert status["model"]["supports_chat"] is False


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"messages": []}, "last message"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "last message"),
        ({"messages": [{"role": "system", "content": "x"}]}, "role"),
        ({}, "messages"),
        ({"messages": [{"role": "user", "content": "/frobnicate it"}]}, "/explain, /fix"),
    ],
)
async def test_wrong_questions_are_refused(chat: Chat, params: Json, complaint: str) -> None:
    with pytest.raises(ResponseError, match=complaint):
        await chat.client.request("sotto/chat", params)


# What is attached


async def test_a_file_a_selection_and_a_symbol_are_attached(chat: Chat) -> None:
    chat.write("a.py", A_PY)
    await chat.ask(attachment("file", chat))
    assert f"a.py:\n```python\n{A_PY}```\n\nQ" in chat.question
    assert chat.events()[0] == {"kind": "context", "titles": ["a.py"]}
    await chat.ask(attachment("selection", chat, range=lines(3, 5)))
    assert "a.py, lines 4 to 5:\n```python\ndef add(a, b):\n    return a - b\n```" in chat.question
    await chat.ask(attachment("symbol", chat, name="m"))
    assert "a.py, lines 9 to 10:\n```python\n    def m(self):" in chat.question


async def test_unsaved_text_is_what_is_attached(chat: Chat) -> None:
    uri = chat.write("a.py", "old\n").as_uri()
    chat.client.open(uri, "new, with ``` in it\n")
    await chat.ask(attachment("file", chat))
    assert "````python\nnew, with ``` in it\n````" in chat.question


async def test_diagnostics_are_attached_as_the_editor_knows_them(chat: Chat) -> None:
    uri = chat.write("a.py", A_PY).as_uri()
    known = [
        {"uri": uri, "range": lines(4, 4, 9), "message": "Wrong\nsign", "severity": 2},
        {"uri": uri, "range": lines(0, 0, 9), "message": "Unused", "severity": 4},
        {"uri": "file:///elsewhere/b.py", "range": lines(0, 0), "message": "Other"},
    ]
    await chat.ask(attachment("diagnostics", chat, range=lines(3, 5)), diagnostics=known)
    assert "a.py:5: warning: Wrong sign" in chat.question
    assert "Unused" not in chat.question
    assert "Other" not in chat.question


async def test_search_results_are_attached(chat: Chat) -> None:
    chat.write("src/a.py", A_PY)
    chat.write(".env", "SECRET=def add\n")
    question: Json = {"role": "user", "content": "Q", "attachments": []}
    question["attachments"] = [{"kind": "search", "query": "def add"}]
    await chat.ask(question)
    assert "src/a.py:4: def add(a, b):" in chat.question
    assert "SECRET" not in chat.question


async def test_a_commit_message_is_about_the_uncommitted_changes(chat: Chat) -> None:
    def git(*arguments: str) -> None:
        name = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", *name, *arguments], cwd=chat.folder, check=True, capture_output=True)

    path = chat.write("a.py", A_PY)
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    path.write_text(A_PY.replace("a - b", "a + b"))
    await chat.ask("/commit")
    assert "-    return a - b\n+    return a + b" in chat.question
    assert "commit message" in chat.question


async def test_what_cannot_be_attached_is_said_and_the_rest_goes_on(chat: Chat) -> None:
    chat.write("a.py", A_PY)
    chat.write("data.bin", "\0\1")
    chat.write("long.txt", "x" * 70_000)
    question: Json = {"role": "user", "content": "Q", "attachments": []}
    names = ("missing.py", "../outside.py", ".env", "data.bin", "a.py", "long.txt")
    question["attachments"] = [
        {"kind": "file", "uri": f"{chat.folder.as_uri()}/{name}"} for name in names
    ]
    question["attachments"].append({"kind": "symbol", "uri": question["attachments"][4]["uri"]})
    result = await chat.ask(question)
    notes = "\n".join(result["notes"])
    for reason in (
        "missing.py cannot be read",
        "outside the open folders",
        "protected",
        "not text",
    ):
        assert reason in notes
    assert "long.txt is long" in notes
    assert A_PY in chat.question


@pytest.mark.parametrize("command", ["explain", "fix", "tests", "doc", "refactor", "commit"])
async def test_slash_commands_are_spelt_out(chat: Chat, command: str) -> None:
    await chat.ask(f"/{command} this, quickly")
    assert chat.question.endswith("\n\nthis, quickly")
    assert f"/{command}" not in chat.question


async def test_an_earlier_slash_command_that_was_refused_spoils_nothing(chat: Chat) -> None:
    with pytest.raises(ResponseError, match="no command /frobnicate"):
        await chat.ask("/frobnicate")
    assert (await chat.ask("/frobnicate", "/explain it"))["content"] == "done"


async def test_a_path_is_no_slash_command(chat: Chat) -> None:
    await chat.ask("/usr/bin/env: what is it?")
    assert chat.question == "/usr/bin/env: what is it?"


# Settings


async def test_chat_can_be_turned_off(chat: Chat) -> None:
    chat.client.settings = {"chat": {"enabled": False}}
    settings = {"sotto": {"chat": {"enabled": False}}}
    chat.client.notify("workspace/didChangeConfiguration", {"settings": settings})
    with pytest.raises(ResponseError, match=r"chat\.enabled"):
        await chat.ask("Q")


def test_roles_are_the_protocols() -> None:
    assert {role.value for role in ChatRole} == {"system", "user", "assistant", "tool"}
    assert ChatPrompt(messages=()).tools == ()
