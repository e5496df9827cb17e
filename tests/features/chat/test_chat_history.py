"""What is kept of conversations, and what is not."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from tests.features.chat.conftest import Chat
from tests.support.client import Json, ResponseError


async def kept(chat: Chat, conversation: str = "c") -> list[Json]:
    return await chat.client.request("sotto/conversation", {"conversationId": conversation})


async def test_a_conversation_can_be_gone_on_with_from_what_is_kept(chat: Chat) -> None:
    chat.write("a.py", "x = 1\n")
    uri = (chat.folder / "a.py").as_uri()
    chat.replies = [
        '<think>hm</think><tool_call>{"name": "list_files", "arguments": {}}</tool_call>',
        "<think>so</think>One.",
    ]
    question = {"role": "user", "content": "1", "attachments": [{"kind": "file", "uri": uri}]}
    await chat.ask(question, conversationId="c", useTools=True)
    former = chat.prompts[-1].messages
    (turn,) = await kept(chat)
    assert (turn["outcome"], turn["reasoning"]) == ("finished", "so")
    await chat.ask(turn["question"], turn["answer"], "2", conversationId="c", useTools=True)
    assert chat.prompts[-1].messages[: len(former)] == former
    assert [t["question"]["content"] for t in await kept(chat)] == ["1", "2"]
    (info,) = await chat.client.request("sotto/conversations")
    assert (info["conversation_id"], info["title"], info["n_turns"]) == ("c", "1", 2)


async def test_the_question_is_kept_before_the_model_begins(held: Chat, tmp_path: Path) -> None:
    _, answer = held.client.start_request("sotto/chat", held.params("Q", conversationId="c"))
    await held.served.maker.submitted(1)
    (turn,) = await kept(held)
    assert (turn["outcome"], turn["answer"]) == ("pending", None)
    assert stat.S_IMODE((tmp_path / "data" / "conversations.db").stat().st_mode) == 0o600
    held.served.maker.generation.finish()
    await answer


async def test_what_there_was_of_a_stopped_answer_is_kept(held: Chat) -> None:
    params = held.params("Q", conversationId="c")
    request_id, answer = held.client.start_request("sotto/chat", params)
    await held.served.maker.submitted(1)
    held.served.maker.generation.send("Half")
    await held.client.until(lambda: held.streamed() == "Half")
    held.client.cancel(request_id)
    with pytest.raises(ResponseError):
        await answer
    turn: Json = {"outcome": "pending"}
    while turn["outcome"] == "pending":
        (turn,) = await kept(held)
        await asyncio.sleep(0)
    assert (turn["outcome"], turn["answer"]["content"]) == ("stopped", "Half")


async def test_nothing_is_kept_without_an_id_or_against_the_setting(
    chat: Chat, tmp_path: Path
) -> None:
    await chat.ask("Q")
    settings = {"sotto": {"chat": {"keepConversations": False}}}
    chat.client.notify("workspace/didChangeConfiguration", {"settings": settings})
    await chat.ask("Q", conversationId="c")
    assert not (tmp_path / "data").exists()
    assert await chat.client.request("sotto/conversations") == []
    with pytest.raises(ResponseError, match="no such conversation"):
        await kept(chat)


async def test_a_file_that_cannot_be_written_spoils_no_answer(chat: Chat, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    result = await chat.ask("Q", conversationId="c")
    assert result["content"] == "done"
    logged = chat.client.received("window/logMessage")
    assert "keepConversations" in logged[-1]["message"]
    assert await chat.client.request("sotto/conversations") == []


async def test_they_can_be_deleted(chat: Chat) -> None:
    for conversation in ("a", "b", "c"):
        await chat.ask("Q", conversationId=conversation)
    delete = "sotto/deleteConversations"
    assert await chat.client.request(delete, {"conversationId": "a"}) == {"n_deleted_turns": 1}
    assert await chat.client.request(delete, {}) == {"n_deleted_turns": 2}
    assert await chat.client.request("sotto/conversations") == []
