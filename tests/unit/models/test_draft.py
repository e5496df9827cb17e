"""What is known of a file that is to draft for a model, before anything is loaded."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from inference import EngineConfig, InvalidModelError, UnsupportedModelError, inspect_model
from inference.errors import ModelNotFoundError
from inference.models.draft import Draft, find_draft
from inference.models.gguf_format import ValueType
from inference.models.memory import estimate_memory
from inference.models.refusals import printable
from inference.models.summary import ModelSummary
from tests.support.gguf_files import (
    FIM_TEXTS,
    Gguf,
    Tensor,
    byte_vocabulary,
    numbers,
    texts,
    tiny_model,
    u32,
)
from tests.support.tiny_heads import I64, tiny_eagle3, tiny_mtp, tiny_target
from tests.support.tiny_hybrid import tiny_hybrid


@pytest.fixture
def found(tmp_path: Path) -> Callable[[Gguf, Gguf], Draft | None]:
    def find(target: Gguf, draft: Gguf) -> Draft | None:
        path = tmp_path / "draft.gguf"
        path.write_bytes(draft.to_bytes())
        config = EngineConfig(draft_model_path=path)
        return find_draft(inspected(target, tmp_path), config)

    return find


def inspected(gguf: Gguf, folder: Path) -> ModelSummary:
    path = folder / "target.gguf"
    path.write_bytes(gguf.to_bytes())
    return inspect_model(path)


def without(gguf: Gguf, *names: str) -> Gguf:
    return replace(gguf, tensors=tuple(t for t in gguf.tensors if t.name not in names))


def test_without_a_file_and_without_layers_for_it_nothing_drafts(tmp_path: Path) -> None:
    assert find_draft(inspected(tiny_target(), tmp_path), EngineConfig()) is None
    assert find_draft(inspected(tiny_hybrid(), tmp_path), EngineConfig()) is None


def test_layers_for_it_in_the_models_own_file_draft_unless_forbidden(tmp_path: Path) -> None:
    target = inspected(tiny_mtp(), tmp_path)
    draft = find_draft(target, EngineConfig())
    assert draft is not None
    assert (draft.kind, draft.path) == ("mtp", None)
    # One layer's keys and values in two bytes each, and a state of 64 numbers in four.
    assert draft.bytes_per_token == 2 * 32 * 2 + 64 * 4
    assert find_draft(target, EngineConfig(use_draft_heads=False)) is None


def test_two_layers_for_it_are_more_than_the_runtime_can_use(tmp_path: Path) -> None:
    target = inspected(tiny_mtp().having(qwen35__nextn_predict_layers=u32(2)), tmp_path)
    assert find_draft(target, EngineConfig()) is None


def test_a_smaller_model_drafts(found: Callable[[Gguf, Gguf], Draft | None]) -> None:
    draft = found(tiny_model("qwen2", n_layers=2), tiny_model("qwen3"))
    assert draft is not None
    assert draft.kind == "draft-model"
    assert draft.target_layers == ()
    assert draft.path is not None


def test_what_drafts_is_counted(
    found: Callable[[Gguf, Gguf], Draft | None], tmp_path: Path
) -> None:
    draft = found(tiny_target(), tiny_eagle3())
    assert draft is not None
    assert draft.summary is not None
    target = inspected(tiny_target(), tmp_path)
    n_ctx = target.n_ctx_train
    more = estimate_memory(draft.added_to(target), n_ctx) - estimate_memory(target, n_ctx)
    assert more == draft.summary.size_bytes + n_ctx * draft.bytes_per_token


def test_an_eagle3_head_says_which_layers_it_sees(
    found: Callable[[Gguf, Gguf], Draft | None],
) -> None:
    draft = found(tiny_target(4), tiny_eagle3(layers=(0, 2, 3)))
    assert draft is not None
    assert (draft.kind, draft.target_layers) == ("eagle-3", (0, 2, 3))


def test_a_head_alone_is_still_no_model(tmp_path: Path) -> None:
    path = tmp_path / "head.gguf"
    path.write_bytes(tiny_eagle3().to_bytes())
    with pytest.raises(UnsupportedModelError, match="draft head for another model"):
        inspect_model(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    config = EngineConfig(draft_model_path=tmp_path / "absent.gguf")
    with pytest.raises(ModelNotFoundError, match=r"absent\.gguf"):
        find_draft(inspected(tiny_target(), tmp_path), config)


def _with_table(gguf: Gguf, tokens: list[int], *, kind: int = I64) -> Gguf:
    """The head knows these tokens only."""
    rows = len(tokens)
    tensors = [t for t in gguf.tensors if t.name != "output.weight"]
    tensors += [Tensor("output.weight", (32, rows)), Tensor("d2t", (rows,), kind)]
    table = struct.pack(f"<{rows}q", *tokens)
    contents = (("d2t", table),) if kind == I64 else ()
    return replace(gguf, tensors=tuple(tensors), contents=contents)


def test_a_table_of_tokens_is_read(found: Callable[[Gguf, Gguf], Draft | None]) -> None:
    assert found(tiny_target(), _with_table(tiny_eagle3(), [4, 259, 0]))


HEAD = tiny_eagle3()
BAD = {
    "a target that shows nothing": (tiny_model("qwen2", n_layers=3), HEAD, "'qwen2'.*layers"),
    "two layers": (tiny_target(), HEAD.having(eagle3__block_count=u32(2)), "2 layers"),
    "unequal heads": (
        tiny_target(),
        HEAD.having(eagle3__attention__value_length=u32(8)),
        "heads of 16 and 8",
    ),
    "another vocabulary": (
        tiny_target(),
        HEAD.having(
            tokenizer__ggml__tokens=texts([*byte_vocabulary(), *FIM_TEXTS, "more"]),
            tokenizer__ggml__token_type=numbers(ValueType.INT32, [1] * 261),
        ),
        "expects 261 tokens.*has 260",
    ),
    "another width": (
        tiny_target(),
        HEAD.having(eagle3__target_hidden_size=u32(64)),
        "expects 64 values",
    ),
    "two layers seen": (tiny_target(), tiny_eagle3(layers=(0, 1)), "2 numbers"),
    "no layers seen": (tiny_target(), HEAD.having(eagle3__target_layers=None), "0 numbers"),
    "a layer too deep": (tiny_target(), tiny_eagle3(layers=(0, 1, 3)), "0, 1, 3 of a model.*3"),
    "a layer below none": (tiny_target(), tiny_eagle3(layers=(-1, 1, 2)), "-1, 1, 2"),
    "a table without an output": (
        tiny_target(),
        without(_with_table(HEAD, [1]), "output.weight"),
        "an output of its own",
    ),
    "a table of another type": (tiny_target(), _with_table(HEAD, [1, 2], kind=26), "I32 data"),
    "a table longer than the output": (
        tiny_target(),
        replace(HEAD, tensors=(*HEAD.tensors, Tensor("d2t", (5,), I64))),
        "one for each of 260",
    ),
    "a token beyond": (tiny_target(), _with_table(HEAD, [1, 260]), "0 to 259"),
    "a token below": (tiny_target(), _with_table(HEAD, [-1, 2]), "0 to 259"),
    "too few embeddings": (
        tiny_target(),
        replace(HEAD, tensors=(*HEAD.tensors, Tensor("token_embd.weight", (32, 100)))),
        "100 rows",
    ),
    "borrowed embeddings of another width": (
        tiny_target(),
        HEAD.having(eagle3__embedding_length=u32(48)),
        "expects 48 values in a row",
    ),
    "a recurrent draft model": (tiny_target(), tiny_hybrid(), "cannot be cut"),
    "a draft model of another family": (
        tiny_target(),
        tiny_target().having(
            tokenizer__ggml__tokens=texts([str(n) for n in range(900)]),
            tokenizer__ggml__token_type=numbers(ValueType.INT32, [1] * 900),
        ),
        "900 tokens.*260",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_would_end_the_process_is_refused_with_a_reason(
    name: str, found: Callable[[Gguf, Gguf], Draft | None], tmp_path: Path
) -> None:
    target, head, reason = BAD[name]
    with pytest.raises((InvalidModelError, UnsupportedModelError)) as caught:
        found(target, head)
    message = str(caught.value)
    assert re.search(reason, message), message
    assert printable(tmp_path / "draft.gguf") in message
    assert message.endswith(".")
