"""Loading, failing, falling back, replacing: what the editor is told, and what requests get."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference import InvalidModelError, ModelNotFoundError
from lsp import engine_host
from tests.support.client import Client, InProcess, Json, in_process
from tests.support.scripted_engine import EngineMaker

URI = "file:///project/a.py"
MODEL = str(Path("/models/big.gguf").absolute())
OTHER = str(Path("/models/other.gguf").absolute())


def states(client: Client) -> list[str]:
    return [status["state"] for status in client.received("sotto/status")]


def messages(client: Client) -> list[str]:
    return [message["message"] for message in client.received("window/showMessage")]


async def test_initialize_waits_for_no_model() -> None:
    maker = EngineMaker(answer=lambda _request: "pass")
    maker.is_loading_held = True
    async with in_process(maker) as served:
        client = served.client
        await client.initialize()
        await client.until(lambda: "loading" in states(client))
        client.open(URI, "value = \n")
        assert await client.inline(URI, 0, 8) == []
        assert (await client.records())[-1]["reason"] == "model-loading"
        status = await client.request("sotto/status")
        assert (status["state"], status["model"]) == ("loading", None)
        maker.engine.finish_loading()
        await client.wait_ready()
        assert await client.inline(URI, 0, 8) == ["pass"]
        assert states(client) == ["loading", "ready"]


async def test_no_engine_is_made_before_initialized() -> None:
    async with in_process() as served:
        await served.client.request(
            "initialize", {"processId": None, "rootUri": None, "capabilities": {}}
        )
        assert (await served.client.request("sotto/status"))["state"] == "stopped"
        assert served.maker.engines == []


async def test_loading_is_shown_as_progress_where_the_client_can() -> None:
    maker = EngineMaker(answer=None)
    maker.is_loading_held = True
    async with in_process(maker) as served:
        client = served.client
        await client.initialize(capabilities={"window": {"workDoneProgress": True}})
        await client.until(lambda: bool(client.received("$/progress")))
        maker.engine.finish_loading()
        await client.wait_ready()
        kinds = [progress["value"]["kind"] for progress in client.received("$/progress")]
        assert kinds == ["begin", "end"]
        (create,) = [r for r in client.requests if r["method"] == "window/workDoneProgress/create"]
        assert {progress["token"] for progress in client.received("$/progress")} == {
            create["params"]["token"]
        }


async def test_a_progress_display_that_comes_too_late_ends() -> None:
    """A missing file is known at once, before the editor has answered: Helix shows what it was
    asked for until that has ended."""
    maker = EngineMaker(answer=lambda _request: "pass")
    maker.load_errors[Path(MODEL)] = ModelNotFoundError("There is no big.gguf.")
    async with in_process(maker) as served:
        client = served.client
        await client.initialize(
            options={"model": {"path": MODEL}}, capabilities={"window": {"workDoneProgress": True}}
        )
        await client.wait_ready()

        def unended() -> set[object]:
            asked = [r for r in client.requests if r["method"] == "window/workDoneProgress/create"]
            ended = [p for p in client.received("$/progress") if p["value"]["kind"] == "end"]
            return {r["params"]["token"] for r in asked} - {p["token"] for p in ended}

        await client.until(lambda: not unended())
        assert len(client.requests) == 2


async def test_a_display_that_is_refused_too_late_leaves_the_next_one_alone() -> None:
    create = "window/workDoneProgress/create"
    maker = EngineMaker(answer=lambda _request: "pass")
    maker.load_errors[Path(MODEL)] = ModelNotFoundError("There is no big.gguf.")
    maker.is_loading_held = True
    async with in_process(maker) as served:
        client = served.client
        client.holds.add(create)
        await client.initialize(
            options={"model": {"path": MODEL}}, capabilities={"window": {"workDoneProgress": True}}
        )
        await client.until(lambda: bool(client.requests))
        maker.engine.finish_loading()
        await client.until(lambda: len(client.requests) == 2)
        first, second = client.requests
        client.answer(second)
        await client.until(lambda: bool(client.received("$/progress")))
        client.refuses.add(create)
        client.answer(first)
        await client.records()
        maker.engine.finish_loading()
        await client.wait_ready()
        assert [p["value"]["kind"] for p in client.received("$/progress")] == ["begin", "end"]


async def test_no_progress_for_a_client_that_cannot_show_it(client: Client) -> None:
    assert client.received("$/progress") == []
    assert client.requests == []


async def test_a_model_that_cannot_be_loaded_is_replaced_by_the_builtin() -> None:
    maker = EngineMaker(answer=lambda _request: "pass")
    maker.load_errors[Path(MODEL)] = InvalidModelError("big.gguf is not a GGUF file.")
    async with in_process(maker) as served:
        client = served.client
        await client.initialize(options={"model": {"path": MODEL, "threads": 1}})
        await client.wait_ready()
        text = "big.gguf is not a GGUF file. The built-in model is used instead."
        assert messages(client) == [f"Sotto: {text}"]
        status = await client.request("sotto/status")
        assert status["model"]["is_builtin"]
        assert status["message"] == text
        assert [engine.config.model_path for engine in maker.engines] == [Path(MODEL), None]
        assert maker.engines[0].is_closed
        assert maker.engine.config.n_threads == 1
        client.open(URI, "value = \n")
        assert await client.inline(URI, 0, 8) == ["pass"]


async def test_without_leave_to_fall_back_the_server_stays_up_without_a_model() -> None:
    maker = EngineMaker(answer=lambda _request: "pass")
    maker.load_errors[Path(MODEL)] = ModelNotFoundError("There is no file big.gguf.")
    async with in_process(maker) as served:
        client = served.client
        await client.initialize(options={"model": {"path": MODEL, "fallbackToBuiltin": False}})
        await client.until(lambda: bool(messages(client)))
        assert messages(client) == ["Sotto: There is no file big.gguf."]
        status = await client.request("sotto/status")
        assert (status["state"], status["message"]) == ("failed", "There is no file big.gguf.")
        client.open(URI, "value = \n")
        assert await client.inline(URI, 0, 8) == []
        assert (await client.records())[-1]["reason"] == "model-failed"


async def test_both_models_failing_is_said() -> None:
    maker = EngineMaker(answer=None)
    maker.load_errors[Path(MODEL)] = InvalidModelError("Bad.")
    maker.load_errors[None] = InvalidModelError("Worse.")
    async with in_process(maker) as served:
        client = served.client
        await client.initialize(options={"model": {"path": MODEL}})
        await client.until(lambda: len(messages(client)) == 2)
        assert "Worse." in messages(client)[1]
        assert (await client.request("sotto/status"))["state"] == "failed"


def push(client: Client, model: Json) -> None:
    client.notify("workspace/didChangeConfiguration", {"settings": {"sotto": {"model": model}}})


async def test_a_new_model_path_reloads_without_dropping_the_server(server: InProcess) -> None:
    client, maker = server.client, server.maker
    first = maker.engine
    push(client, {"path": MODEL})
    await client.until(lambda: states(client)[-1] == "ready" and len(maker.engines) == 2)
    assert first.is_closed
    assert maker.engine.config.model_path == Path(MODEL)
    client.open(URI, "value = \n")
    assert await client.inline(URI, 0, 8) == ["pass"]
    push(client, {"path": MODEL})
    await client.request("sotto/status")
    assert len(maker.engines) == 2  # Nothing has changed, nothing is loaded.


async def test_the_last_of_several_new_models_is_loaded(server: InProcess) -> None:
    client, maker = server.client, server.maker
    maker.is_loading_held = True
    push(client, {"path": MODEL})
    await client.until(lambda: len(maker.engines) == 2)
    push(client, {"path": "/models/between.gguf"})
    push(client, {"path": OTHER})
    await client.request("sotto/status")
    maker.is_loading_held = False
    maker.engine.finish_loading()
    await client.until(lambda: len(maker.engines) == 3 and states(client)[-1] == "ready")
    assert maker.engine.config.model_path == Path(OTHER)
    assert [engine.is_closed for engine in maker.engines] == [True, True, False]


async def test_a_request_that_runs_when_the_model_is_replaced_is_superseded() -> None:
    async with in_process(EngineMaker(answer=None)) as served:
        client = served.client
        await client.initialize()
        await client.wait_ready()
        client.open(URI, "value = \n")
        _, future = client.start_inline(URI, 0, 8)
        await served.maker.submitted(1)
        push(client, {"path": MODEL})
        assert (await future)["items"] == []
        (record,) = await client.records()
        assert (record["outcome"], record["reason"]) == ("superseded", "model-changed")


async def test_an_engine_that_fails_at_work_is_loaded_again() -> None:
    async with in_process(EngineMaker(answer=None)) as served:
        client, maker = served.client, served.maker
        await client.initialize()
        await client.wait_ready()
        client.open(URI, "value = \n")
        _, future = client.start_inline(URI, 0, 8)
        await maker.submitted(1)
        maker.engine.fail("The runtime failed.")
        assert (await future)["items"] == []
        assert messages(client) == ["Sotto: The runtime failed. Sotto loads it again now."]
        (record,) = await client.records()
        assert (record["outcome"], record["reason"]) == ("error", "BackendError")
        await client.until(lambda: len(maker.engines) == 2 and states(client)[-1] == "ready")
        assert maker.engines[0].is_closed
        status = await client.request("sotto/status")
        assert (status["state"], status["message"]) == ("ready", None)


async def test_an_engine_that_fails_again_and_again_is_given_up() -> None:
    async with in_process() as served:
        client, maker = served.client, served.maker
        await client.initialize()
        for n_engines in (1, 2, 3, 4):
            await client.until(
                lambda n=n_engines: len(maker.engines) == n and states(client)[-1:] == ["ready"]
            )
            maker.engine.fail(f"Failure {n_engines}.")
            await client.request("sotto/status")
        assert messages(client)[-1] == "Sotto: Failure 4."
        assert len(maker.engines) == 4
        assert (await client.request("sotto/status"))["state"] == "failed"
        client.open(URI, "value = \n")
        assert await client.inline(URI, 0, 8) == []
        assert (await client.records())[-1]["reason"] == "model-failed"


async def test_a_model_that_fails_again_and_again_is_replaced_by_the_builtin() -> None:
    async with in_process() as served:
        client, maker = served.client, served.maker
        await client.initialize(options={"model": {"path": MODEL}})
        for n_engines in (1, 2, 3, 4):
            await client.until(
                lambda n=n_engines: len(maker.engines) == n and states(client)[-1:] == ["ready"]
            )
            maker.engine.fail(f"Failure {n_engines}.")
            await client.request("sotto/status")
        await client.until(lambda: len(maker.engines) == 5 and states(client)[-1] == "ready")
        assert maker.engine.config.model_path is None
        assert messages(client)[-1] == "Sotto: Failure 4. The built-in model is used instead."
        status = await client.request("sotto/status")
        assert status["model"]["is_builtin"]
        assert status["message"] == "Failure 4. The built-in model is used instead."
        push(client, {"path": OTHER})
        await client.until(lambda: len(maker.engines) == 6 and states(client)[-1] == "ready")
        assert maker.engine.config.model_path == Path(OTHER)
        push(client, {"path": MODEL})
        await client.until(lambda: len(maker.engines) == 7 and states(client)[-1] == "ready")
        assert maker.engine.config.model_path == Path(MODEL)


async def test_without_leave_to_fall_back_a_failing_model_is_given_up() -> None:
    async with in_process() as served:
        client, maker = served.client, served.maker
        await client.initialize(options={"model": {"path": MODEL, "fallbackToBuiltin": False}})
        for n_engines in (1, 2, 3, 4):
            await client.until(
                lambda n=n_engines: len(maker.engines) == n and states(client)[-1:] == ["ready"]
            )
            maker.engine.fail(f"Failure {n_engines}.")
            await client.request("sotto/status")
        assert (await client.request("sotto/status"))["state"] == "failed"
        assert len(maker.engines) == 4


async def test_what_is_not_as_it_was_asked_for_is_said_without_disturbing() -> None:
    maker = EngineMaker(answer=lambda _request: "pass")
    maker.notice = "The context is shorter."
    async with in_process(maker) as served:
        client = served.client
        await client.initialize()
        await client.wait_ready()
        status = await client.request("sotto/status")
        assert (status["state"], status["message"]) == ("ready", "The context is shorter.")
        assert messages(client) == []
        (logged,) = client.received("window/logMessage")
        assert logged["message"] == "Sotto: The context is shorter."


async def test_a_notice_of_the_builtin_model_does_not_hide_why_it_runs() -> None:
    maker = EngineMaker(answer=lambda _request: "pass")
    maker.load_errors[Path(MODEL)] = InvalidModelError("Bad.")
    maker.notice = "The context is shorter."
    async with in_process(maker) as served:
        await served.client.initialize(options={"model": {"path": MODEL}})
        await served.client.wait_ready()
        assert (await served.client.request("sotto/status"))["message"] == (
            "Bad. The built-in model is used instead. The context is shorter."
        )


async def test_more_threads_than_processors_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_host, "usable_cpus", lambda: 6)
    async with in_process() as served:
        client, maker = served.client, served.maker
        await client.initialize(options={"model": {"threads": 6}})
        await client.wait_ready()
        assert maker.engine.config.n_threads == 6
        assert client.received("window/logMessage") == []
        push(client, {"threads": 1024})
        await client.until(lambda: len(maker.engines) == 2 and states(client)[-1] == "ready")
        assert maker.engine.config.n_threads == 6
        (message,) = client.received("window/logMessage")
        assert "`model.threads` is 1024" in message["message"]
        assert "6 processors" in message["message"]


async def test_leaving_closes_the_engine() -> None:
    async with in_process() as served:
        await served.client.initialize()
        await served.client.wait_ready()
        await served.client.shut_down()
        assert await served.conversation.stopped == 0
        await served.conversation.session.close()
        assert served.maker.engine.is_closed
