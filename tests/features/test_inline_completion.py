"""`textDocument/inlineCompletion`: what is shown, what is not, and why."""

from __future__ import annotations

import asyncio

import pytest

from inference import BackendError, FimPrompt, FinishReason, GenerationRequest
from tests.support.client import (
    Client,
    InProcess,
    Json,
    in_process,
    insertion,
)
from tests.support.markers import marked
from tests.support.scripted_engine import EngineMaker

URI = "file:///project/a.py"
FUNCTION = "def area(width, height):\n    ▮\n"


async def ask(client: Client, source: str, *, is_invoked: bool = False) -> list[str]:
    """Open a document and ask at its mark."""
    place = marked(source)
    client.open(URI, place.text)
    return await client.inline(URI, place.line, place.character, is_invoked=is_invoked)


async def last_record(client: Client) -> Json:
    return (await client.records())[-1]


async def begin(served: InProcess, source: str = FUNCTION) -> tuple[int, asyncio.Future[Json]]:
    """Open a document, ask at its mark and wait until the engine has the request."""
    place = marked(source)
    served.client.open(URI, place.text)
    request = served.client.start_inline(URI, place.line, place.character)
    await served.maker.submitted(1)
    return request


async def test_shows_what_the_model_says(client: Client) -> None:
    assert await ask(client, FUNCTION) == ["pass"]
    record = await last_record(client)
    assert record == {
        "id": 2,
        "uri": URI,
        "version": 1,
        "position": {"line": 1, "character": 4},
        "outcome": "shown",
        "reason": None,
        "accepted": False,
        "source": "model",
        "n_prompt_tokens": 10,
        "n_reused_tokens": 4,
        "n_evaluated_tokens": 6,
        "n_put_off_tokens": 0,
        "n_drafted_tokens": 3,
        "n_accepted_tokens": 2,
        "n_decoded_tokens": 4,
        "drafters": {"lookup": {"n_drafted": 3, "n_accepted": 2}},
        "queue_ms": 0.5,
        "prefill_ms": 1.5,
        "first_text_ms": 2.0,
        "total_ms": record["total_ms"],
    }
    assert record["total_ms"] > 0


async def test_the_item_is_an_insertion_at_the_cursor(server: InProcess) -> None:
    server.client.open(URI, marked(FUNCTION).text)
    _, future = server.client.start_inline(URI, 1, 4)
    (item,) = (await future)["items"]
    place = {"line": 1, "character": 4}
    assert item == {"insertText": "pass", "range": {"start": place, "end": place}}


async def test_the_prompt_is_the_text_around_the_cursor(server: InProcess) -> None:
    await ask(server.client, "x = '😀'\ny = ▮\nz = 3\n")
    request = server.maker.generation.request
    assert request.prompt == FimPrompt(prefix="x = '😀'\ny = ", suffix="\nz = 3\n", path="a.py")
    assert request.sampling.temperature == 0


async def test_the_path_in_the_prompt_is_relative_to_the_innermost_folder() -> None:
    async with in_process() as served:
        client = served.client
        await client.initialize(folder="file:///project")
        await client.wait_ready()

        async def path_of(uri: str) -> str:
            client.open(uri, "value = \n")
            await client.inline(uri, 0, 8)
            prompt = served.maker.generation.request.prompt
            assert isinstance(prompt, FimPrompt)
            return prompt.path

        assert await path_of("file:///project/src/a.py") == "src/a.py"
        assert await path_of("file:///elsewhere/b.py") == "b.py"
        assert await path_of("untitled:Untitled-1") in ("", "Untitled-1")
        folders = [{"uri": "file:///project/src", "name": "src"}]
        client.notify(
            "workspace/didChangeWorkspaceFolders", {"event": {"added": folders, "removed": []}}
        )
        assert await path_of("file:///project/src/c.py") == "c.py"
        client.notify(
            "workspace/didChangeWorkspaceFolders", {"event": {"added": [], "removed": folders}}
        )
        assert await path_of("file:///project/src/d.py") == "src/d.py"


async def test_half_a_character_reaches_the_tokenizer_as_a_question_mark(server: InProcess) -> None:
    server.client.open(URI, "x = '\ud83d'\ny = \n")
    assert await server.client.inline(URI, 1, 4) == ["pass"]
    prompt = server.maker.generation.request.prompt
    assert isinstance(prompt, FimPrompt)
    assert prompt.prefix == "x = '?'\ny = "


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("value = some▮thing\n", "mid-identifier"),
        ("value = ▮other + 1\n", "text-after-cursor"),
        ("▮", "too-little-text"),
        ("text = 'a\0b'\nvalue = ▮\n", "binary"),
        (f"{'x' * 6000} = ▮\n", "line-too-long"),
    ],
)
async def test_gates(server: InProcess, source: str, reason: str) -> None:
    assert await ask(server.client, source) == []
    record = await last_record(server.client)
    assert (record["outcome"], record["reason"], record["source"]) == ("empty", reason, None)
    assert server.maker.engine.generations == []


async def test_an_unknown_document_and_a_place_outside_the_text(client: Client) -> None:
    assert await client.inline("file:///never/opened.py", 0, 0) == []
    record = await last_record(client)
    assert (record["reason"], record["version"]) == ("unknown-document", None)
    client.open(URI, "value = 1\n")
    assert await client.inline(URI, 0, 999) == []
    assert (await last_record(client))["reason"] == "position-outside-text"
    assert await client.inline(URI, 999, 0) == []
    assert (await last_record(client))["reason"] == "position-outside-text"


async def test_low_confidence_shows_nothing_unless_asked_for(held: InProcess) -> None:
    _, future = await begin(held)
    held.maker.generation.send("maybe", logprob=-30.0)
    held.maker.generation.finish()
    assert (await future)["items"] == []
    record = await last_record(held.client)
    assert (record["outcome"], record["reason"]) == ("empty", "low-confidence")
    assert record["n_decoded_tokens"] == 5
    _, future = held.client.start_inline(URI, 1, 4, is_invoked=True)
    await held.maker.submitted(4)
    for generation in held.maker.engine.generations:
        generation.send("maybe", logprob=-30.0)
        generation.finish()
    assert [item["insertText"] for item in (await future)["items"]] == ["maybe"]


async def test_nothing_from_the_model(held: InProcess) -> None:
    _, future = await begin(held)
    held.maker.generation.finish()
    assert (await future)["items"] == []
    assert (await last_record(held.client))["reason"] == "nothing"


async def test_generation_stops_as_soon_as_no_more_can_be_shown(held: InProcess) -> None:
    _, future = await begin(held, "value = ▮\nother = 1\n")
    generation = held.maker.generation
    generation.send("1 + 2")
    generation.send("\nsomething")
    await future
    assert generation.is_cancelled


async def test_invoked_offers_different_candidates_greedy_first() -> None:
    def say(request: GenerationRequest) -> str:
        return ["pass", "return 1", "pass"][request.sampling.seed]

    async with in_process(EngineMaker(answer=say)) as served:
        await served.client.initialize()
        await served.client.wait_ready()
        assert await ask(served.client, FUNCTION, is_invoked=True) == ["pass", "return 1"]
        temperatures = [g.request.sampling.temperature for g in served.maker.engine.generations]
        assert temperatures[0] == 0
        assert all(temperature > 0 for temperature in temperatures[1:])
        record = await last_record(served.client)
        assert record["n_prompt_tokens"] == 30  # All three candidates' cost is counted.


async def test_typing_the_suggestion_needs_no_model(server: InProcess) -> None:
    assert await ask(server.client, FUNCTION) == ["pass"]
    server.client.change(URI, 2, insertion(1, 4, "pa"))
    assert await server.client.inline(URI, 1, 6) == ["ss"]
    assert (await last_record(server.client))["source"] == "type-through"
    server.client.change(URI, 3, {"text": marked(FUNCTION).text})
    assert await server.client.inline(URI, 1, 4) == ["pass"]
    assert (await last_record(server.client))["source"] == "cache"
    assert len(server.maker.engine.generations) == 1
    server.client.change(URI, 4, insertion(1, 4, "x"))
    assert await server.client.inline(URI, 1, 5) == ["pass"]
    assert (await last_record(server.client))["source"] == "model"


async def test_the_selected_entry_of_the_completion_list_begins_the_suggestion(
    server: InProcess,
) -> None:
    server.client.open(URI, "import os\nos.pa\n")
    selected = {
        "range": {"start": {"line": 1, "character": 3}, "end": {"line": 1, "character": 5}},
        "text": "path",
    }
    result = await server.client.request(
        "textDocument/inlineCompletion",
        {
            "textDocument": {"uri": URI},
            "position": {"line": 1, "character": 5},
            "context": {"triggerKind": 2, "selectedCompletionInfo": selected},
        },
    )
    prompt = server.maker.generation.request.prompt
    assert isinstance(prompt, FimPrompt)
    assert prompt.prefix == "import os\nos.path"
    assert result["items"] == [{"insertText": "pathpass", "range": selected["range"]}]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((1, 3), (1, 60)),
        ((70, 0), (70, 1)),
        ((1, 5), (1, 3)),
        ((1, 6), (1, 7)),
        ((1, 0), (1, 4)),
        ((0, 0), (0, 6)),
    ],
    ids=["too long", "below", "inverted", "behind the cursor", "before it", "another line"],
)
async def test_a_selected_entry_that_cannot_be_where_it_says(
    server: InProcess, start: tuple[int, int], end: tuple[int, int]
) -> None:
    server.client.open(URI, "import os\nos.pa + 1\n")
    place = {
        "start": {"line": start[0], "character": start[1]},
        "end": {"line": end[0], "character": end[1]},
    }
    context = {"triggerKind": 1, "selectedCompletionInfo": {"range": place, "text": "path"}}
    result = await server.client.request(
        "textDocument/inlineCompletion",
        {
            "textDocument": {"uri": URI},
            "position": {"line": 1, "character": 5},
            "context": context,
        },
    )
    assert result["items"] == []
    assert (await last_record(server.client))["reason"] == "position-outside-text"


async def test_the_snapshot_is_of_the_moment_the_request_arrived(server: InProcess) -> None:
    """The change waits in the inbox right behind the request; it must not be part of it."""
    server.client.open(URI, marked(FUNCTION).text)
    _, future = server.client.start_inline(URI, 1, 4)
    server.client.change(URI, 2, insertion(1, 4, "xyz"))
    await future
    prompt = server.maker.generation.request.prompt
    assert isinstance(prompt, FimPrompt)
    assert "xyz" not in prompt.prefix
    assert (await last_record(server.client))["version"] == 1


async def test_a_failing_engine_is_recorded_and_answered_empty(held: InProcess) -> None:
    _, future = await begin(held)
    held.maker.generation.fail(BackendError("The runtime failed."))
    assert (await future)["items"] == []
    record = await last_record(held.client)
    assert (record["outcome"], record["reason"]) == ("error", "BackendError")
    assert held.client.received("window/showMessage") == []


async def test_an_unfinished_last_word_is_left_out(held: InProcess) -> None:
    _, future = await begin(held, "value = ▮\n")
    held.maker.generation.send("alpha + bet")
    held.maker.generation.finish(FinishReason.LENGTH)
    (item,) = (await future)["items"]
    assert "bet" not in item["insertText"]


async def test_records_are_the_last_200_and_hold_no_text(client: Client) -> None:
    client.open(URI, "secret_name = 1\nvalue = \n")
    for _ in range(205):
        await client.inline(URI, 1, 8)
    records = await client.records()
    assert len(records) == 200
    assert [r["id"] for r in records] == list(range(7, 207))
    assert "secret" not in str(records)
    assert "pass" not in str(records)


async def test_the_next_suggestion_is_drafted_from_the_one_departed_from(server: InProcess) -> None:
    assert await ask(server.client, FUNCTION) == ["pass"]
    assert server.maker.generation.request.shown_text == ""
    server.client.change(URI, 2, insertion(1, 4, "pr"))
    await server.client.inline(URI, 1, 6)
    assert server.maker.generation.request.shown_text == "ass"


async def test_who_types_is_not_kept_waiting_and_who_asks_is(server: InProcess) -> None:
    await ask(server.client, FUNCTION)
    assert server.maker.generation.request.patience_ms == 400
    await server.client.inline(URI, 1, 4, is_invoked=True)
    assert server.maker.generation.request.patience_ms is None


async def test_with_patience_0_the_whole_is_always_read() -> None:
    async with in_process() as served:
        await served.client.initialize(options={"inlineCompletion": {"patienceMs": 0}})
        await served.client.wait_ready()
        await ask(served.client, FUNCTION)
        assert served.maker.generation.request.patience_ms is None
