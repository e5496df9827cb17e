"""`textDocument/completion`: the suggestion where there is no ghost text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import InProcess, Json, in_process
from tests.support.clients import initialize_params
from tests.support.markers import marked
from tests.support.scripted_engine import EngineMaker

URI = "file:///project/a.py"
HELIX: Json = initialize_params("helix")["capabilities"]
BODY = "with open(path) as file:\n        return file.read()"


async def complete(served: InProcess, source: str) -> Any:
    place = marked(source)
    served.client.open(URI, place.text)
    return await served.client.request(
        "textDocument/completion",
        {
            "textDocument": {"uri": URI},
            "position": {"line": place.line, "character": place.character},
            "context": {"triggerKind": 1},
        },
    )


def maker(text: str) -> EngineMaker:
    return EngineMaker(answer=lambda _request: text)


async def test_the_item_replaces_the_typed_word() -> None:
    async with in_process(maker("_file(path)")) as served:
        await served.client.initialize(capabilities=HELIX)
        await served.client.wait_ready()
        result = await complete(served, "x = '😀'\n'😀', réad▮\n")
        assert result["isIncomplete"] is True
        (item,) = result["items"]
        assert item == {
            "label": "réad_file(path)",
            "kind": 1,
            "detail": "Sotto",
            "filterText": "réad",
            "sortText": " 0",
            "preselect": True,
            "insertTextFormat": 1,
            "textEdit": {
                "range": {
                    "start": {"line": 1, "character": 6},
                    "end": {"line": 1, "character": 10},
                },
                "newText": "réad_file(path)",
            },
            "documentation": {"kind": "markdown", "value": "```python\nréad_file(path)\n```"},
        }
        assert (await served.client.records())[-1]["outcome"] == "shown"


async def test_where_the_editor_can_be_told_it_is_not_indented_again() -> None:
    capable = {"completion": {"completionItem": {"insertTextModeSupport": {"valueSet": [1]}}}}
    async with in_process(maker("_file(path)")) as served:
        await served.client.initialize(capabilities={"textDocument": capable})
        await served.client.wait_ready()
        (item,) = (await complete(served, "text = read▮\n"))["items"]
        assert item["insertTextMode"] == 1


async def test_several_lines_are_one_item_whose_whole_text_is_its_documentation() -> None:
    async with in_process(maker(BODY)) as served:
        await served.client.initialize(capabilities=HELIX)
        await served.client.wait_ready()
        (item,) = (await complete(served, "def read(path):\n    ▮\n"))["items"]
        assert item["label"] == "with open(path) as file: …"
        assert item["textEdit"]["newText"] == BODY
        assert "filterText" not in item
        documentation = {"kind": "markdown", "value": f"```python\n{BODY}\n```"}
        assert item["documentation"] == documentation


async def test_a_fence_is_longer_than_any_in_the_text() -> None:
    async with in_process(maker('"""```py ````"""')) as served:
        await served.client.initialize(capabilities=HELIX)
        await served.client.wait_ready()
        (item,) = (await complete(served, "doc = ▮\n"))["items"]
        assert item["documentation"]["value"].startswith("`````python\n")


@pytest.mark.parametrize(
    ("enabled", "has_ghost_text", "is_offered"),
    [
        ("auto", True, False),
        ("auto", False, True),
        ("always", True, True),
        ("never", False, False),
    ],
)
async def test_when_it_is_offered(*, enabled: str, has_ghost_text: bool, is_offered: bool) -> None:
    async with in_process(maker("1 + 2")) as served:
        capabilities: Json = {"textDocument": {"inlineCompletion": {}} if has_ghost_text else {}}
        await served.client.initialize(
            capabilities=capabilities, options={"completion": {"enabled": enabled}}
        )
        await served.client.wait_ready()
        result = await complete(served, "value = ▮\n")
        assert bool(result["items"]) is is_offered
        if not is_offered:
            assert result == {"isIncomplete": False, "items": []}


async def test_nothing_to_offer_is_asked_for_again() -> None:
    async with in_process(maker("")) as served:
        await served.client.initialize(capabilities=HELIX)
        await served.client.wait_ready()
        assert await complete(served, "value = ▮\n") == {"isIncomplete": True, "items": []}


async def test_without_markdown_the_documentation_is_plain() -> None:
    async with in_process(maker("1 + 2")) as served:
        await served.client.initialize(capabilities={"textDocument": {"completion": {}}})
        await served.client.wait_ready()
        (item,) = (await complete(served, "value = ▮\n"))["items"]
        assert "insertTextMode" not in item
        assert item["documentation"] == {"kind": "plaintext", "value": "1 + 2"}
