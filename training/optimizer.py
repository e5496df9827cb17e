"""Muon for matrices, Adam for the embedding and the norms.

Muon (Keller Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/): momentum, then the
update is brought near an orthogonal matrix by five Newton–Schulz steps in bfloat16. Matrices that
are stored fused (queries, keys and values; gate and up) are treated one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


class Muon:
    """Updates the given parameters. `lr` and `adam_lr` are the rates at full strength.

    `splits` gives, for a parameter's name, the row counts of the matrices fused in it.
    """

    def __init__(
        self,
        named: Iterable[tuple[str, Tensor]],
        splits: dict[str, tuple[int, ...]],
        *,
        lr: float,
        adam_lr: float,
        weight_decay: float = 0.02,
    ) -> None:
        self.lr, self.adam_lr, self.weight_decay = lr, adam_lr, weight_decay
        by_shape: dict[tuple[int, int], list[tuple[Tensor, int, int]]] = {}
        others: list[Tensor] = []
        for name, p in named:
            if p.ndim != 2 or name == "embedding":
                others.append(p)
                continue
            start = 0
            for n_rows in splits.get(name.split(".", 2)[-1], (p.shape[0],)):
                by_shape.setdefault((n_rows, p.shape[1]), []).append((p, start, start + n_rows))
                start += n_rows
        self.groups = [
            (pieces, torch.zeros(len(pieces), *shape, device=pieces[0][0].device))
            for shape, pieces in sorted(by_shape.items())
        ]
        self.adam = (
            torch.optim.AdamW(
                others, lr=adam_lr, betas=(0.9, 0.95), eps=1e-10, weight_decay=0.0, fused=True
            )
            if others
            else None
        )

    @torch.no_grad()
    def step(self, strength: float, momentum: float) -> None:
        """One update from the parameters' gradients, at `strength` (0 to 1) of the full rates."""
        if self.adam is not None:
            for group in self.adam.param_groups:
                group["lr"] = self.adam_lr * strength
            self.adam.step()
        rate = self.lr * strength
        for pieces, buffer in self.groups:
            grads = torch.stack([p.grad[a:b] for p, a, b in pieces if p.grad is not None])
            buffer.lerp_(grads, 1 - momentum)
            update = orthogonal(grads.lerp(buffer, momentum))
            scale = rate * max(1.0, buffer.shape[1] / buffer.shape[2]) ** 0.5
            for (p, a, b), u in zip(pieces, update, strict=True):
                p[a:b].mul_(1 - rate * self.weight_decay).add_(u.to(p.dtype), alpha=-scale)

    def state_dict(self) -> dict[str, Any]:
        adam = self.adam.state_dict() if self.adam is not None else None
        return {"buffers": [buffer for _, buffer in self.groups], "adam": adam}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for (_, buffer), saved in zip(self.groups, state["buffers"], strict=True):
            buffer.copy_(saved)
        if self.adam is not None:
            self.adam.load_state_dict(state["adam"])


def orthogonal(matrices: Tensor) -> Tensor:
    """Each of (n, rows, columns) moved towards the nearest matrix with equal singular values."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.to(torch.bfloat16)
    if tall:
        x = x.transpose(1, 2)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.transpose(1, 2) if tall else x
