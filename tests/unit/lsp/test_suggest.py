"""Suggestions from a snapshot, without a session: what the engine is given."""

from __future__ import annotations

import pytest

from inference import EngineConfig, FimPrompt
from inference.prompts.budget import windows
from lsp.context.gates import Trigger
from lsp.document import Snapshot
from lsp.settings import InlineCompletionSettings
from lsp.suggest import Work, suggest
from lsp.type_through import TypeThrough
from tests.support.scripted_engine import ScriptedEngine

LONG = "".join(f"value_{n} = compute({n})\n" for n in range(30_000))


async def prompt_at(text: str, offset: int) -> FimPrompt:
    """What the engine is asked with the cursor on an empty line at `offset`."""
    snapshot = Snapshot("file:///a.py", 1, "python", text[:offset] + "\n" + text[offset:], offset)
    engine = ScriptedEngine(EngineConfig(), answer=lambda _request: "pass")
    engine.start()
    await engine.wait_ready()
    await suggest(
        snapshot,
        trigger=Trigger.AUTOMATIC,
        engine=engine,  # pyright: ignore[reportArgumentType] - it has what is needed
        model=engine.model,
        settings=InlineCompletionSettings(),
        type_through=TypeThrough(),
        path="a.py",
        work=Work(),
    )
    prompt = engine.generations[0].request.prompt
    assert isinstance(prompt, FimPrompt)
    return prompt


async def test_a_short_document_is_given_whole() -> None:
    text = "a = 1\nb = 2\n"
    prompt = await prompt_at(text, 6)
    assert (prompt.prefix, prompt.suffix) == ("a = 1\n", "\nb = 2\n")


@pytest.mark.parametrize("line", [0, 100, 9_000, 15_000, 25_000, 29_999, 30_000])
async def test_of_a_long_document_the_engine_uses_what_it_would_of_the_whole(line: int) -> None:
    offset = sum(len(part) for part in LONG.splitlines(keepends=True)[:line])
    prompt = await prompt_at(LONG, offset)
    assert len(prompt.prefix) + len(prompt.suffix) < 400_000
    assert LONG[:offset].endswith(prompt.prefix)

    def tokens(text: str) -> list[int]:
        return [0] * (len(text) // 3)

    for budget in (500, 2048, 8000):
        assert windows(prompt.prefix, prompt.suffix, budget, tokens) == windows(
            LONG[:offset], "\n" + LONG[offset:], budget, tokens
        )


@pytest.mark.parametrize("eol", ["\r\n", "\r"])
async def test_a_model_is_given_newlines_whatever_the_document_has(eol: str) -> None:
    text = f"a = 1{eol}b = 2{eol}"
    prompt = await prompt_at(text, len(f"a = 1{eol}"))
    assert (prompt.prefix, prompt.suffix) == ("a = 1\n", "\nb = 2\n")
