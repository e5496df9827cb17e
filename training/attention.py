"""Causal grouped-query attention for training on a CPU.

PyTorch's own CPU kernel spends most of a small model's step in attention. This one walks over
blocks of queries, each against the keys before its end only, and keeps the probabilities in
bfloat16 for the backward pass: half the work of a masked square, in products large enough for the
processor's matrix instructions. On an accelerator `scaled_dot_product_attention` is used instead.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

BLOCK = 64
"""Queries per block; the fastest of 64, 128, 256 and 512 at 512 and 1024 tokens, level at 2048."""


class BlockAttention(torch.autograd.Function):
    """`q` (rows, groups, heads per group, length, dim), `k` and `v` (rows, groups, length, dim)."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        rows, groups, heads, length, dim = q.shape
        scale = dim**-0.5
        out = torch.empty_like(q)
        kept: list[Tensor] = []
        future = torch.ones(BLOCK, BLOCK, dtype=torch.bool).triu_(1)
        for start in range(0, length, BLOCK):
            end = min(length, start + BLOCK)
            n = end - start
            piece = q[:, :, :, start:end].reshape(rows, groups, heads * n, dim)
            scores = (piece @ k[:, :, :end].transpose(-1, -2)).float().mul_(scale)
            scores = scores.view(rows, groups, heads, n, end)
            scores[..., start:].masked_fill_(future[:n, :n], float("-inf"))
            p = torch.softmax(scores, dim=-1).to(q.dtype).view(rows, groups, heads * n, end)
            kept.append(p)
            out[:, :, :, start:end] = (p @ v[:, :, :end]).view(rows, groups, heads, n, dim)
        ctx.save_for_backward(q, k, v, *kept)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v, *kept = ctx.saved_tensors
        rows, groups, heads, length, dim = q.shape
        scale = dim**-0.5
        d_q = torch.empty_like(q)
        d_k = torch.zeros(k.shape, dtype=torch.float32)
        d_v = torch.zeros(v.shape, dtype=torch.float32)
        for p, start in zip(kept, range(0, length, BLOCK), strict=True):
            end = min(length, start + BLOCK)
            n = heads * (end - start)
            g = grads[0][:, :, :, start:end].reshape(rows, groups, n, dim)
            d_v[:, :, :end] += p.transpose(-1, -2) @ g
            d_p = (g @ v[:, :, :end].transpose(-1, -2)).float()
            p_wide = p.float()
            d_p -= (d_p * p_wide).sum(dim=-1, keepdim=True)
            d_s = d_p.mul_(p_wide).mul_(scale).to(q.dtype)
            piece = q[:, :, :, start:end].reshape(rows, groups, n, dim)
            d_q[:, :, :, start:end] = (d_s @ k[:, :, :end]).view(rows, groups, heads, -1, dim)
            d_k[:, :, :end] += d_s.transpose(-1, -2) @ piece
        return d_q, d_k.to(k.dtype), d_v.to(v.dtype)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """`q` (rows, length, heads, dim), `k` and `v` (rows, length, groups, dim) → like `q`."""
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    if q.device.type == "cpu" and q.requires_grad:
        rows, heads, length, dim = q.shape
        groups = k.shape[1]
        grouped = q.reshape(rows, groups, heads // groups, length, dim)
        mixed = BlockAttention.apply(grouped, k, v).reshape(rows, heads, length, dim)
    else:
        mixed = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, is_causal=True, enable_gqa=True
        )
    return mixed.transpose(1, 2)
