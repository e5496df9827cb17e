"""The runtime survives whatever files the checks let through, and needs them to survive others."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inference.errors import ModelError
from inference.models.builtin_model import builtin_model_path
from inference.models.gguf_format import ValueType
from inference.models.summary import inspect_model
from tests.support.gguf_files import Gguf, Value, flag, numbers, text, texts, tiny_model, u32

pytestmark = pytest.mark.e2e
N_FILES = 250
NUMBERS = (
    0,
    1,
    2,
    3,
    4,
    5,
    8,
    16,
    31,
    32,
    33,
    64,
    256,
    257,
    512,
    513,
    1024,
    2**20,
    2**31,
    2**32 - 1,
)
KEYS = (
    "expert_count",
    "expert_used_count",
    "expert_group_count",
    "nextn_predict_layers",
    "rope.scaling.type",
    "rope.scaling.factor",
    "attention.sliding_window",
    "attention.key_length_mla",
    "full_attention_interval",
    "vocab_size",
)


class Loader:
    """The runtime in a process of its own, started anew after it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def load(self, path: Path) -> str:
        """`loaded`, `refused`, or `died`."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        answer = process.stdout.readline().strip()
        if not answer:
            self.close()
        return answer or "died"

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.gguf_loader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self._process

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate(timeout=30)
            self._process = None


@pytest.fixture
def loader() -> Iterator[Loader]:
    loader = Loader()
    yield loader
    loader.close()


def mutated(generator: random.Random) -> bytes:
    """A tiny model with a few bytes, values or tensors changed."""
    arch = generator.choice(["qwen3", "qwen2"])
    gguf = tiny_model(arch, seed=1)
    if generator.random() < 0.4:
        content = bytearray(gguf.to_bytes())
        for _ in range(generator.choice([1, 1, 2, 4])):
            position = generator.randrange(len(gguf.header()))
            content[position] = generator.choice([0, 1, 255, generator.randrange(256)])
        return bytes(content)
    keys = [str(key) for key, _ in gguf.metadata] + [f"{arch}.{key}" for key in KEYS]
    for _ in range(generator.choice([1, 1, 2])):
        gguf = gguf.having(**{generator.choice(keys): any_value(generator)})
    if generator.random() < 0.3:
        gguf = with_another_tensor_type(gguf, generator)
    return gguf.to_bytes()


def any_value(generator: random.Random) -> Value | None:
    values = (
        u32(generator.choice(NUMBERS)),
        u32(generator.choice(NUMBERS)),
        text(generator.choice(["", "llama", "gpt2", "rwkv", "plamo2", "gemma4", "yarn", "qwen3"])),
        numbers(ValueType.INT32, [generator.choice([0, 1, 2, 200])] * generator.choice([1, 260])),
        texts([f"t{i}" for i in range(generator.choice([0, 1, 260]))]),
        flag(generator.random() < 0.5),
        None,
    )
    return generator.choice(values)


def with_another_tensor_type(gguf: Gguf, generator: random.Random) -> Gguf:
    tensors = list(gguf.tensors)
    i = generator.randrange(len(tensors))
    changed = replace(tensors[i], type_number=generator.choice([0, 1, 2, 8, 9, 24, 26, 28, 30]))
    if changed.shape[0] % 32 == 0 or changed.type_number not in (2, 8, 9):
        tensors[i] = changed
    return replace(gguf, tensors=tuple(tensors))


def test_the_runtime_survives_whatever_the_checks_let_through(
    loader: Loader, tmp_path: Path
) -> None:
    generator = random.Random(20)
    path = tmp_path / "m.gguf"
    verdicts: dict[str, int] = {}
    for i in range(N_FILES):
        content = mutated(generator)
        path.write_bytes(content)
        try:
            inspect_model(path)
        except ModelError:
            verdict = "refused in Python"
        else:
            verdict = loader.load(path)
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
        assert verdict != "died", f"file {i} of seed 20"
    # Otherwise the files would prove nothing: some of each kind have to be among them.
    assert verdicts["loaded"] > N_FILES // 10
    assert verdicts["refused in Python"] > N_FILES // 10


def test_valid_files_are_let_through_and_load(loader: Loader, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    for gguf in (tiny_model("qwen3", seed=1), tiny_model("qwen2", n_layers=2, seed=2)):
        path.write_bytes(gguf.to_bytes())
        inspect_model(path)
        assert loader.load(path) == "loaded"
    inspect_model()
    assert loader.load(builtin_model_path()) == "loaded"


def test_a_file_the_checks_refuse_would_have_ended_the_process(
    loader: Loader, tmp_path: Path
) -> None:
    """Shows that the checks are needed: drop this when the runtime refuses such files itself."""
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny_model(seed=1).having(qwen3__block_count=u32(0)).to_bytes())
    with pytest.raises(ModelError):
        inspect_model(path)
    assert loader.load(path) == "died"
