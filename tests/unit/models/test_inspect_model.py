from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from inference.errors import InvalidModelError, ModelNotFoundError, UnsupportedModelError
from inference.models.builtin_model import builtin_model_path
from inference.models.gguf_format import ValueType
from inference.models.summary import FimTokens, ModelSummary, inspect_model
from tests.support.gguf_files import (
    Gguf,
    Tensor,
    Value,
    byte_vocabulary,
    f32,
    flag,
    numbers,
    scalar,
    text,
    texts,
    tiny_model,
    u32,
)
from tests.support.tiny_models import tiny_models

Inspect = Callable[[Gguf], ModelSummary]


@pytest.fixture
def inspect(tmp_path: Path) -> Inspect:
    def inspect_file(gguf: Gguf) -> ModelSummary:
        path = tmp_path / "some-coder-q4.gguf"
        path.write_bytes(gguf.to_bytes())
        return inspect_model(path)

    return inspect_file


def vocabulary(gguf: Gguf, *extra: str) -> Gguf:
    """With these tokens instead of the tiny model's special ones, and no ids in the metadata."""
    tokens = [*byte_vocabulary(), *extra]
    kept = tuple((k, v) for k, v in gguf.metadata if not str(k).startswith("tokenizer.ggml.fim"))
    tensors = tuple(
        replace(t, shape=(t.shape[0], len(tokens))) if t.name == "token_embd.weight" else t
        for t in gguf.tensors
    )
    return replace(gguf, metadata=kept, tensors=tensors).having(
        tokenizer__ggml__tokens=texts(tokens),
        tokenizer__ggml__token_type=numbers(ValueType.INT32, [1] * len(tokens)),
    )


def rearranged(gguf: Gguf, arch: str) -> Gguf:
    """The same file under another architecture's name."""
    old = next(v for k, v in gguf.metadata if k == "general.architecture").data[8:].decode()
    renamed = [(str(k).replace(f"{old}.", f"{arch}."), v) for k, v in gguf.metadata]
    return replace(gguf, metadata=tuple(renamed)).having(general__architecture=text(arch))


def test_the_builtin_model_is_what_its_card_says() -> None:
    summary = inspect_model()
    assert summary == inspect_model(builtin_model_path())
    assert summary.path.is_absolute()
    assert (summary.name, summary.arch, summary.family) == ("tiny-fim-6.8m", "qwen3", "built-in")
    assert summary.is_builtin
    assert (summary.n_params, summary.quantization) == (6_819_840, "Q8_0")
    assert (summary.n_ctx_train, summary.n_vocab) == (2048, 8192)
    assert (summary.n_layers, summary.n_embd, summary.max_heads) == (6, 256, 4)
    assert summary.kv_bytes_per_token == 6 * 2 * (64 + 64) * 2
    assert summary.size_bytes == builtin_model_path().stat().st_size
    assert summary.fim == FimTokens(
        prefix=8186,
        suffix=8188,
        middle=8187,
        pad=8189,
        repository=8190,
        separator=8191,
        source="metadata",
    )
    assert not summary.has_chat_template


def test_any_other_file_is_not_the_builtin_model(tmp_path: Path) -> None:
    copy = tmp_path / builtin_model_path().name
    copy.write_bytes(builtin_model_path().read_bytes())
    summary = inspect_model(copy)
    assert summary.family == "built-in"
    assert not summary.is_builtin


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.gguf").write_bytes(tiny_model().to_bytes())
    monkeypatch.chdir(tmp_path)
    assert inspect_model(Path("m.gguf")).path == tmp_path / "m.gguf"


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        inspect_model(tmp_path / "m.gguf")


def test_counts_parameters_and_names_the_quantization(inspect: Inspect) -> None:
    summary = inspect(tiny_model())
    assert summary.n_params == sum(
        t.n_bytes // 4 for t in tiny_model().tensors if t.type_number == 0
    )
    assert summary.quantization == "F32"
    assert inspect(tiny_model().having(general__file_type=u32(15))).quantization == "Q4_K_M"
    assert inspect(tiny_model().having(general__file_type=u32(1024 + 7))).quantization == "Q8_0"


def test_quantization_without_a_file_type_is_that_of_most_bytes(inspect: Inspect) -> None:
    tensors = tuple(
        replace(t, type_number=2) if t.name == "token_embd.weight" else t
        for t in tiny_model().tensors
    )
    gguf = replace(tiny_model(), tensors=tensors).having(general__file_type=None)
    assert inspect(gguf).quantization == "F32"
    tensors = tuple(replace(t, type_number=8) if len(t.shape) > 1 else t for t in tensors)
    assert inspect(replace(gguf, tensors=tensors)).quantization == "Q8_0"


def test_names_come_from_the_metadata_and_are_made_printable(inspect: Inspect) -> None:
    assert inspect(tiny_model()).name == "crafted"
    assert inspect(tiny_model().having(general__name=text("a\x1b[31mb\n"))).name == "a[31mb"
    assert len(inspect(tiny_model().having(general__name=text("x" * 500))).name) == 80
    assert inspect(tiny_model().having(general__name=None)).name == "some-coder-q4"


def test_chat_template(inspect: Inspect) -> None:
    assert not inspect(tiny_model()).has_chat_template
    long = text("{% for m in messages %}" * 5_000)
    assert inspect(tiny_model().having(tokenizer__chat_template=long)).has_chat_template


# Fill-in-the-middle tokens and families.


def test_the_older_metadata_keys_count_too(inspect: Inspect) -> None:
    gguf = vocabulary(tiny_model(), "<a>", "<b>", "<c>").having(
        tokenizer__ggml__prefix_token_id=u32(256),
        tokenizer__ggml__suffix_token_id=u32(257),
        tokenizer__ggml__middle_token_id=u32(258),
    )
    fim = inspect(gguf).fim
    assert fim is not None
    assert (fim.prefix, fim.suffix, fim.middle, fim.source) == (256, 257, 258, "metadata")


def test_ids_outside_the_vocabulary_are_not_taken(inspect: Inspect) -> None:
    gguf = vocabulary(tiny_model(), "<x>").having(
        tokenizer__ggml__fim_pre_token_id=u32(5_000),
        tokenizer__ggml__fim_suf_token_id=u32(1),
        tokenizer__ggml__fim_mid_token_id=u32(2),
    )
    assert inspect(gguf).fim is None


def test_a_model_without_such_tokens(inspect: Inspect) -> None:
    summary = inspect(vocabulary(tiny_model()))
    assert summary.fim is None
    assert summary.family == "unknown"


@pytest.mark.parametrize(
    ("arch", "name", "tokens", "family", "order"),
    [
        (
            "qwen2",
            "Qwen2.5 Coder 1.5B",
            ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|file_sep|>"],
            "qwen2.5-coder",
            (256, 258, 257),
        ),
        (
            "qwen2",
            "Qwen2.5 1.5B",
            ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"],
            "unknown",
            (256, 258, 257),
        ),
        (
            "qwen3moe",
            "Qwen3 Coder 30B A3B Instruct",
            ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"],
            "qwen3-coder",
            (256, 258, 257),
        ),
        (
            "starcoder2",
            "model",
            ["<fim_prefix>", "<fim_middle>", "<fim_suffix>"],
            "starcoder2",
            (256, 258, 257),
        ),
        (
            "gemma",
            "CodeGemma 2b",
            ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"],
            "codegemma",
            (256, 258, 257),
        ),
        (
            "llama",
            "deepseek",
            ["<｜fim▁hole｜>", "<｜fim▁begin｜>", "<｜fim▁end｜>"],
            "deepseek-coder",
            (257, 256, 258),
        ),
        ("llama", "model", ["▁<PRE>", "▁<MID>", "▁<SUF>"], "codellama", (256, 258, 257)),
        (
            "llama",
            "Mellum 4b Base",
            ["<fim_prefix>", "<fim_middle>", "<fim_suffix>"],
            "mellum",
            (256, 258, 257),
        ),
        (
            "granite",
            "Granite 3.3 2b Base",
            ["<fim_prefix>", "<fim_middle>", "<fim_suffix>"],
            "granite",
            (256, 258, 257),
        ),
        (
            "llama",
            "Seed Coder 8B Base",
            ["<[fim-prefix]>", "<[fim-middle]>", "<[fim-suffix]>"],
            "seed-coder",
            (256, 258, 257),
        ),
        ("llama", "Codestral 22B v0.1", ["[PREFIX]", "[SUFFIX]"], "codestral", (256, 257, None)),
    ],
)
def test_families_and_their_tokens(
    inspect: Inspect,
    arch: str,
    name: str,
    tokens: list[str],
    family: str,
    order: tuple[int, int, int | None],
) -> None:
    gguf = rearranged(vocabulary(tiny_model(), *tokens), arch).having(general__name=text(name))
    if arch == "qwen3moe":
        gguf = gguf.having(qwen3moe__expert_count=u32(8), qwen3moe__expert_used_count=u32(2))
    summary = inspect(gguf)
    assert summary.family == family
    assert summary.fim is not None
    assert (summary.fim.prefix, summary.fim.suffix, summary.fim.middle) == order
    assert summary.fim.source == "token texts"


def test_the_base_models_name_counts_and_the_files_does_not(inspect: Inspect) -> None:
    tokens = ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"]
    gguf = rearranged(vocabulary(tiny_model(), *tokens), "qwen2").having(general__name=None)
    assert inspect(gguf).family == "unknown"
    base = gguf.having(general__base_model__0__name=None)
    base = replace(
        base, metadata=(*base.metadata, ("general.base_model.0.name", text("Qwen2.5-Coder")))
    )
    assert inspect(base).family == "qwen2.5-coder"


# What the program cannot use.


@pytest.mark.parametrize(
    ("arch", "expected"),
    [
        ("clip", "vision part"),
        ("nomic-bert", "embedding model"),
        ("t5", "encoder-decoder"),
        ("dream", "diffusion"),
        ("eagle3", "draft head"),
        ("wavtokenizer-dec", "speech"),
        ("gpt9", "'gpt9' is not known to this version; update Sotto"),
        ("x" * 500, "..."),
    ],
)
def test_architectures_that_write_no_text(inspect: Inspect, arch: str, expected: str) -> None:
    with pytest.raises(UnsupportedModelError, match="cannot be used") as caught:
        inspect(rearranged(tiny_model(), arch))
    assert expected in str(caught.value)
    assert len(str(caught.value)) < 600


def test_files_that_are_part_of_something_else(inspect: Inspect) -> None:
    cases = {
        "'adapter', not a whole model": tiny_model().having(general__type=text("adapter")),
        "'mmproj'": tiny_model().having(general__type=text("mmproj")),
        "a vocabulary but no weights": replace(tiny_model(), tensors=()),
        "an embedding model": tiny_model().having(qwen3__pooling_type=u32(3)),
        "it is an embedding model": tiny_model().having(qwen3__attention__causal=flag(False)),
        "a classifier": tiny_model().having(qwen3__classifier__output_labels=texts(["yes"])),
        "tokenizer is 'bert'": tiny_model().having(tokenizer__ggml__model=text("bert")),
        "tokenizer is 'none'": tiny_model().having(tokenizer__ggml__model=text("none")),
        "tokenizer is missing": tiny_model().having(tokenizer__ggml__model=None),
    }
    for expected, gguf in cases.items():
        with pytest.raises(UnsupportedModelError, match=expected):
            inspect(gguf)


# What the runtime would abort on.


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("general.architecture", None),
        ("general.architecture", u32(1)),
        ("qwen3.block_count", None),
        ("qwen3.block_count", u32(0)),
        ("qwen3.block_count", u32(513)),
        ("qwen3.block_count", scalar(ValueType.UINT64, 1)),
        ("qwen3.block_count", text("1")),
        ("qwen3.context_length", None),
        ("qwen3.context_length", u32(0)),
        ("qwen3.context_length", u32(2**32 - 1)),
        ("qwen3.embedding_length", u32(0)),
        ("qwen3.attention.head_count", u32(0)),
        ("qwen3.attention.head_count", None),
        ("qwen3.attention.head_count", u32(2**31)),
        ("qwen3.attention.head_count", u32(4)),
        ("qwen3.attention.head_count", numbers(ValueType.UINT32, [2, 2])),
        ("qwen3.attention.head_count", numbers(ValueType.FLOAT32, [2])),
        ("qwen3.attention.head_count", numbers(ValueType.INT32, [-2])),
        ("qwen3.attention.head_count_kv", u32(3)),
        ("qwen3.attention.key_length", u32(8)),
        ("qwen3.attention.value_length", u32(32)),
        ("qwen3.rope.dimension_count", u32(8)),
        ("qwen3.rope.scaling.type", text("unknown")),
        ("qwen3.rope.scaling.type", u32(1)),
        ("qwen3.attention.layer_norm_rms_epsilon", f32(-1)),
        ("qwen3.attention.layer_norm_rms_epsilon", f32(float("nan"))),
        ("qwen3.attention.layer_norm_rms_epsilon", u32(0)),
        ("qwen3.expert_count", u32(1025)),
        ("qwen3.expert_count", u32(8)),
        ("qwen3.expert_used_count", u32(1)),
        ("qwen3.expert_group_count", u32(1)),
        ("qwen3.nextn_predict_layers", u32(2)),
        ("tokenizer.ggml.tokens", None),
        ("tokenizer.ggml.tokens", texts([])),
        ("tokenizer.ggml.tokens", text("a")),
        ("tokenizer.ggml.tokens", numbers(ValueType.INT32, [1])),
        ("tokenizer.ggml.token_type", numbers(ValueType.INT32, [1] * 259)),
        ("tokenizer.ggml.token_type", numbers(ValueType.UINT8, [1] * 260)),
        ("tokenizer.ggml.scores", numbers(ValueType.FLOAT32, [1])),
        ("tokenizer.ggml.merges", numbers(ValueType.INT32, [1])),
        ("tokenizer.ggml.eos_token_id", texts(["a"])),
        ("tokenizer.ggml.eos_token_id", scalar(ValueType.INT32, 1)),
        ("tokenizer.ggml.model", text("llama")),
    ],
)
def test_metadata_the_runtime_would_abort_on(
    inspect: Inspect, key: str, value: Value | None
) -> None:
    with pytest.raises(InvalidModelError, match="expected"):
        inspect(tiny_model().having(**{key: value}))


def test_expert_groups(inspect: Inspect) -> None:
    def model(groups: int, used: int) -> Gguf:
        return tiny_model().having(
            qwen3__expert_count=u32(8),
            qwen3__expert_used_count=u32(2),
            qwen3__expert_group_count=u32(groups),
            qwen3__expert_group_used_count=u32(used),
        )

    inspect(model(0, 0))
    inspect(model(1, 0))
    inspect(model(4, 2))
    for groups, used in [(8, 1), (3, 1), (4, 0), (4, 4)]:
        with pytest.raises(InvalidModelError, match="expert_group"):
            inspect(model(groups, used))


@pytest.mark.parametrize(
    ("name", "type_number"),
    [
        ("token_embd.weight", 24),
        ("blk.0.ffn_up.weight", 28),
        ("blk.0.attn_q.weight", 9),
        ("blk.0.ffn_down.weight", 26),
        ("output_norm.weight", 1),
        ("blk.0.attn_q_norm.weight", 30),
    ],
)
def test_tensors_of_types_the_runtime_cannot_compute_with(
    inspect: Inspect, name: str, type_number: int
) -> None:
    tensors = tuple(
        replace(t, type_number=type_number) if t.name == name else t for t in tiny_model().tensors
    )
    with pytest.raises(InvalidModelError, match=name.replace(".", r"\.")):
        inspect(replace(tiny_model(), tensors=tensors))


def test_tables_may_be_integers(inspect: Inspect) -> None:
    table = Tensor("blk.0.ffn_gate_tid2eid.weight", (4, 4), 26)
    inspect(replace(tiny_model(), tensors=(*tiny_model().tensors, table)))


# Shapes that decide how much memory a context takes.


def test_cache_size_of_grouped_heads_layer_by_layer(inspect: Inspect) -> None:
    gguf = rearranged(tiny_model(n_layers=3), "gemma4").having(
        **{
            "gemma4.attention.head_count": numbers(ValueType.INT32, [4, 4, 4]),
            "gemma4.attention.head_count_kv": numbers(ValueType.INT32, [4, 4, 1]),
            "gemma4.attention.key_length": u32(16),
            "gemma4.attention.value_length": u32(16),
            "gemma4.attention.key_length_swa": u32(8),
            "gemma4.attention.value_length_swa": u32(8),
            "gemma4.attention.sliding_window": u32(512),
            "gemma4.attention.sliding_window_pattern": numbers(ValueType.BOOL, [1, 1, 0]),
        }
    )
    summary = inspect(gguf)
    assert summary.kv_bytes_per_token == (4 * 16 + 4 * 16 + 1 * 32) * 2
    assert summary.sliding_window == 512
    assert not summary.is_hybrid


def test_hybrid_models_keep_a_cache_in_some_layers_and_state_in_the_others(
    inspect: Inspect,
) -> None:
    gguf = rearranged(tiny_model(n_layers=4), "qwen35").having(
        **{
            "qwen35.ssm.conv_kernel": u32(4),
            "qwen35.ssm.inner_size": u32(64),
            "qwen35.ssm.state_size": u32(16),
            "qwen35.ssm.group_count": u32(2),
            "qwen35.full_attention_interval": u32(4),
            "qwen35.nextn_predict_layers": u32(1),
        }
    )
    summary = inspect(gguf)
    assert summary.is_hybrid
    assert summary.n_mtp_layers == 1
    assert summary.kv_bytes_per_token == 1 * (16 + 16) * 2
    assert summary.recurrent_bytes_per_sequence == 3 * (3 * (64 + 2 * 2 * 16) + 16 * 64) * 4


def test_recurrent_models_keep_no_cache(inspect: Inspect) -> None:
    gguf = rearranged(tiny_model(), "mamba").having(
        **{
            "mamba.attention.head_count": None,
            "mamba.attention.head_count_kv": None,
            "mamba.ssm.conv_kernel": u32(4),
            "mamba.ssm.inner_size": u32(64),
            "mamba.ssm.state_size": u32(16),
        }
    )
    summary = inspect(gguf)
    assert summary.is_recurrent
    assert summary.kv_bytes_per_token == 0
    assert summary.recurrent_bytes_per_sequence == (3 * 64 + 16 * 64) * 4


# Models in several files.


def parts(folder: Path, count: int = 3, stem: str = "m") -> list[Path]:
    whole = tiny_model()
    per_part = -(-len(whole.tensors) // count)
    paths: list[Path] = []
    for i in range(count):
        part = replace(whole, tensors=whole.tensors[i * per_part : (i + 1) * per_part])
        if i:
            part = replace(part, metadata=())
        part = part.having(
            split__no=scalar(ValueType.UINT16, i),
            split__count=scalar(ValueType.UINT16, count),
            split__tensors__count=scalar(ValueType.INT32, len(whole.tensors)),
        )
        paths.append(folder / f"{stem}-{i + 1:05d}-of-{count:05d}.gguf")
        paths[-1].write_bytes(part.to_bytes())
    return paths


def test_a_model_in_parts_is_one_model(tmp_path: Path, inspect: Inspect) -> None:
    paths = parts(tmp_path)
    summary = inspect_model(paths[0])
    assert summary.n_parts == 3
    assert summary.n_params == inspect(tiny_model()).n_params
    assert summary.size_bytes == sum(path.stat().st_size for path in paths)


def test_a_part_other_than_the_first_names_the_first(tmp_path: Path) -> None:
    second = parts(tmp_path)[1]
    second.write_bytes(parts(tmp_path)[0].read_bytes().replace(b"crafted", b"renamed"))
    with pytest.raises(UnsupportedModelError, match=r"choose m-00001-of-00003\.gguf instead"):
        inspect_model(second)


def test_a_later_part_alone(tmp_path: Path) -> None:
    second = parts(tmp_path)[1]
    with pytest.raises(UnsupportedModelError, match=r"choose m-00001-of-00003\.gguf instead"):
        inspect_model(second)


def test_missing_damaged_and_swapped_parts(tmp_path: Path) -> None:
    first, second, third = parts(tmp_path)
    whole = second.read_bytes()
    second.write_bytes(whole[:-200])
    with pytest.raises(InvalidModelError, match="m-00002-of-00003"):
        inspect_model(first)
    second.write_bytes(third.read_bytes())
    with pytest.raises(InvalidModelError, match="part number 2"):
        inspect_model(first)
    second.unlink()
    with pytest.raises(ModelNotFoundError, match="m-00002-of-00003"):
        inspect_model(first)
    second.write_bytes(whole)
    third.write_bytes(Gguf().having(split__no=scalar(ValueType.UINT16, 2)).to_bytes())
    with pytest.raises(InvalidModelError, match="tensors in all parts"):
        inspect_model(first)


def test_renamed_parts(tmp_path: Path) -> None:
    first = parts(tmp_path)[0]
    renamed = first.rename(tmp_path / "model.gguf")
    with pytest.raises(InvalidModelError, match="give the parts their names back"):
        inspect_model(renamed)


def test_too_many_parts(inspect: Inspect) -> None:
    with pytest.raises(InvalidModelError, match="a model in 60000 parts"):
        inspect(tiny_model().having(split__count=scalar(ValueType.UINT16, 60_000)))


@pytest.mark.parametrize(
    ("arch", "key", "value"),
    [
        ("gemma3", "rope.dimension_count", u32(0)),  # the runtime never came to an end
        ("gemma3", "rope.dimension_count", u32(3)),
        ("gemma3", "rope.dimension_count", u32(18)),
        ("gemma3", "rope.dimension_count_swa", u32(18)),
        ("qwen35", "rope.dimension_count", u32(64)),
        ("qwen35", "rope.dimension_sections", numbers(ValueType.INT32, [3, 65283, 2, 0])),
        ("qwen35", "rope.dimension_sections", numbers(ValueType.INT32, [0, 0, 0, 0])),
        ("qwen35", "rope.dimension_sections", numbers(ValueType.INT32, [-3, 3, 2, 0])),
        ("qwen35", "rope.dimension_sections", numbers(ValueType.FLOAT32, [3, 3, 2, 0])),
        ("qwen35", "rope.dimension_sections", u32(8)),
        ("qwen35", "full_attention_interval", u32(0)),
    ],
)
def test_what_other_architectures_do_not_survive(
    inspect: Inspect, arch: str, key: str, value: Value
) -> None:
    model = tiny_models()[arch]
    assert inspect(model).arch == arch
    with pytest.raises(InvalidModelError, match=key):
        inspect(model.having(**{f"{arch}.{key}": value}))
