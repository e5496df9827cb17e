"""The whole recipe on a few files: loss falls, a resumed run is the same run, exports agree.

Needs the `training` dependency group; run by `make test-training`.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from training.attention import attend
from training.corpus import Document, write
from training.export import load_checkpoint, write_folder, write_gguf
from training.grow import grow, load_exported
from training.model import Model, ModelConfig, TiedCrossEntropy, next_token_loss
from training.optimizer import orthogonal
from training.parity import compare, mlx_logits, torch_logits
from training.prepare import Mix, build, read_corpus
from training.runtime import Scorer
from training.sources import Source
from training.tokenizer import tokenizer_of, train_tokenizer
from training.train import parse_arguments, train

VOCAB = 512
SMALL = ["--dim", "32", "--layers", "2", "--heads", "2", "--kv-heads", "1", "--head-dim", "16"]
SMALL += ["--ffn", "64", "--vocab", str(VOCAB), "--device", "cpu", "--workers", "1", "--float32"]
SMALL += ["--no-compile"]
SMALL += ["--micro", "512", "--batch", "1024", "--early-batch", "1024", "--warm-up", "5"]


def program(i: int) -> str:
    """Regular but not constant, so that there is something to learn within seconds."""
    rng = random.Random(i)
    name = rng.choice(["alpha", "beta", "gamma", "delta"])
    body = "".join(
        f"    def get_{field}(self):\n        return self.{field}\n\n"
        for field in rng.sample(["width", "height", "name", "size", "colour"], 3)
    )
    return f"class {name.title()}:\n    def __init__(self):\n        self.{name} = {i}\n\n{body}"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus folder with its tokenizer and packed rows."""
    folder = tmp_path_factory.mktemp("data")
    source = Source("wheel", "sample", "1.0", "MIT", "train", 1.0)
    texts = [program(i) for i in range(300)]
    write([Document(source, f"{i}.py", "python", t) for i, t in enumerate(texts)], folder)
    tokenizer = train_tokenizer(texts, VOCAB)
    tokenizer.save(str(folder / "tokenizer.json"))
    documents = read_corpus(folder, (0.0, 1.0))
    rows = build(documents, tokenizer, row=128, n_tokens=10**9, mix=Mix(holes=0.6), seed=0)
    np.save(folder / "rows.npy", rows)
    return folder


def run(data: Path, out: Path, extra: Sequence[str] = ()) -> list[float]:
    """Train for a fixed number of tokens; the smoothed losses that were logged."""
    arguments = ["--data", str(data), "--phases", "rows.npy:0:1", "--out", str(out)]
    train(parse_arguments([*arguments, "--tokens", "100000", *SMALL, *extra]))
    lines = (out / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    losses = run(data, out)
    assert losses[0] > 2.0
    assert losses[-1] < 0.5 * losses[0]
    return out


def test_loss_falls(trained: Path):
    assert (trained / "newest").exists()


def test_every_row_is_full_and_every_hole_complete(data: Path):
    rows = np.load(data / "rows.npy")
    tokenizer = Tokenizer.from_file(str(data / "tokenizer.json"))
    middle = tokenizer.token_to_id("<|fim_middle|>")
    prefix = tokenizer.token_to_id("<|fim_prefix|>")
    suffix = tokenizer.token_to_id("<|fim_suffix|>")
    assert rows.shape[1] == 128
    for row in rows:
        marks = [int(t) for t in row if t in (prefix, middle, suffix)]
        assert marks == [suffix, prefix, middle] * (len(marks) // 3)


def test_an_interrupted_run_ends_with_the_same_weights(data: Path, trained: Path, tmp_path: Path):
    run(data, tmp_path, ["--max-steps", "40"])
    run(data, tmp_path)
    ours, theirs = load_checkpoint(tmp_path), load_checkpoint(trained)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(p, q)


@pytest.mark.parametrize(("kind", "tolerance"), [("f32", 0.02), ("q8_0", 0.5)])
def test_llama_cpp_computes_the_same_logits(
    data: Path, trained: Path, tmp_path: Path, kind: str, tolerance: float
):
    model = load_checkpoint(trained)
    tokenizer = json.loads((data / "tokenizer.json").read_text())
    path = tmp_path / f"small-{kind}.gguf"
    write_gguf(path, model, tokenizer, "small", kind)
    ids = np.load(data / "rows.npy")[0].astype(int).tolist()
    with torch.no_grad():
        expected = model(torch.tensor([ids]))[0].numpy()
    assert np.abs(Scorer(path, 128).logits(ids) - expected).max() < tolerance


@pytest.mark.skipif(sys.platform == "win32", reason="MLX does not exist there")
def test_mlx_computes_the_same_logits(data: Path, trained: Path, tmp_path: Path):
    model = load_checkpoint(trained)
    write_folder(tmp_path, model, data / "tokenizer.json")
    ids = np.load(data / "rows.npy")[0].astype(int).tolist()
    found = compare(mlx_logits(tmp_path, ids), torch_logits(model, ids), ids)
    assert found["largest_logit_difference"] < 0.02
    assert found["same_most_likely_token"] > 0.98


def test_an_exported_folder_grows_without_changing_its_answers(
    data: Path, trained: Path, tmp_path: Path
):
    small = load_checkpoint(trained)
    write_folder(tmp_path, small, data / "tokenizer.json")
    torch.manual_seed(0)
    large = Model(
        ModelConfig(vocab=VOCAB, dim=48, n_layers=3, n_heads=2, n_kv_heads=1, head_dim=32, ffn=96)
    )
    grow(large, *load_exported(tmp_path))
    ids = torch.from_numpy(np.load(data / "rows.npy")[:8].astype(np.int64))
    with torch.no_grad():
        before, after = float(next_token_loss(small, ids)), float(next_token_loss(large, ids))
    assert after == pytest.approx(before, rel=0.02)


def test_a_gguf_can_be_trained_on(data: Path, trained: Path, tmp_path: Path):
    model = load_checkpoint(trained)
    path = tmp_path / "small.gguf"
    write_gguf(path, model, json.loads((data / "tokenizer.json").read_text()), "small", "f32")
    config, state = load_exported(path)
    assert config == model.config
    for name, weights in model.state_dict().items():
        assert torch.equal(state[name], weights), name
    own, restored = Tokenizer.from_file(str(data / "tokenizer.json")), tokenizer_of(path)
    assert restored.encode(program(3)).ids == own.encode(program(3)).ids
    assert restored.get_vocab() == own.get_vocab()


def leaves(*shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]


def test_block_attention_has_the_gradients_of_the_reference():
    q, k, v = leaves((2, 150, 4, 16), (2, 150, 2, 16), (2, 150, 2, 16))
    out = attend(q, k, v)
    weights = torch.randn_like(out)
    ours = torch.autograd.grad((out * weights).sum(), [q, k, v])
    reference = torch.nn.functional.scaled_dot_product_attention(
        q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True, enable_gqa=True
    ).transpose(1, 2)
    theirs = torch.autograd.grad((reference * weights).sum(), [q, k, v])
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, atol=1e-4)


def test_tied_cross_entropy_has_the_gradients_of_the_reference():
    x, weight = leaves((30, 16), (50, 16))
    target = torch.arange(30)
    ours = TiedCrossEntropy.apply(x, weight, target, 8)
    reference = torch.nn.functional.cross_entropy(x @ weight.t(), target)
    assert torch.allclose(ours, reference, atol=1e-5)
    for a, b in zip(
        torch.autograd.grad(ours, [x, weight]),
        torch.autograd.grad(reference, [x, weight]),
        strict=True,
    ):
        assert torch.allclose(a, b, atol=1e-5)


def test_an_update_has_nearly_equal_singular_values():
    (matrix,) = leaves((2, 24, 16))
    values = torch.linalg.svdvals(orthogonal(matrix.detach()).float())
    assert float(values.min()) > 0.4
    assert float(values.max()) < 1.5
