"""`sotto/didMoveCursor`: the prompt where the cursor rests is evaluated before anybody types."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from inference import FimPrompt, Priority
from lsp.settings import InlineCompletionSettings
from lsp.warm_up import MIN_REST_S
from tests.support.client import Client, InProcess, Json, in_process, insertion
from tests.support.markers import marked
from tests.support.scripted_engine import EngineMaker, ScriptedGeneration

URI = "file:///project/a.py"
FUNCTION = "def area(width, height):\n    ▮\n\n\ndef volume(depth):\n    return depth\n"


@pytest.fixture
async def served() -> AsyncGenerator[InProcess]:
    """Generations are left to the test."""
    async with in_process(EngineMaker(None)) as served:
        await served.client.initialize()
        await served.client.wait_ready()
        served.client.open(URI, marked(FUNCTION).text)
        yield served


def move(client: Client, line: int, character: int, uri: str = URI) -> None:
    place = {"line": line, "character": character}
    client.notify("sotto/didMoveCursor", {"textDocument": {"uri": uri}, "position": place})


async def rested(served: InProcess) -> list[ScriptedGeneration]:
    """What the engine was given, some time after the cursor has come to rest."""
    await asyncio.sleep(2 * MIN_REST_S)
    await served.client.records()
    return served.maker.engine.generations


async def test_where_it_rests_the_prompt_is_evaluated(served: InProcess) -> None:
    move(served.client, 1, 4)
    (generation,) = await rested(served)
    request = generation.request
    assert isinstance(request.prompt, FimPrompt)
    assert request.prompt.prefix == "def area(width, height):\n    "
    assert request.prompt.suffix.startswith("\n\n\ndef volume")
    assert request.sampling.max_tokens == 0
    assert request.answer_tokens == InlineCompletionSettings().max_tokens
    assert (request.priority, request.sequence_hint) == (Priority.WARMUP, URI)


async def test_only_the_last_place_counts(served: InProcess) -> None:
    for line in range(5):
        move(served.client, line, 0)
    (generation,) = await rested(served)
    assert isinstance(generation.request.prompt, FimPrompt)
    assert generation.request.prompt.suffix == "def volume(depth):\n    return depth\n"


async def test_moving_on_ends_what_was_begun(served: InProcess) -> None:
    move(served.client, 1, 4)
    (first,) = await rested(served)
    assert not first.is_done
    served.client.open("file:///project/b.py", "x = 1\n\n")
    move(served.client, 1, 0, "file:///project/b.py")
    first, second = await rested(served)
    assert first.is_done
    assert not first.finishes_prompt
    assert not second.is_done


async def test_typing_and_asking_end_it(served: InProcess) -> None:
    move(served.client, 1, 4)
    (first,) = await rested(served)
    served.client.change(URI, 2, insertion(1, 4, "r"))
    await served.client.records()
    assert first.is_done
    assert first.finishes_prompt, "the next request wants the same"
    move(served.client, 1, 5)
    _, second = await rested(served)
    request_id, _ = served.client.start_inline(URI, 1, 5, is_invoked=True)
    await served.maker.submitted(3)
    await served.client.records()
    assert second.is_done
    served.client.cancel(request_id)


async def test_closing_ends_it_before_it_begins(served: InProcess) -> None:
    move(served.client, 1, 4)
    served.client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    move(served.client, 1, 4)
    assert await rested(served) == []


async def test_a_failure_is_nobody_s_business(served: InProcess) -> None:
    move(served.client, 1, 4)
    (generation,) = await rested(served)
    served.maker.engine.fail("broken")
    await served.client.records()
    assert generation.is_done
    assert await served.client.records() == []


@pytest.mark.parametrize(
    "params",
    [
        None,
        {"textDocument": {"uri": URI}},
        {"textDocument": {"uri": URI}, "position": {"line": -1, "character": 0}},
        {"textDocument": {"uri": "file:///unknown.py"}, "position": {"line": 0, "character": 0}},
    ],
)
async def test_what_makes_no_sense_does_nothing(served: InProcess, params: object) -> None:
    served.client.notify("sotto/didMoveCursor", params)
    assert await rested(served) == []


async def test_it_can_be_switched_off() -> None:
    async with in_process(EngineMaker(None)) as served:
        await served.client.initialize(options={"inlineCompletion": {"warmUp": False}})
        await served.client.wait_ready()
        served.client.open(URI, marked(FUNCTION).text)
        move(served.client, 1, 4)
        assert await rested(served) == []


@pytest.mark.parametrize(("trigger", "n_evaluated"), [(2, 1), (1, 0)])
async def test_an_unasked_code_action_request_tells_the_cursor(
    served: InProcess, trigger: int, n_evaluated: int
) -> None:
    place = {"line": 1, "character": 4}
    context: Json = {"diagnostics": [], "triggerKind": trigger}
    await served.client.request(
        "textDocument/codeAction",
        {
            "textDocument": {"uri": URI},
            "range": {"start": place, "end": place},
            "context": context,
        },
    )
    assert len(await rested(served)) == n_evaluated
