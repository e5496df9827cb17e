"""Requests that decode at once and share calls get the bits that each of them gets alone.

Suggestions, actions and conversations are asked for at once, in random mixes, and some of them
cancelled; another engine answers each alone, from its prompt's start and without drafts. So that
they do share, what rows cost is not measured. `SOTTO_IDENTITY_CASES=1000` asks for more mixes.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from inference import (
    Engine,
    EngineConfig,
    FimPrompt,
    GenerationRequest,
    GenerationResult,
    Grammar,
    Priority,
    SamplingParams,
    SpeculationMode,
    TextPrompt,
)
from tests.e2e.test_identity import SOURCES, answer, shaped
from tests.support.editing import Editing
from tests.support.fixed_costs import load_with_cheap_rows

pytestmark = pytest.mark.e2e

N_MIXES = int(os.environ.get("SOTTO_IDENTITY_CASES", "25"))
LETTERS = Grammar(rules='root ::= [a-z ]+ ("\\n" [a-z ]+)*')

FAMILIES: dict[str, Callable[[Path], EngineConfig]] = {
    "built-in": lambda _folder: EngineConfig(),
    "qwen2 q8_0": shaped("qwen2.5-coder-1.5b", "q8_0"),
    "qwen2 f16": shaped("qwen2.5-coder-1.5b", "f16"),
    # In eights, as their output or all of them are K-quants.
    "qwen2 q4_0": shaped("qwen2.5-coder-1.5b", "q4_0"),
    "qwen2 q4_k_m": shaped("qwen2.5-coder-1.5b", "q4_k_m"),
    "experts q4_0": shaped("qwen3moe-1.4b-a0.4b", "q4_0"),
    "sliding window q8_0": shaped("gemma3-1b", "q8_0"),
}


def asked(chance: random.Random) -> GenerationRequest:
    editing = Editing.of(chance.choice(SOURCES).read_text("utf-8"), chance)
    priority = chance.choice((Priority.INLINE, Priority.ACTION, Priority.CHAT, Priority.CHAT))
    sampling = SamplingParams(
        max_tokens=chance.choice((2, 8, 24, 60)),
        temperature=chance.choice((0.0, 0.0, 0.0, 0.9)),
        seed=chance.randrange(1000),
    )
    if priority is Priority.INLINE:
        prompt = FimPrompt(prefix=editing.prefix, suffix=editing.suffix)
        return GenerationRequest(
            prompt=prompt,
            sampling=sampling,
            sequence_hint=f"document {chance.randrange(3)}",
            shown_text=editing.suffix[:40] if chance.random() < 0.3 else "",
        )
    is_edit = priority is Priority.ACTION and chance.random() < 0.5
    return GenerationRequest(
        prompt=TextPrompt(text=editing.text[: chance.choice((20, 300))]),
        sampling=sampling,
        priority=priority,
        sequence_hint=f"conversation {chance.randrange(2)}",
        old_text=editing.text[100:300] if is_edit else "",
        grammar=LETTERS if chance.random() < 0.15 else None,
    )


async def result(
    engine: Engine, request: GenerationRequest, within_s: float, chance: random.Random
) -> GenerationResult | None:
    """Submitted at some moment; None if it is cancelled at another."""
    await asyncio.sleep(chance.random() * within_s)
    generation = engine.submit(request)
    if chance.random() < 0.2:
        await asyncio.sleep(chance.random() * 0.03)
        generation.cancel(finish_prompt=chance.random() < 0.3)
        await generation.result()
        return None
    return await generation.result()


@dataclass
class Compared:
    n_answers: int = 0
    n_shared_steps: int = 0
    n_with_drafts: int = 0
    """Answers that shared steps and had drafts that were right."""


async def compare(
    config: EngineConfig, ask: Callable[[random.Random], GenerationRequest], chance: random.Random
) -> Compared:
    """Answers that shared with those of an engine that has nothing else to do."""
    found = Compared()
    bare = msgspec.structs.replace(
        config,
        use_prefix_cache=False,
        speculate=SpeculationMode.NEVER,
        adapt_threads=False,
        share_decodes=False,
    )
    load = load_with_cheap_rows
    async with Engine(config, load=load) as sharing, Engine(bare, load=load) as plain:
        for n in range(N_MIXES):
            requests = [ask(chance) for _ in range(chance.randint(2, 6))]
            within_s = chance.choice((0.0, 0.02))
            results = await asyncio.gather(
                *(result(sharing, each, within_s, chance) for each in requests)
            )
            for request, one in zip(requests, results, strict=True):
                if one is None:
                    continue
                other = await plain.submit(request).result()
                assert answer(one) == answer(other), f"mix {n}: {request}"
                assert other.usage.n_shared_steps == 0
                usage = one.usage
                found.n_answers += 1
                found.n_shared_steps += usage.n_shared_steps
                found.n_with_drafts += usage.n_shared_steps > 0 < usage.n_accepted_tokens
    assert found.n_answers > N_MIXES
    return found


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", FAMILIES)
async def test_each_gets_what_it_gets_alone(name: str, tmp_path: Path) -> None:
    config = msgspec.structs.replace(FAMILIES[name](tmp_path), n_threads=1)
    found = await compare(config, asked, random.Random(name))
    assert found.n_shared_steps > N_MIXES, "the test would show nothing"
    assert found.n_with_drafts > 0, "the test would show nothing"


def edit(chance: random.Random) -> GenerationRequest:
    request = asked(chance)
    while isinstance(request.prompt, FimPrompt):
        request = asked(chance)
    return msgspec.structs.replace(
        request, old_text="    return value\n" * 6, priority=Priority.ACTION
    )


async def test_edits_share_whatever_the_matrices_are(tmp_path: Path) -> None:
    """With K-quants too, in eights; the engine's defaults are exact in this."""
    config = msgspec.structs.replace(
        shaped("qwen2.5-coder-1.5b", "q4_k_m")(tmp_path),
        exact_reuse=False,
        use_prefix_cache=False,
        n_threads=1,
    )
    found = await compare(config, edit, random.Random(1))
    assert found.n_shared_steps > N_MIXES, "the test would show nothing"
