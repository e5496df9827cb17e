"""With everything that makes an engine fast the text is the same as with none of it.

One engine reuses, copies, cuts and restores prompts, evaluates ahead and speculates; the other
evaluates every prompt from its start, one token after the other. Both get the same requests, of all
priorities, greedy and sampled, and the first one is also given some that are cancelled.
`SOTTO_IDENTITY_CASES=1000` asks for more than the usual number of each.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bench.shape_plans import SHAPES
from bench.shapes import write
from inference import (
    Engine,
    EngineConfig,
    FimPrompt,
    GenerationRequest,
    GenerationResult,
    Priority,
    PromptOrder,
    SamplingParams,
    SpeculationMode,
    TokenPrompt,
)
from inference.engine import Loader
from tests.support.editing import Editing
from tests.support.fixed_costs import load_with_cheap_rows, load_with_dear_rows
from tests.support.oracle_models import write_dense, write_head, write_hybrid
from tests.support.tiny_heads import tiny_eagle3, tiny_mtp, tiny_target
from tests.support.tiny_hybrid import tiny_hybrid
from tests.support.tiny_shapes import tiny, tiny_vocabulary

pytestmark = pytest.mark.e2e

SOURCES = sorted((Path(__file__).parents[2] / "inference").glob("*.py"))
N_CASES = int(os.environ.get("SOTTO_IDENTITY_CASES", "40"))


def shaped(name: str, quantization: str) -> Callable[[Path], EngineConfig]:
    def make(folder: Path) -> EngineConfig:
        write(folder / "model.gguf", tiny(SHAPES[name]), quantization, tiny_vocabulary())
        # A Q4_0 file's output is Q6_K.
        exact = quantization in {"q4_0", "q4_k_m"}
        return EngineConfig(model_path=folder / "model.gguf", exact_reuse=exact)

    return make


def hybrid(folder: Path) -> EngineConfig:
    (folder / "model.gguf").write_bytes(tiny_hybrid().to_bytes())
    return EngineConfig(model_path=folder / "model.gguf")


def mtp(folder: Path) -> EngineConfig:
    (folder / "model.gguf").write_bytes(tiny_mtp().to_bytes())
    return EngineConfig(model_path=folder / "model.gguf")


def draft_model(folder: Path) -> EngineConfig:
    (folder / "model.gguf").write_bytes(tiny_target(2).to_bytes())
    (folder / "draft.gguf").write_bytes(tiny_target(1, seed=2).to_bytes())
    return EngineConfig(model_path=folder / "model.gguf", draft_model_path=folder / "draft.gguf")


def eagle3(folder: Path) -> EngineConfig:
    (folder / "model.gguf").write_bytes(tiny_target().to_bytes())
    (folder / "head.gguf").write_bytes(tiny_eagle3(own_embedding=True).to_bytes())
    return EngineConfig(model_path=folder / "model.gguf", draft_model_path=folder / "head.gguf")


def counting_mtp(folder: Path) -> EngineConfig:
    return EngineConfig(model_path=write_hybrid(folder / "model.gguf", noise=0.3))


def counting_eagle3(folder: Path) -> EngineConfig:
    model = write_dense(folder / "model.gguf")
    head = write_head(folder / "head.gguf", noise=0.3)
    return EngineConfig(model_path=model, draft_model_path=head)


FAMILIES: dict[str, Callable[[Path], EngineConfig]] = {
    "built-in": lambda _folder: EngineConfig(),
    "built-in, anchored": lambda _folder: EngineConfig(prompt_order=PromptOrder.PSM_ANCHORED),
    "qwen2 q4_0": shaped("qwen2.5-coder-0.5b", "q4_0"),
    "qwen2 q8_0": shaped("qwen2.5-coder-1.5b", "q8_0"),
    "qwen2 q4_k_m": shaped("qwen2.5-coder-1.5b", "q4_k_m"),
    "experts q4_0": shaped("qwen3moe-1.4b-a0.4b", "q4_0"),
    "sliding window q8_0": shaped("gemma3-1b", "q8_0"),
    "hybrid": hybrid,
    "hybrid with mtp": mtp,
    "draft model": draft_model,
    "eagle-3": eagle3,
    "counting hybrid with mtp": counting_mtp,
    "counting with eagle-3": counting_eagle3,
}


def case(editing: Editing, n: int, chance: random.Random) -> GenerationRequest:
    """Mostly a keystroke in one of three documents; else an edit or a conversation's turn."""
    sampling = SamplingParams(
        max_tokens=chance.choice((1, 4, 8, 24)),
        temperature=chance.choice((0.0, 0.0, 0.0, 0.9)),
        seed=chance.randrange(1000),
    )
    kind = chance.random()
    if kind < 0.15:
        return GenerationRequest(
            prompt=TokenPrompt(tokens=tuple(editing.text.encode()[:200])),
            sampling=sampling,
            priority=Priority.ACTION,
            sequence_hint="tokens",
            old_text=editing.text[100:300],
        )
    is_edit = kind < 0.4
    return GenerationRequest(
        prompt=FimPrompt(prefix=editing.prefix, suffix=editing.suffix),
        sampling=sampling,
        priority=Priority.ACTION if is_edit else Priority.INLINE,
        sequence_hint=f"document {n % 3}",
        old_text=editing.suffix[:200] if is_edit else "",
        shown_text=editing.suffix[:40] if chance.random() < 0.3 else "",
    )


def answer(result: GenerationResult) -> tuple[object, ...]:
    return result.text, result.token_ids, result.logprobs, result.finish_reason


async def disturb(engine: Engine, editing: Editing, chance: random.Random) -> None:
    """A request that is cancelled at some moment, in prefill or later."""
    request = GenerationRequest(
        prompt=FimPrompt(prefix=editing.prefix[:-1], suffix=editing.suffix),
        sampling=SamplingParams(max_tokens=32),
        priority=chance.choice((Priority.INLINE, Priority.CHAT)),
        sequence_hint="cancelled",
    )
    generation = engine.submit(request)
    await asyncio.sleep(chance.random() * 0.01)
    generation.cancel()
    await generation.result()


async def anticipate(engine: Engine, wanted: GenerationRequest, chance: random.Random) -> None:
    """The same prompt for another answer, or its beginning: what is known of it is used then."""
    others = wanted.sampling if chance.random() < 0.5 else SamplingParams()
    sampling = msgspec.structs.replace(others, max_tokens=chance.choice((0, 1, 32)))
    generation = engine.submit(msgspec.structs.replace(wanted, sampling=sampling))
    n_wanted = chance.randrange(8)
    async for _ in generation:
        n_wanted -= 1
        if n_wanted <= 0:
            break
    generation.cancel()
    await generation.result()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("load", [load_with_cheap_rows, load_with_dear_rows])
@pytest.mark.parametrize("name", FAMILIES)
async def test_what_makes_it_fast_changes_no_text(name: str, load: Loader, tmp_path: Path) -> None:
    """Whether all requests speculate, or edits alone."""
    chance = random.Random(name)
    config = msgspec.structs.replace(FAMILIES[name](tmp_path), n_threads=1)
    bare = msgspec.structs.replace(
        config, use_prefix_cache=False, speculate=SpeculationMode.NEVER, adapt_threads=False
    )
    editing = Editing.of(SOURCES[0].read_text("utf-8"), chance)
    n_reused = n_accepted = n_known = 0
    async with Engine(config, load=load) as fast, Engine(bare, load=load) as plain:
        for n in range(N_CASES):
            if n % 4 == 0:
                editing = Editing.of(chance.choice(SOURCES).read_text("utf-8"), chance)
            editing.edit()
            if chance.random() < 0.2:
                await disturb(fast, editing, chance)
            wanted = case(editing, n, chance)
            if chance.random() < 0.5:
                await anticipate(fast, wanted, chance)
            one, other = await asyncio.gather(
                fast.submit(wanted).result(), plain.submit(wanted).result()
            )
            assert answer(one) == answer(other), f"case {n}: {wanted}"
            n_reused += one.usage.n_reused_tokens > 0
            n_accepted += one.usage.n_accepted_tokens
            n_known += one.usage.n_known_tokens
            assert other.usage.n_reused_tokens == other.usage.n_drafted_tokens == 0
    assert n_reused > N_CASES / 4, "the test would show nothing"
    assert n_accepted > 0, "the test would show nothing"
    assert n_known > 0 or "hybrid" in name, "the test would show nothing"


@pytest.mark.parametrize("quantization", ["q4_0", "q4_k_m"])
async def test_an_edit_is_the_same_with_drafts_whatever_the_matrices_are(
    quantization: str, tmp_path: Path
) -> None:
    """The engine's defaults are not exact in all they do with K-quants, but in this."""
    chance = random.Random(quantization)
    config = msgspec.structs.replace(
        shaped("qwen2.5-coder-1.5b", quantization)(tmp_path),
        exact_reuse=False,
        use_prefix_cache=False,
        n_threads=1,
    )
    off = msgspec.structs.replace(config, speculate=SpeculationMode.NEVER)
    n_accepted = 0
    load = load_with_cheap_rows
    async with Engine(config, load=load) as drafting, Engine(off, load=load) as plain:
        for n in range(N_CASES // 2):
            editing = Editing.of(chance.choice(SOURCES).read_text("utf-8"), chance)
            wanted = msgspec.structs.replace(case(editing, n, chance), old_text=editing.text[:200])
            one, other = await asyncio.gather(
                drafting.submit(wanted).result(), plain.submit(wanted).result()
            )
            assert answer(one) == answer(other), f"case {n}: {wanted}"
            n_accepted += one.usage.n_accepted_tokens
    assert n_accepted > 0, "the test would show nothing"
