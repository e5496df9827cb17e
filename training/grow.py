"""Starts a network from a smaller trained one without changing what it computes (almost).

Net2Net-style growth (Chen et al., arXiv:1511.05641) for this architecture: new residual channels
begin near zero, new heads' and units' outputs at zero, new layers as the identity, and norm weights
are rescaled for the wider mean. Heads may double in size: a head of 32 has the even rotary
frequencies of one of 64, so its channels move there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import torch
from safetensors.torch import load_file
from torch import Tensor

from training.export import tensors
from training.model import Block, Model, ModelConfig

FAINT = 0.1
"""Size of new channels against the old ones': enough to get gradients, too little to be heard."""


def load_exported(path: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    """A model that `training.export` wrote: a GGUF, or a folder in Hugging Face layout."""
    return _load_folder(path) if path.is_dir() else _load_gguf(path)


def _load_gguf(path: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    reader = gguf.GGUFReader(path)

    def value(key: str) -> Any:
        return reader.fields[f"qwen3.{key}"].contents()

    config = ModelConfig(
        vocab=value("vocab_size"),
        dim=value("embedding_length"),
        n_layers=value("block_count"),
        n_heads=value("attention.head_count"),
        n_kv_heads=value("attention.head_count_kv"),
        head_dim=value("attention.key_length"),
        ffn=value("feed_forward_length"),
        context=value("context_length"),
        # Numbers that the file holds in single precision.
        rope_theta=float(value("rope.freq_base")),
        norm_eps=round(float(value("attention.layer_norm_rms_epsilon")), 12),
    )
    raw = {
        t.name: torch.from_numpy(gguf.quants.dequantize(t.data, t.tensor_type).copy())
        for t in reader.tensors
    }
    model = Model(config)
    with torch.no_grad():
        for name, _, target in tensors(model):
            # Views into the fused matrices: filling them fills the model.
            target.copy_(raw[name])
    return config, dict(model.state_dict())


def _load_folder(folder: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    c = json.loads((folder / "config.json").read_text())
    config = ModelConfig(
        vocab=c["vocab_size"],
        dim=c["hidden_size"],
        n_layers=c["num_hidden_layers"],
        n_heads=c["num_attention_heads"],
        n_kv_heads=c["num_key_value_heads"],
        head_dim=c["head_dim"],
        ffn=c["intermediate_size"],
        context=c["max_position_embeddings"],
        rope_theta=float(c["rope_theta"]),
        norm_eps=c["rms_norm_eps"],
    )
    raw = {k: v.float() for k, v in load_file(folder / "model.safetensors").items()}
    state = {
        "embedding": raw["model.embed_tokens.weight"],
        "final_norm": raw["model.norm.weight"],
    }
    for i in range(config.n_layers):
        old, new = f"model.layers.{i}.", f"blocks.{i}."
        qkv = [raw[f"{old}self_attn.{x}_proj.weight"] for x in "qkv"]
        gate_up = [raw[f"{old}mlp.{x}_proj.weight"] for x in ("gate", "up")]
        state |= {
            f"{new}attn_norm": raw[f"{old}input_layernorm.weight"],
            f"{new}attn.q_norm": raw[f"{old}self_attn.q_norm.weight"],
            f"{new}attn.k_norm": raw[f"{old}self_attn.k_norm.weight"],
            f"{new}attn.qkv": torch.cat(qkv),
            f"{new}attn.out": raw[f"{old}self_attn.o_proj.weight"],
            f"{new}ffn_norm": raw[f"{old}post_attention_layernorm.weight"],
            f"{new}gate_up": torch.cat(gate_up),
            f"{new}down": raw[f"{old}mlp.down_proj.weight"],
        }
    return config, state


@torch.no_grad()
def grow(model: Model, old: ModelConfig, state: dict[str, Tensor]) -> None:
    """Fill `model`, at least as large as `old` in every way, with the weights in `state`."""
    new = model.config
    if (old.vocab, old.rope_theta, old.n_kv_heads) != (new.vocab, new.rope_theta, new.n_kv_heads):
        raise ValueError("growth keeps the vocabulary, the rotary base and the key-value heads")
    if new.n_heads != old.n_heads or new.head_dim % old.head_dim:
        raise ValueError("growth keeps the number of heads; their size may only be multiplied")
    narrower = (old.dim / new.dim) ** 0.5
    embedding = state["embedding"]
    model.embedding.normal_(0.0, FAINT * float(embedding.std()))
    model.embedding[:, : old.dim] = embedding
    _fill_norm(model.final_norm, state["final_norm"], narrower)
    for i, block in enumerate(model.blocks):
        assert isinstance(block, Block)
        if i < old.n_layers:
            start = f"blocks.{i}."
            layer = {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
            _fill_norm(block.attn_norm, layer["attn_norm"], narrower)
            _fill_norm(block.ffn_norm, layer["ffn_norm"], narrower)
            _fill_attention(block, old, new, layer)
            _fill_ffn(block, old, new, layer)


def _fill_norm(target: Tensor, source: Tensor, scale: float) -> None:
    target.fill_(float(source.mean()) * scale)
    target[: len(source)] = source * scale


def _fill_ffn(block: Block, old: ModelConfig, new: ModelConfig, layer: dict[str, Tensor]) -> None:
    for k in range(2):
        rows = layer["gate_up"][k * old.ffn : (k + 1) * old.ffn]
        block.gate_up[k * new.ffn : k * new.ffn + old.ffn, : old.dim] = rows
    block.down.zero_()
    block.down[: old.dim, : old.ffn] = layer["down"]


def _fill_attention(
    block: Block, old: ModelConfig, new: ModelConfig, layer: dict[str, Tensor]
) -> None:
    ratio = new.head_dim // old.head_dim
    half_old, half_new = old.head_dim // 2, new.head_dim // 2
    j = torch.arange(half_old)
    places = torch.cat((j * ratio, half_new + j * ratio))
    attn = block.attn
    # The scores' own factor is head_dim**-0.5, and the norm's mean runs over more channels.
    factor = ratio**-0.25
    _spread_norm(attn.q_norm, layer["attn.q_norm"], places, factor)
    _spread_norm(attn.k_norm, layer["attn.k_norm"], places, factor)
    n_rotated = new.n_heads + new.n_kv_heads
    for head in range(new.n_heads + 2 * new.n_kv_heads):
        rows = attn.qkv[head * new.head_dim : (head + 1) * new.head_dim]
        source = layer["attn.qkv"][head * old.head_dim : (head + 1) * old.head_dim]
        if head < n_rotated:
            rows.mul_(FAINT)
            where = places
        else:
            where = torch.arange(old.head_dim)
        rows[where, : old.dim] = source
        if head < n_rotated:
            # New input channels are faint; their columns need not be.
            rows[where, old.dim :] = torch.randn(len(where), new.dim - old.dim) * source.std()
    attn.out.zero_()
    for head in range(new.n_heads):
        columns = slice(head * new.head_dim, head * new.head_dim + old.head_dim)
        source = layer["attn.out"][:, head * old.head_dim : (head + 1) * old.head_dim]
        attn.out[: old.dim, columns] = source


def _spread_norm(target: Tensor, source: Tensor, places: Tensor, factor: float) -> None:
    target.fill_(float(source.mean()) * factor)
    target[places] = source * factor
