"""A model that nobody asks anything of gives its memory back, and no request is lost by it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from inference import InvalidModelError
from lsp import engine_host
from tests.support.client import Client, InProcess, in_process
from tests.support.scripted_engine import EngineMaker

URI = "file:///project/a.py"
MODEL = str(Path("/models/big.gguf").absolute())


@pytest.fixture(autouse=True)
def _short_minutes(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - pytest's
    monkeypatch.setattr(engine_host, "_MINUTE_S", 0.01)


def states(client: Client) -> list[str]:
    return [status["state"] for status in client.received("sotto/status")]


async def idle(served: InProcess, minutes: int = 1) -> Client:
    """A client whose model was just unloaded."""
    client = served.client
    await client.initialize(options={"model": {"unloadAfterMinutes": minutes}})
    await client.until(lambda: states(client)[-1:] == ["stopped"])
    client.open(URI, "value = \n")
    return client


async def test_an_idle_model_is_unloaded_and_the_status_says_so() -> None:
    async with in_process() as served:
        client = await idle(served)
        assert states(client) == ["loading", "ready", "stopped"]
        assert served.maker.engine.is_closed
        status = await client.request("sotto/status")
        assert status["model"] is None
        assert status["message"] == (
            "The model was unloaded after 1 min without a request; the next one loads it again."
        )
        assert client.received("window/showMessage") == []


async def test_the_next_request_waits_for_the_model_and_is_answered() -> None:
    async with in_process() as served:
        client = await idle(served)
        assert await client.inline(URI, 0, 8) == ["pass"]
        assert len(served.maker.engines) == 2
        assert (await client.records())[-1]["outcome"] == "shown"
        await client.until(lambda: states(client)[-1] == "stopped" and len(states(client)) > 4)
        assert await client.inline(URI, 0, 8, is_invoked=True) == ["pass"]
        assert len(served.maker.engines) == 3


async def test_a_completion_list_is_not_held_back_but_wakes_the_model() -> None:
    async with in_process() as served:
        client = served.client
        options = {"model": {"unloadAfterMinutes": 1}, "completion": {"enabled": "always"}}
        await client.initialize(options=options)
        await client.until(lambda: states(client)[-1:] == ["stopped"])
        client.open(URI, "value = \n")
        served.maker.is_loading_held = True
        place = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 8}}
        answer = await client.request("textDocument/completion", place)
        assert answer["items"] == []
        assert (await client.records())[-1]["reason"] == "model-loading"
        await client.until(lambda: states(client)[-1] == "loading")


async def test_while_it_waits_the_latest_request_wins() -> None:
    async with in_process() as served:
        client = await idle(served)
        served.maker.is_loading_held = True
        _, first = client.start_inline(URI, 0, 8)
        await client.until(lambda: states(client)[-1] == "loading")
        _, second = client.start_inline(URI, 0, 8)
        assert (await first)["items"] == []
        served.maker.engine.finish_loading()
        assert [item["insertText"] for item in (await second)["items"]] == ["pass"]
        assert len(served.maker.engines) == 2


async def test_a_client_that_cancels_the_waiting_request_does_not_stop_the_loading() -> None:
    async with in_process() as served:
        client = await idle(served)
        served.maker.is_loading_held = True
        number, _ = client.start_inline(URI, 0, 8)
        await client.until(lambda: states(client)[-1] == "loading")
        client.cancel(number)
        await client.until(lambda: number in client.responses)
        served.maker.engine.finish_loading()
        await client.until(lambda: states(client)[-1] == "ready")


async def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lsp.answer._WAKE_TIMEOUT_S", 0.01)
    async with in_process() as served:
        client = await idle(served)
        served.maker.is_loading_held = True
        assert await client.inline(URI, 0, 8) == []
        record = (await client.records())[-1]
        assert (record["outcome"], record["reason"]) == ("empty", "model-loading")


async def test_a_model_that_cannot_be_loaded_again_is_replaced() -> None:
    async with in_process(EngineMaker(answer=lambda _request: "pass")) as served:
        client = served.client
        options = {"model": {"path": MODEL, "unloadAfterMinutes": 1}}
        await client.initialize(options=options)
        await client.until(lambda: states(client)[-1:] == ["stopped"])
        served.maker.load_errors[Path(MODEL)] = InvalidModelError("It is gone.")
        client.open(URI, "value = \n")
        assert await client.inline(URI, 0, 8) == ["pass"]
        (message,) = client.received("window/showMessage")
        assert "The built-in model is used instead." in message["message"]


async def test_a_running_request_keeps_the_model() -> None:
    async with in_process(EngineMaker(answer=None)) as served:
        client = served.client
        await client.initialize(options={"model": {"unloadAfterMinutes": 20}})
        await client.wait_ready()
        client.open(URI, "value = \n")
        _, future = client.start_inline(URI, 0, 8)
        await served.maker.submitted(1)
        await asyncio.sleep(0.5)
        assert states(client)[-1] == "ready"
        served.maker.generation.send("pass")
        served.maker.generation.finish()
        assert [item["insertText"] for item in (await future)["items"]] == ["pass"]
        await client.until(lambda: states(client)[-1] == "stopped")


async def test_zero_keeps_the_model() -> None:
    async with in_process() as served:
        client = served.client
        await client.initialize(options={"model": {"unloadAfterMinutes": 0}})
        await client.wait_ready()
        await asyncio.sleep(0.1)
        assert states(client) == ["loading", "ready"]


async def test_the_setting_alone_loads_nothing_and_a_new_model_is_loaded_at_once() -> None:
    async with in_process() as served:
        client = await idle(served)
        settings = {"sotto": {"model": {"unloadAfterMinutes": 5000}}}
        client.notify("workspace/didChangeConfiguration", {"settings": settings})
        await client.request("sotto/status")
        assert len(served.maker.engines) == 1
        settings["sotto"]["model"]["threads"] = 1
        client.notify("workspace/didChangeConfiguration", {"settings": settings})
        await client.until(lambda: states(client)[-1] == "ready")
        assert len(served.maker.engines) == 2


async def test_leaving_while_asleep_or_waking() -> None:
    for is_waking in (False, True):
        async with in_process() as served:
            client = await idle(served)
            if is_waking:
                served.maker.is_loading_held = True
                client.start_inline(URI, 0, 8)
                await client.until(lambda c=client: states(c)[-1] == "loading")
            await client.shut_down()
            assert await served.conversation.stopped == 0
            await served.conversation.session.close()
            assert served.maker.engine.is_closed
