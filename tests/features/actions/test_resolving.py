"""`codeAction/resolve`: progress, cancelling, what happens when the text changes, what is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inference import BackendError, ChatPrompt, FimPrompt, Priority
from tests.support.actions import (
    CAPABILITIES,
    RESOLVING,
    apply_edit,
    cut_selection,
    list_actions,
    range_of,
    resolve,
)
from tests.support.client import Client, InProcess, Json, ResponseError, in_process, insertion
from tests.support.scripted_engine import EngineMaker

URI = "file:///project/shapes.py"
SOURCE = "import os\n\n\ndef area(w, h):\n    ▮return h * w\n\n\nX = 1\n"
NEW = "def area(w, h):\n    return w * h\n"


@pytest.fixture
async def held() -> AsyncIterator[InProcess]:
    """A model that takes instructions; the test says when it answers, and what."""
    maker = EngineMaker(answer=None)
    maker.supports_chat = True
    async with in_process(maker) as served:
        await served.client.initialize(capabilities=dict(CAPABILITIES))
        await served.client.wait_ready()
        yield served


async def listed(client: Client, title: str, source: str = SOURCE) -> Json:
    """The action of that title at the mark of a document that is opened for it."""
    text, span = cut_selection(source)
    client.open(URI, text)
    found = await list_actions(client, URI, text, span)
    (action,) = [action for action in found if action["title"] == title]
    return action


async def start(
    served: InProcess, title: str = "Simplify `area`"
) -> tuple[int, asyncio.Future[Json]]:
    """Choose the action; returns once the engine has its request."""
    action = await listed(served.client, title)
    chosen = served.client.start_request("codeAction/resolve", action)
    await served.maker.submitted(1)
    return chosen


def say(served: InProcess, text: str) -> None:
    served.maker.generation.send(text)
    served.maker.generation.finish()


async def test_it_streams_with_progress(held: InProcess) -> None:
    _, future = await start(held)
    client = held.client
    await client.until(lambda: bool(client.received("$/progress")))
    held.maker.generation.send("```python\ndef area(w, h):\n")
    await client.until(
        lambda: any(p["value"].get("message") == "3 lines" for p in client.received("$/progress"))
    )
    assert not future.done()
    say(held, "    return w * h\n```")
    resolved = await future
    (change,) = resolved["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": URI, "version": 1}
    shown = client.received("$/progress")
    (begun,) = [p for p in shown if "Simplify" in p["value"].get("title", "")]
    begin, *reports, end = [p["value"] for p in shown if p["token"] == begun["token"]]
    assert begin["cancellable"] is True
    assert {report["kind"] for report in reports} == {"report"}
    assert end == {"kind": "end", "message": "done"}


async def test_what_is_asked(held: InProcess) -> None:
    _, future = await start(held)
    request = held.maker.generation.request
    assert request.priority is Priority.ACTION
    assert request.sequence_hint == f"action:{URI}", "not in the place of what is typed there"
    assert request.old_text == "def area(w, h):\n    return h * w"
    assert isinstance(request.prompt, ChatPrompt)
    system, user = request.prompt.messages
    assert "data" in system.content
    assert "The marked part:\n```python\ndef area(w, h):\n    return h * w\n```" in user.content
    assert "Above the marked part:\n```python\nimport os\n```" in user.content
    assert "Below the marked part:\n```python\nX = 1\n```" in user.content
    assert "shapes.py" in user.content
    # The second question holds the first answer, and what is wrong with it.
    say(held, "```python\ndef are(w, h):\n    return w * h\n```")
    await held.maker.submitted(2)
    again = held.maker.generation.request.prompt
    assert isinstance(again, ChatPrompt)
    assert again.messages[:2] == (system, user)
    assert "does not define `area` any more" in again.messages[3].content
    assert again.prefill == "```\n"
    say(held, f"{NEW}```")
    assert "edit" in await future


async def test_the_client_cancels(held: InProcess) -> None:
    request_id, future = await start(held)
    held.maker.generation.send("```python\ndef")
    held.client.cancel(request_id)
    with pytest.raises(ResponseError) as cancelled:
        await future
    assert cancelled.value.code == -32800
    assert held.maker.generation.is_cancelled
    assert len(held.client.responses[request_id]) == 1


async def test_the_user_cancels_at_the_progress_display(held: InProcess) -> None:
    _, future = await start(held)
    client = held.client
    await client.until(lambda: any("Simplify" in str(p) for p in client.received("$/progress")))
    token = client.received("$/progress")[-1]["token"]
    client.notify("window/workDoneProgress/cancel", {"token": "no such token"})
    client.notify("window/workDoneProgress/cancel", {"token": token})
    with pytest.raises(ResponseError) as cancelled:
        await future
    assert (cancelled.value.code, str(cancelled.value)) == (-32800, "Cancelled.")
    assert held.maker.generation.is_cancelled
    assert client.received("window/showMessage") == []
    assert client.received("$/progress")[-1]["value"] == {"kind": "end", "message": "cancelled"}


async def test_typing_elsewhere_moves_the_edit(held: InProcess) -> None:
    _, future = await start(held)
    text = cut_selection(SOURCE)[0]
    for version, line in ((2, 0), (3, 8)):  # above and then below the function
        held.client.change(URI, version, insertion(line, 0, "# 😀 more\n"))
    await held.client.document_info(URI)
    say(held, f"```python\n{NEW}```")
    with pytest.raises(ResponseError) as refused:
        await future
    assert "was changed while the model wrote" in str(refused.value)

    for where, line in (("above", 0), ("below", 7)):
        held.client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
        action = await listed(held.client, "Simplify `area`")
        n_asked = len(held.maker.engine.generations)
        _, future = held.client.start_request("codeAction/resolve", action)
        await held.maker.submitted(n_asked + 1)
        held.client.change(URI, 2, insertion(line, 0, "# 😀 more\n"))
        await held.client.document_info(URI)
        say(held, f"```python\n{NEW}```")
        (change,) = (await future)["edit"]["documentChanges"]
        assert change["textDocument"]["version"] == 2
        lines = text.splitlines(keepends=True)
        changed = "".join([*lines[:line], "# 😀 more\n", *lines[line:]])
        expected = changed.replace("h * w", "w * h")
        assert apply_edit(changed, change["edits"]) == expected, where


async def test_typing_inside_the_code_refuses_the_edit(held: InProcess) -> None:
    _, future = await start(held)
    held.client.change(URI, 2, insertion(4, 4, "# "))
    await held.client.document_info(URI)
    say(held, f"```python\n{NEW}```")
    with pytest.raises(ResponseError) as refused:
        await future
    assert str(refused.value) == (
        "The code was changed while the model wrote; nothing was changed. Ask again."
    )
    assert held.client.received("window/showMessage")[-1]["type"] == 2


async def test_an_action_of_an_older_version_is_refused(held: InProcess) -> None:
    action = await listed(held.client, "Simplify `area`")
    held.client.change(URI, 2, insertion(0, 0, "\n"))
    with pytest.raises(ResponseError) as refused:
        await resolve(held.client, action)
    assert "The text has changed since" in str(refused.value)
    with pytest.raises(ResponseError):
        await resolve(held.client, action)
    shown = [message["message"] for message in held.client.received("window/showMessage")]
    assert shown == [f"Sotto: {refused.value}"] * 2, "whoever asks again is told again"
    held.client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    with pytest.raises(ResponseError, match="was closed"):
        await resolve(held.client, action)
    assert held.maker.engine.generations == []


async def test_closing_the_document_meanwhile_refuses_the_edit(held: InProcess) -> None:
    _, future = await start(held)
    held.client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    await held.client.request("sotto/status")
    say(held, f"```python\n{NEW}```")
    with pytest.raises(ResponseError, match="was closed meanwhile"):
        await future


async def test_the_engine_fails(held: InProcess) -> None:
    _, future = await start(held)
    held.maker.generation.fail(BackendError("The runtime failed."))
    with pytest.raises(ResponseError) as failed:
        await future
    assert (failed.value.code, str(failed.value)) == (-32803, "The runtime failed.")


async def test_no_model_and_a_model_that_cannot(held: InProcess) -> None:
    action = await listed(held.client, "Simplify `area`")
    held.maker.engine.supports_chat = False
    with pytest.raises(ResponseError, match="takes no instructions"):
        await resolve(held.client, action)
    held.maker.engine.fail("Broken.")
    held.client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})


async def test_foreign_and_malformed_data(held: InProcess) -> None:
    for data in [5, {}, {"id": "simplify"}, {"id": 1, "title": 2}]:
        with pytest.raises(ResponseError) as refused:
            await resolve(held.client, {"title": "x", "data": data})
        assert refused.value.code == -32602
    # What has no data is done already.
    assert await resolve(held.client, {"title": "x"}) == {"title": "x"}
    action = await listed(held.client, "Simplify `area`")
    action["data"]["title"] = "Delete everything"
    with pytest.raises(ResponseError, match="does not fit here any more"):
        await resolve(held.client, action)


async def test_inline_completion_goes_on_meanwhile(held: InProcess) -> None:
    _, future = await start(held)
    _, inline = held.client.start_inline(URI, 7, 5)
    await held.maker.submitted(2)
    assert isinstance(held.maker.generation.request.prompt, FimPrompt)
    held.maker.generation.finish()
    await inline
    first = held.maker.engine.generations[0]
    first.send(f"```python\n{NEW}```")
    first.finish()
    assert "edit" in await future


async def test_annotations_ask_before_what_is_unsure(held: InProcess) -> None:
    _, future = await start(held)
    say(held, f"Here it is:\n\n{NEW}")
    edit = (await future)["edit"]
    (annotation,) = edit["changeAnnotations"].values()
    assert annotation == {"label": "Simplify `area`", "needsConfirmation": True}
    action = await listed(held.client, "Simplify `area`")
    _, future = held.client.start_request("codeAction/resolve", action)
    await held.maker.submitted(2)
    say(held, f"```python\n{NEW}```")
    edit = (await future)["edit"]
    assert next(iter(edit["changeAnnotations"].values()))["needsConfirmation"] is False
    (key,) = edit["changeAnnotations"]
    assert all(e["annotationId"] == key for e in edit["documentChanges"][0]["edits"])


async def test_an_editor_without_annotations_gets_none() -> None:
    maker = EngineMaker(answer=lambda _request: f"```python\n{NEW}```")
    maker.supports_chat = True
    async with in_process(maker) as served:
        edits = {"workspaceEdit": {"documentChanges": True}}
        await served.client.initialize(
            capabilities={"textDocument": {"codeAction": RESOLVING}, "workspace": edits}
        )
        await served.client.wait_ready()
        action = await listed(served.client, "Simplify `area`")
        edit = (await resolve(served.client, action))["edit"]
        assert edit.keys() == {"documentChanges"}
        assert served.client.requests == [
            r for r in served.client.requests if "rogress" not in r["method"]
        ]


async def test_an_editor_without_versions_gets_plain_changes() -> None:
    maker = EngineMaker(answer=lambda _request: f"```python\n{NEW}```")
    maker.supports_chat = True
    async with in_process(maker) as served:
        await served.client.initialize(capabilities={"textDocument": {"codeAction": RESOLVING}})
        await served.client.wait_ready()
        action = await listed(served.client, "Simplify `area`")
        edit = (await resolve(served.client, action))["edit"]
        assert edit.keys() == {"changes"}
        text, _ = cut_selection(SOURCE)
        assert "".join(NEW.split()) in "".join(apply_edit(text, edit["changes"][URI]).split())


async def test_an_explanation_opens_as_a_document(
    held: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    action = await listed(held.client, "Explain `area`")
    assert action["command"]["command"] == "sotto.explain"
    # Some editors resolve every action, also one that is complete.
    assert await resolve(held.client, action) == action
    _, future = held.client.start_request(
        "workspace/executeCommand",
        {"command": "sotto.explain", "arguments": action["command"]["arguments"]},
    )
    await held.maker.submitted(1)
    say(held, "<think>Hm.</think>It multiplies.")
    assert await future is None
    (shown,) = [r for r in held.client.requests if r["method"] == "window/showDocument"]
    check_explanation(Path(shown["params"]["uri"].removeprefix("file://")))


async def test_without_a_folder_for_it_an_explanation_is_a_message(
    held: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sotto").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    action = await listed(held.client, "Explain `area`")
    _, future = held.client.start_request(
        "workspace/executeCommand",
        {"command": "sotto.explain", "arguments": action["command"]["arguments"]},
    )
    await held.maker.submitted(1)
    say(held, "It multiplies.")
    assert await future is None
    why, text = (m["message"] for m in held.client.received("window/showMessage")[-2:])
    assert why == (
        "Sotto: the explanation is shown here, as no file can be written: Not a directory."
    )
    assert text == "It multiplies.\n"


def check_explanation(path: Path) -> None:
    assert path.read_text() == "# Explain `area`\n\nIt multiplies.\n"
    assert path.stat().st_mode & 0o077 == 0, "others must not read it"


async def test_a_command_can_be_cancelled_and_refused(held: InProcess) -> None:
    action = await listed(held.client, "Explain `area`")
    request_id, future = held.client.start_request(
        "workspace/executeCommand",
        {"command": "sotto.explain", "arguments": action["command"]["arguments"]},
    )
    await held.maker.submitted(1)
    held.client.cancel(request_id)
    with pytest.raises(ResponseError):
        await future
    assert held.maker.generation.is_cancelled
    for arguments in ([{"id": "explain"}], [5], ["a.py", 3, 2]):
        with pytest.raises(ResponseError):
            await held.client.request(
                "workspace/executeCommand", {"command": "sotto.explain", "arguments": arguments}
            )


async def test_too_long_for_the_model(held: InProcess) -> None:
    source = "⟦" + "".join(f"value_{n} = {n}\n" for n in range(600)) + "⟧"
    action = await listed(held.client, "Simplify the selection", source)
    with pytest.raises(ResponseError, match="too much for the model's 2048 tokens"):
        await resolve(held.client, action)


async def test_the_range_may_be_written_backwards(held: InProcess) -> None:
    text, span = cut_selection("def f():\n    ⟦x = 1⟧\n    return x\n")
    held.client.open(URI, text)
    range_ = range_of(text, span)
    found = await held.client.request(
        "textDocument/codeAction",
        {
            "textDocument": {"uri": URI},
            "range": {"start": range_["end"], "end": range_["start"]},
            "context": {"diagnostics": []},
        },
    )
    assert "Extract function" in {action["title"] for action in found}
