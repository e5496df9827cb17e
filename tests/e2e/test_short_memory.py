"""Where memory is short, less is asked of it, step by step, and each step is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference import (
    Engine,
    EngineConfig,
    FimPrompt,
    GenerationRequest,
    InvalidModelError,
    ModelTooLargeError,
    SamplingParams,
    estimate_memory,
    inspect_model,
)
from inference.backends import llama_bindings
from inference.backends import llama_cpp as module
from inference.backends.base import Span
from inference.backends.llama_cpp import LlamaCppBackend
from inference.errors import BackendError
from inference.loading import load_checked
from tests.support.gguf_files import tiny_model

pytestmark = pytest.mark.e2e
Refuse = Callable[[Any], bool]


def load(n_ctx: int | None = None) -> LlamaCppBackend:
    return LlamaCppBackend(inspect_model(), EngineConfig(n_ctx=n_ctx), 1)


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[Refuse], list[Any]]:
    """A runtime that cannot allocate contexts of certain parameters; returns those asked for."""

    def put(is_too_much: Refuse) -> list[Any]:
        make = module.api.llama_init_from_model
        asked: list[Any] = []

        def make_or_fail(model: Any, parameters: Any) -> Any:
            asked.append((parameters.n_ctx, parameters.n_batch))
            return None if is_too_much(parameters) else make(model, parameters)

        monkeypatch.setattr(module.api, "llama_init_from_model", make_or_fail)
        return asked

    return put


def test_with_enough_memory_nothing_is_said() -> None:
    loaded = load(n_ctx=1024)
    assert (loaded.n_ctx, loaded.notices) == (1024, [])
    loaded.close()


def test_the_context_gets_shorter_first(refuse: Callable[[Refuse], list[Any]]) -> None:
    refuse(lambda parameters: parameters.n_ctx > 2048)
    loaded = load()
    assert loaded.n_ctx * loaded.n_sequences <= 2048
    assert loaded.rows.maximum == 128
    (notice,) = loaded.notices
    assert notice.endswith(f"it is {loaded.n_ctx} tokens long.")
    loaded.close()


def test_then_the_steps_get_smaller(refuse: Callable[[Refuse], list[Any]]) -> None:
    asked = refuse(lambda parameters: parameters.n_batch > 16)
    loaded = load()
    assert loaded.rows.maximum == 16
    assert "evaluated in smaller steps" in loaded.notices[0]
    sizes = [n_ctx for n_ctx, _ in asked]
    assert sizes == sorted(sizes, reverse=True)
    tokens = loaded.vocabulary.tokenize("def f(x):\n    return x\n" * 3)[:16]
    assert loaded.evaluate([Span(0, 0, tokens, n_logits=1)]).completed
    with pytest.raises(BackendError, match="at most 16"):
        loaded.evaluate([Span(0, 16, [*tokens, 1])])
    loaded.close()


async def test_smaller_steps_change_no_text(refuse: Callable[[Refuse], list[Any]]) -> None:
    prompt = FimPrompt(prefix="def add(a, b):\n    return a + b\n\n\ndef sub", suffix="\n")
    request = GenerationRequest(prompt=prompt, sampling=SamplingParams(max_tokens=12))
    async with Engine(EngineConfig(n_ctx=512)) as engine:
        usual = await engine.submit(request).result()
        assert engine.status().notice is None
    refuse(lambda parameters: parameters.n_batch > 16)
    async with Engine(EngineConfig(n_ctx=512)) as engine:
        short = await engine.submit(request).result()
        notice = engine.status().notice
    assert notice is not None
    assert "smaller steps" in notice
    assert (short.token_ids, short.logprobs) == (usual.token_ids, usual.logprobs)


def test_in_the_end_it_is_said_what_to_do(refuse: Callable[[Refuse], list[Any]]) -> None:
    refuse(lambda _parameters: True)
    with pytest.raises(ModelTooLargeError, match="Choose a smaller model"):
        load()


def test_a_longer_context_than_fits_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    available = int(estimate_memory(inspect_model(), 1024) / 0.9) + 10
    monkeypatch.setattr(module, "available_memory", lambda: available)
    loaded = load(n_ctx=2048)
    assert loaded.n_ctx < 2048
    assert any(str(loaded.n_ctx) in notice for notice in loaded.notices)
    loaded.close()


def fail_to_load(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    def refuse_all(_path: Any, _parameters: Any) -> None:
        for line in lines:
            llama_bindings.log_sink.write(4, line.encode() + b"\n")

    monkeypatch.setattr(module.api, "llama_model_load_from_file", refuse_all)


def test_a_model_for_which_there_is_no_memory_is_no_damaged_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_to_load(
        monkeypatch,
        "alloc_tensor_range: failed to allocate CPU buffer of size 4000000",
        "llama_model_load: error loading model: unable to allocate CPU buffer",
        "llama_model_load_from_file_impl: failed to load model",
    )
    with pytest.raises(ModelTooLargeError, match="unable to allocate CPU buffer"):
        load()


def test_a_damaged_model_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_to_load(
        monkeypatch,
        "llama_model_load: error loading model: missing tensor 'x'",
        "llama_model_load_from_file_impl: failed to load model",
    )
    with pytest.raises(InvalidModelError, match="missing tensor"):
        load()
    fail_to_load(monkeypatch)
    with pytest.raises(InvalidModelError, match="no reason"):
        load()


def test_what_a_gpu_has_no_memory_for_runs_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch, refuse: Callable[[Refuse], list[Any]], tmp_path: Path
) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny_model(seed=1).to_bytes())
    monkeypatch.setattr(module, "has_gpu", lambda: True)
    monkeypatch.setattr(llama_bindings, "has_gpu", lambda: True)
    disabled = module.api.LLAMA_FLASH_ATTN_TYPE_DISABLED
    # On a GPU flash attention is left on.
    refuse(lambda parameters: parameters.flash_attn_type != disabled)
    loaded = load_checked(inspect_model(path), EngineConfig(), lambda _progress: True)
    assert loaded.backend.name == "llama.cpp on CPU"
    assert loaded.notice is not None
    assert "It runs on the CPU." in loaded.notice
    loaded.backend.close()
    refuse(lambda _parameters: True)
    with pytest.raises(ModelTooLargeError):
        load_checked(inspect_model(path), EngineConfig(), lambda _progress: True)
