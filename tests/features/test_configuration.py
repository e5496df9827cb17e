"""Settings from every source; what is wrong is named once and the rest goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.client import Client, InProcess, Json, in_process

URI = "file:///project/a.py"
PULLS: Json = {
    "workspace": {"configuration": True},
    "textDocument": {"inlineCompletion": {}},
}


def messages(client: Client) -> list[str]:
    return [message["message"] for message in client.received("window/showMessage")]


async def max_tokens(served: InProcess) -> int:
    """What the settings made of a request."""
    served.client.open(URI, "value = \n")
    await served.client.inline(URI, 0, 8)
    return served.maker.generation.request.sampling.max_tokens


def tokens(n: int) -> Json:
    return {"inlineCompletion": {"maxTokens": n}}


@pytest.mark.parametrize(
    "options",
    [tokens(7), {"sotto": tokens(7)}, {"inlineCompletion.maxTokens": 7}],
    ids=["section", "wrapped in its name", "dotted"],
)
async def test_initialization_options(options: Json) -> None:
    async with in_process() as served:
        await served.client.initialize(options=options)
        await served.client.wait_ready()
        assert await max_tokens(served) == 7
        assert messages(served.client) == []


async def test_pulled_settings_win_key_by_key() -> None:
    async with in_process() as served:
        client = served.client
        client.settings = {"inlineCompletion": {"candidates": 1, "maxLines": None}}
        await client.initialize(
            capabilities=PULLS, options={"inlineCompletion": {"maxTokens": 7, "candidates": 2}}
        )
        await client.wait_ready()
        assert await max_tokens(served) == 7
        inline = served.conversation.session.settings.inline_completion
        assert (inline.candidates, inline.max_lines) == (1, 16)
        client.settings = tokens(9)
        client.notify("workspace/didChangeConfiguration", {"settings": None})
        await client.until(lambda: len(client.requests) == 2)
        await client.request("sotto/status")
        assert await max_tokens(served) == 9
        assert served.conversation.session.settings.inline_completion.candidates == 2


@pytest.mark.parametrize(
    ("pushed", "n_tokens"),
    [
        ({"sotto": tokens(9)}, 9),
        (tokens(9), 9),
        ({"otherServer": tokens(9)}, 96),
        ({"otherServer": {}, "sotto": None}, 96),
        (None, 96),
        ([], 96),
    ],
)
async def test_pushed_settings(server: InProcess, pushed: object, n_tokens: int) -> None:
    server.client.notify("workspace/didChangeConfiguration", {"settings": pushed})
    assert await max_tokens(server) == n_tokens


async def test_registration_for_changes() -> None:
    async with in_process() as served:
        await served.client.initialize(
            capabilities={"workspace": {"didChangeConfiguration": {"dynamicRegistration": True}}}
        )
        await served.client.until(lambda: bool(served.client.requests))
        (request,) = served.client.requests
        assert request["method"] == "client/registerCapability"
        (registration,) = request["params"]["registrations"]
        assert registration["method"] == "workspace/didChangeConfiguration"


async def test_what_is_wrong_is_named_in_one_message_and_the_rest_goes_on() -> None:
    async with in_process() as served:
        client = served.client
        await client.initialize(
            options={
                "inlineCompletion": {"maxTokens": 7, "maxLines": "ten", "candidats": 2},
                "loging": {},
            }
        )
        await client.wait_ready()
        assert await max_tokens(served) == 7
        (message,) = messages(client)
        assert '`inlineCompletion.maxLines` is "ten", but must be a whole number from' in message
        assert "Did you mean `inlineCompletion.candidates`?" in message
        assert "Did you mean `logging`?" in message


async def test_the_same_problem_is_not_repeated(server: InProcess) -> None:
    for _ in range(3):
        server.client.notify("workspace/didChangeConfiguration", {"settings": {"completion": 1}})
    await server.client.request("sotto/status")
    assert len(messages(server.client)) == 1


async def test_only_new_problems_are_named() -> None:
    async with in_process() as served:
        client = served.client

        def push(settings: Json) -> None:
            client.notify("workspace/didChangeConfiguration", {"settings": {"sotto": settings}})

        await client.initialize(options={"inlineCompletion": {"maxLines": "ten"}})
        await client.wait_ready()
        push({"completion": 1})
        push({"completion": {"enabled": "never"}})
        push({"completion": 2})
        await client.request("sotto/status")
        first, second, third = messages(client)
        assert "maxLines" in first
        assert "maxLines" not in second + third
        assert "`completion` is 1" in second
        assert "`completion` is 2" in third


async def test_a_client_that_refuses_to_tell_its_settings() -> None:
    async with in_process() as served:
        client = served.client
        client.refuses.add("workspace/configuration")
        await client.initialize(capabilities=PULLS, options=tokens(7))
        await client.wait_ready()
        assert await max_tokens(served) == 7
        assert messages(client) == []


async def test_an_open_folder_does_not_choose_the_model(tmp_path: Path) -> None:
    async with in_process() as served:
        client = served.client
        model = tmp_path / "project" / "evil.gguf"
        client.settings = {"model": {"path": str(model)}}
        await client.initialize(capabilities=PULLS, folder=(tmp_path / "project").as_uri())
        await client.wait_ready()
        assert served.maker.engine.config.model_path is None
        assert "A folder must not choose the model" in messages(client)[0]
        outside = tmp_path / "models" / "good.gguf"
        client.settings = {"model": {"path": str(outside)}}
        client.notify("workspace/didChangeConfiguration", {"settings": None})
        await client.until(lambda: len(served.maker.engines) == 2)
        assert served.maker.engine.config.model_path == outside


async def test_a_folder_that_opens_later_does_not_choose_the_model_either(tmp_path: Path) -> None:
    async with in_process() as served:
        client, maker = served.client, served.maker
        model = tmp_path / "project" / "evil.gguf"
        client.settings = {"model": {"path": str(model)}}
        await client.initialize(capabilities=PULLS)
        await client.wait_ready()
        assert maker.engine.config.model_path == model
        folder = {"uri": (tmp_path / "project").as_uri(), "name": "project"}

        def change(**event: list[Json]) -> None:
            client.notify(
                "workspace/didChangeWorkspaceFolders",
                {"event": {"added": [], "removed": []} | event},
            )

        change(added=[folder])
        await client.until(lambda: len(maker.engines) == 2)
        assert maker.engine.config.model_path is None
        assert "A folder must not choose the model" in messages(client)[0]
        change(removed=[folder])
        await client.until(lambda: len(maker.engines) == 3)
        assert maker.engine.config.model_path == model


async def test_the_initialization_options_may_name_a_model_anywhere(tmp_path: Path) -> None:
    async with in_process() as served:
        model = tmp_path / "mine.gguf"
        await served.client.initialize(
            options={"model": {"path": str(model)}}, folder=tmp_path.as_uri()
        )
        await served.client.wait_ready()
        assert served.maker.engine.config.model_path == model


@pytest.mark.parametrize(
    ("inline", "reason"),
    [
        ({"enabled": False}, "disabled"),
        ({"disabledLanguages": ["python"]}, "language-disabled"),
        ({"minConfidence": 0.95}, "low-confidence"),
        ({"minConfidence": 0.0}, None),
    ],
)
async def test_settings_of_the_suggestion(inline: Json, reason: str | None) -> None:
    async with in_process() as served:
        client = served.client
        await client.initialize(options={"inlineCompletion": inline})
        await client.wait_ready()
        client.open(URI, "value = \n")
        assert await client.inline(URI, 0, 8) == ([] if reason else ["pass"])
        assert (await client.records())[-1]["reason"] == reason


async def test_without_an_answer_the_former_settings_stay() -> None:
    async with in_process() as served:
        client = served.client
        client.settings = tokens(7)
        await client.initialize(capabilities=PULLS)
        await client.wait_ready()
        client.refuses.add("workspace/configuration")
        client.notify("workspace/didChangeConfiguration", {"settings": None})
        await client.until(lambda: len(client.requests) == 2)
        await client.request("sotto/status")
        assert await max_tokens(served) == 7
