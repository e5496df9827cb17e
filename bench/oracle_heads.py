"""Models that count, and heads that know what they will say.

    python -m bench.oracle_heads FOLDER [--noise SHARE]

In such a model the token after token t is t + 1, and after the last of a cycle the first, whatever
came before. All layers are there and are computed, but what they add is zero; so each token's state
is its own embedding, and the output's matrix finds the next one in it. Embeddings are points on
circles, turning at different speeds: one step on is one linear map for all of them.

A head has the same output's matrix and turns the state it is given by one step. As it is given the
state of the token before the newest, it is right if, and only if, it is given the right ones. With
noise, it is wrong about that share of the tokens.

What speculation gains at a known acceptance can be measured with them. The pairs written: a dense
target with an EAGLE-3 head and a draft model, and a hybrid one with a layer for multi-token
prediction; Qwen's shapes of `bench.shape_plans` at the size of 0.5 B and 0.8 B parameters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.build_peer import fetch_source, locked_runtime
from bench.command import command
from bench.gguf_writing import TensorPlan, Value, Vocabulary, integers, number, text, write_model
from bench.shape_plans import SHAPES, Shape, file_type, plan
from bench.shapes import vocabulary_of

Matrix = NDArray[np.float32]
_SILENT = ("attn_output.weight", "ssm_out.weight", "ffn_down.weight", "ffn_down_exps.weight")
"""The last matrices of a layer's parts: zeros in them are zeros added."""
_CONSTANT = 1.0
"""The first number of every embedding, which gives a head's layer a constant to multiply with."""


@dataclass(frozen=True)
class Counting:
    """Embeddings of tokens that follow each other in a cycle."""

    n_tokens: int
    n_cycle: int
    """Tokens from here on are in no cycle, and never said."""
    width: int

    @property
    def embeddings(self) -> Matrix:
        """Of shape (n_tokens, width)."""
        found = np.zeros((self.n_tokens, self.width), np.float32)
        found[:, 0] = _CONSTANT
        angles = np.outer(np.arange(self.n_tokens), self._speeds)
        found[:, 1 : 1 + len(self._speeds)] = np.cos(angles)
        found[:, 1 + len(self._speeds) : 1 + 2 * len(self._speeds)] = np.sin(angles)
        return found

    @property
    def step(self) -> Matrix:
        """Times a token's embedding, this is the next token's."""
        n = len(self._speeds)
        cosines, sines = np.diag(np.cos(self._speeds)), np.diag(np.sin(self._speeds))
        turn = np.eye(self.width, dtype=np.float32)
        circles = slice(1, 1 + 2 * n)
        turn[circles, circles] = np.vstack(
            [np.hstack([cosines, -sines]), np.hstack([sines, cosines])]
        )
        return turn

    def output(self, noise: float = 0.0) -> Matrix:
        """Finds the next token in a token's embedding; a wrong one after that share of them."""
        successors = (np.arange(self.n_cycle) + 1) % self.n_cycle
        chance = np.random.default_rng(5)
        wrong = np.flatnonzero(chance.random(self.n_cycle) < noise)
        if len(wrong) > 1:
            successors[wrong] = np.roll(successors[wrong], 1)
        found = np.zeros((self.n_tokens, self.width), np.float32)
        found[successors] = self.embeddings[: self.n_cycle]
        found[:, 0] = 0
        return found

    @property
    def _speeds(self) -> NDArray[np.float64]:
        chance = np.random.default_rng(3)
        turns = chance.integers(1, max(self.n_cycle // 2, 2), (self.width - 1) // 2)
        return 2 * np.pi * turns / self.n_cycle


def write_target(
    path: Path,
    shape: Shape,
    quantization: str,
    vocabulary: Vocabulary,
    n_cycle: int,
    *,
    noise: float = 0.0,
) -> None:
    """A model that counts, with its head for multi-token prediction if the shape has one.

    `noise` is that of the head, or of the model itself where it has none.
    """
    counting = Counting(vocabulary.n_tokens, n_cycle, shape.width)
    tensors = plan(shape, quantization, vocabulary.n_tokens)
    known: dict[str, NDArray[Any]] = {
        "token_embd.weight": counting.embeddings,
        "output.weight": counting.output(0.0 if shape.n_mtp_layers else noise),
    }
    outputs = ["output.weight"]
    for layer in range(shape.n_layers, shape.n_layers + shape.n_mtp_layers):
        block = f"blk.{layer}.nextn."
        # The newest token's embedding counts for nothing, the state before it for all.
        known[block + "eh_proj.weight"] = np.hstack([0 * counting.step, counting.step])
        known[block + "shared_head_head.weight"] = counting.output(noise)
        outputs.append(block + "shared_head_head.weight")
    kind = _kind(quantization)
    tensors += [TensorPlan(name, tensors[0].shape, kind) for name in outputs]
    tensors = [replace(t, kind=kind) if t.name in known else t for t in tensors]
    known |= _ones_and_zeros(tensors)
    write_model(path, _metadata(shape, quantization, vocabulary), tensors, 1, known)


def _kind(quantization: str) -> str:
    """Of a tensor with numbers that count."""
    return "F32" if quantization == "f32" else "Q8_0"


def _ones_and_zeros(tensors: Iterable[TensorPlan]) -> dict[str, NDArray[Any]]:
    """Norms that change nothing, and layers that add nothing."""
    found: dict[str, NDArray[Any]] = {}
    for tensor in tensors:
        if len(tensor.shape) == 1 and "norm" in tensor.name:
            found[tensor.name] = np.ones(tensor.shape, np.float32)
        elif tensor.name.endswith(_SILENT):
            found[tensor.name] = np.zeros(tensor.shape, np.float32)
    return found


def _metadata(shape: Shape, quantization: str, vocabulary: Vocabulary) -> dict[str, Value]:
    return {
        "general.architecture": text(shape.arch),
        "general.name": text(f"counts, shape of {shape.name}"),
        "general.file_type": number(file_type(quantization)),
        **shape.metadata(),
        **vocabulary.metadata,
    }


def write_eagle3(
    path: Path,
    target: Shape,
    quantization: str,
    vocabulary: Vocabulary,
    n_cycle: int,
    *,
    noise: float = 0.0,
    n_known: int | None = None,
) -> None:
    """A head for a dense model that counts.

    `n_known`: it knows the first so many tokens only, in the opposite order.
    """
    width = target.width
    counting = Counting(vocabulary.n_tokens, n_cycle, width)
    tensors = [
        replace(tensor, kind=_kind(quantization)) if len(tensor.shape) > 1 else tensor
        for tensor in _eagle3_tensors(target, n_known or vocabulary.n_tokens)
    ]
    known: dict[str, NDArray[Any]] = {
        **_ones_and_zeros(tensors),
        **_turning_layer(counting),
        "fc.weight": np.hstack([np.eye(width), np.zeros((width, 2 * width))]),
        "output.weight": counting.output(noise),
    }
    if n_known:
        known["d2t"] = np.arange(n_known)[::-1]
        known["output.weight"] = counting.output(noise)[known["d2t"]]
        tensors.append(TensorPlan("d2t", (n_known,), "I64"))
    metadata = {
        "general.architecture": text("eagle3"),
        "general.name": text("counts as well"),
        "general.file_type": number(file_type(quantization)),
        "eagle3.block_count": number(1),
        "eagle3.context_length": number(target.n_ctx),
        "eagle3.embedding_length": number(width),
        "eagle3.feed_forward_length": number(2 * width),
        "eagle3.attention.head_count": number(target.n_heads),
        "eagle3.attention.head_count_kv": number(target.n_kv_heads),
        "eagle3.attention.key_length": number(target.head),
        "eagle3.attention.value_length": number(target.head),
        "eagle3.attention.layer_norm_rms_epsilon": number(1e-6),
        "eagle3.rope.freq_base": number(target.rope_base),
        "eagle3.target_layers": integers([0, 1, 2]),
        "eagle3.target_hidden_size": number(width),
        **vocabulary.metadata,
    }
    write_model(path, metadata, tensors, 2, known)


def _turning_layer(counting: Counting) -> dict[str, NDArray[Any]]:
    """A feed-forward layer that adds (step - 1) x to its input x.

    It computes down (silu(gate y) * up y) from y = x / rms(x). With `up` giving a constant, and
    silu(z) - silu(-z) = z, that is linear.
    """
    norm = float(np.linalg.norm(counting.embeddings[0])) / math.sqrt(counting.width)
    change = counting.step - np.eye(counting.width, dtype=np.float32)
    identity = np.eye(counting.width, dtype=np.float32)
    up = np.zeros((2 * counting.width, counting.width), np.float32)
    up[:, 0] = norm / _CONSTANT
    return {
        "blk.0.ffn_gate.weight": np.vstack([change, -change]),
        "blk.0.ffn_up.weight": up,
        "blk.0.ffn_down.weight": np.hstack([identity, -identity]) * norm,
    }


def _eagle3_tensors(target: Shape, n_known: int) -> Iterator[TensorPlan]:
    width, query, key = target.width, target.n_heads * target.head, target.n_kv_heads * target.head
    shapes = {
        "fc": (3 * width, width),
        "output_norm": (width,),
        "output": (width, n_known),
        "blk.0.attn_norm": (width,),
        "blk.0.attn_norm_2": (width,),
        "blk.0.ffn_norm": (width,),
        "blk.0.attn_q": (2 * width, query),
        "blk.0.attn_k": (2 * width, key),
        "blk.0.attn_v": (2 * width, key),
        "blk.0.attn_output": (query, width),
        "blk.0.ffn_gate": (width, 2 * width),
        "blk.0.ffn_up": (width, 2 * width),
        "blk.0.ffn_down": (2 * width, width),
    }
    for name, shape in shapes.items():
        yield TensorPlan(f"{name}.weight", shape, "F32")


def main() -> int:
    parser = command("oracle_heads", __doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--noise", type=float, default=0.0, help="share of wrong guesses, 0 to 1")
    parser.add_argument("--source", type=Path, help="an unpacked source package, not downloaded")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    source = arguments.source or fetch_source(*locked_runtime(), folder)
    vocabularies = source / "vendor" / "llama.cpp" / "models"
    # Qwen2 is no target for EAGLE-3, so the dense one is a Qwen3 of the same size.
    dense = replace(SHAPES["qwen2.5-coder-0.5b"], name="qwen3-0.5b", arch="qwen3")
    draft = replace(dense, name="qwen3-draft", n_layers=4)
    hybrid = SHAPES["qwen3.5-0.8b"]
    n_cycle, noise = 20_000, arguments.noise
    words = vocabulary_of(dense, vocabularies)
    write_target(folder / "dense-q4_0.gguf", dense, "q4_0", words, n_cycle)
    write_target(folder / "draft-q4_0.gguf", draft, "q4_0", words, n_cycle, noise=noise)
    write_eagle3(
        folder / "eagle3-q8_0.gguf", dense, "q8_0", words, n_cycle, noise=noise, n_known=32_768
    )
    words = vocabulary_of(hybrid, vocabularies)
    write_target(folder / "mtp-q4_0.gguf", hybrid, "q4_0", words, n_cycle, noise=noise)
    for path in sorted(folder.glob("*.gguf")):
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
