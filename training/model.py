"""The network: Qwen3's architecture, so that llama.cpp, MLX and transformers all run its weights.

Pre-norm transformer with RMSNorm, grouped-query attention with normalised queries and keys, rotary
positions, SwiGLU, and an output matrix tied to the embedding (Qwen3 technical report,
arXiv:2505.09388). Parameters stay in float32; `torch.autocast` runs the products in bfloat16.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.attention import attend


@dataclass(frozen=True)
class ModelConfig:
    """Shape of the network. `n_heads` must be a multiple of `n_kv_heads`, `head_dim` even."""

    vocab: int = 8192
    dim: int = 192
    n_layers: int = 6
    n_heads: int = 6
    n_kv_heads: int = 2
    head_dim: int = 32
    ffn: int = 512
    context: int = 2048
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-6

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Attention(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        n_q, n_kv = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
        self.q_norm = nn.Parameter(torch.ones(config.head_dim))
        self.k_norm = nn.Parameter(torch.ones(config.head_dim))
        # One product for queries, keys and values: small matrices are bound by their calls.
        self.qkv = _matrix(n_q + 2 * n_kv, config.dim)
        self.out = nn.Parameter(torch.zeros(config.dim, n_q))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        c = self.config
        rows, length, _ = x.shape
        qkv = F.linear(x, self.qkv).view(rows, length, -1, c.head_dim)
        q, k, v = qkv.split([c.n_heads, c.n_kv_heads, c.n_kv_heads], dim=2)
        q = _rotate(F.rms_norm(q.float(), (c.head_dim,), self.q_norm, c.norm_eps), cos, sin)
        k = _rotate(F.rms_norm(k.float(), (c.head_dim,), self.k_norm, c.norm_eps), cos, sin)
        mixed = attend(q.to(v.dtype), k.to(v.dtype), v)
        return F.linear(mixed.reshape(rows, length, -1), self.out)


class Block(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.attn_norm = nn.Parameter(torch.ones(config.dim))
        self.attn = Attention(config)
        self.ffn_norm = nn.Parameter(torch.ones(config.dim))
        self.gate_up = _matrix(2 * config.ffn, config.dim)
        self.down = nn.Parameter(torch.zeros(config.dim, config.ffn))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        dim, eps = (self.config.dim,), self.config.norm_eps
        x = x + self.attn(F.rms_norm(x, dim, self.attn_norm, eps), cos, sin)
        gate, up = F.linear(F.rms_norm(x, dim, self.ffn_norm, eps), self.gate_up).chunk(2, dim=-1)
        return x + F.linear(F.silu(gate) * up, self.down)


class Model(nn.Module):
    """Token ids (rows, length) → hidden states or logits."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Parameter(torch.randn(config.vocab, config.dim) * 0.02)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.final_norm = nn.Parameter(torch.ones(config.dim))
        frequency = config.rope_theta ** (-torch.arange(0, config.head_dim, 2) / config.head_dim)
        angle = torch.outer(torch.arange(config.context).float(), frequency)[:, None]
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def hidden(self, ids: Tensor) -> Tensor:
        x = F.embedding(ids, self.embedding)
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, cos, sin)
        return F.rms_norm(x, (self.config.dim,), self.final_norm, self.config.norm_eps)

    def forward(self, ids: Tensor) -> Tensor:
        return F.linear(self.hidden(ids), self.embedding)

    def n_parameters(self) -> int:
        return sum(p.numel() for p in self.parameters())


class TiedCrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of `softmax(x @ W.T)`, its gradient formed during the forward pass.

    Works through `chunk` positions at a time, so the (positions × vocabulary) matrix never exists
    and its pieces stay in cache. The subtraction of the maximum is left out: `x` is normalised and
    the embedding small, so logits stay far from overflow in float32.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, target: Tensor, chunk: int) -> Tensor:
        n = x.shape[0]
        kind = torch.bfloat16 if torch.is_autocast_enabled(x.device.type) else x.dtype
        small, small_weight = x.to(kind), weight.to(kind)
        d_x, d_weight = torch.empty_like(small), torch.zeros_like(weight)
        loss = (x * weight[target]).sum().neg()
        for i in range(0, n, chunk):
            piece = small[i : i + chunk]
            p = (piece @ small_weight.t()).float().exp_()
            total = p.sum(1, keepdim=True)
            loss += total.log().sum()
            p = p.div_(total).to(kind)
            torch.mm(p, small_weight, out=d_x[i : i + chunk])
            d_weight += p.t() @ piece
        d_x = d_x.to(x.dtype) - weight[target]
        d_weight.index_add_(0, target, x, alpha=-1)
        ctx.save_for_backward(d_x, d_weight)
        ctx.n = n
        return loss / n

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        d_x, d_weight = ctx.saved_tensors
        scale = grads[0] / ctx.n
        return d_x * scale, d_weight * scale, None, None


def next_token_loss(model: Model, ids: Tensor, chunk: int = 256) -> Tensor:
    """Mean loss in nats per token over all positions of `ids` but the first of each row."""
    hidden = model.hidden(ids[:, :-1])
    flat, target = hidden.reshape(-1, hidden.shape[-1]).float(), ids[:, 1:].reshape(-1)
    if ids.device.type == "cpu":
        loss: Tensor = TiedCrossEntropy.apply(flat, model.embedding, target, chunk)
        return loss
    # An accelerator has room for all logits, and its compiler fuses what reads them.
    return F.cross_entropy(F.linear(flat, model.embedding).float(), target)


def _matrix(n_out: int, n_in: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(n_out, n_in) * 0.5 * n_in**-0.5)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
