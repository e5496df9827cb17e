"""Stage 4: packed rows → a trained checkpoint. The same command serves a CPU and an accelerator.

    python -m training.train --data FOLDER --phases rows-512.npy:0:.6 rows-2048.npy:.6:1 --out RUN
        --minutes 90 [--init FOLDER] [--dim 256 --layers 6 --heads 6 --kv-heads 2 --head-dim 64 …]

On a CPU, `--workers` single-threaded processes draw micro-batches from a shared counter, so that a
core which other programs keep busy slows nothing but itself; each then updates its own share of the
parameters. On CUDA there is one worker. Checkpoints hold everything a run is made of; starting the
same command again resumes from the newest. While the file `--pause-file` exists, the run sleeps.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from training.grow import grow, load_exported
from training.model import Model, ModelConfig, next_token_loss
from training.optimizer import Muon
from training.schedule import Budget, momentum_at, parse_phase, strength

LOG_EVERY = 20
KEPT_CHECKPOINTS = 2


@dataclass
class Plan:
    """What rank 0 decides for one step and every worker follows."""

    stop: bool
    save: bool
    phase: int
    first_row: int
    micro_rows: int
    n_micro: int
    strength: float
    momentum: float


class Shared:
    """What the workers share: the step's plan, gradients, losses and the micro-batch counter."""

    def __init__(self, model: Model, workers: int) -> None:
        context = torch.multiprocessing.get_context("spawn")
        self.plan = torch.zeros(8, dtype=torch.float64).share_memory_()
        self.losses = torch.zeros(workers).share_memory_()
        size = model.n_parameters() if workers > 1 else 0
        self.grads = torch.zeros(workers, size).share_memory_()
        self.counter = context.Value("q", 0)
        self.barrier = context.Barrier(workers)

    def take(self) -> int:
        with self.counter.get_lock():
            self.counter.value += 1
            return self.counter.value - 1


class Worker:
    """One process of a run. Rank 0 also plans the steps, writes the log and the checkpoints."""

    def __init__(self, rank: int, args: argparse.Namespace, model: Model, shared: Shared) -> None:
        torch.manual_seed(args.seed + rank)
        if args.device == "cpu":
            torch.set_num_threads(args.threads)
        torch.set_float32_matmul_precision("high")
        self.rank, self.args, self.model, self.shared = rank, args, model, shared
        self.phases = [parse_phase(text) for text in args.phases]
        self.rows: list[npt.NDArray[np.uint16]] = [
            np.load(args.data / phase.file, mmap_mode="r") for phase in self.phases
        ]
        self.named = list(model.named_parameters())
        c = model.config
        n_kv = c.n_kv_heads * c.head_dim
        splits = {"attn.qkv": (c.n_heads * c.head_dim, n_kv, n_kv), "gate_up": (c.ffn, c.ffn)}
        self.mine = [(n, p) for n, p in self.named if _owner(n, args.workers) == rank]
        self.optimizer = Muon(self.mine, splits, lr=args.lr, adam_lr=args.adam_lr)
        self.budget = Budget(minutes=args.minutes, until=args.until, tokens=args.tokens)
        self.position = [0] * len(self.phases)
        self.step = self.n_tokens = self.warm = 0
        self.smooth: float | None = None
        self.last_save = time.monotonic()
        self.loss = next_token_loss
        if args.compile:
            # Rows of another length are compiled anew: shapes known in advance run faster.
            self.loss = torch.compile(next_token_loss, dynamic=False)

    def run(self) -> None:
        self._load()
        self.last_save = logged = time.monotonic()
        logged_tokens = self.n_tokens
        while True:
            if self.rank == 0:
                self._write_plan()
            self.shared.barrier.wait()
            plan = self._read_plan()
            if plan.save or plan.stop:
                self._save()
            if plan.stop:
                return
            self._gradients(plan)
            self.optimizer.step(plan.strength, plan.momentum)
            for _, p in self.mine:
                p.grad = None
            n = plan.micro_rows * plan.n_micro * self.rows[plan.phase].shape[1]
            self.position[plan.phase] = plan.first_row + plan.micro_rows * plan.n_micro
            self.step, self.n_tokens, self.warm = self.step + 1, self.n_tokens + n, self.warm + 1
            if self.rank == 0:
                loss = float(self.shared.losses.sum())
                if not np.isfinite(loss):
                    raise FloatingPointError(f"loss {loss} at step {self.step}")
                self.smooth = loss if self.smooth is None else 0.97 * self.smooth + 0.03 * loss
                if self.step % LOG_EVERY == 0:
                    rate = (self.n_tokens - logged_tokens) / (time.monotonic() - logged)
                    self._log(plan, loss, rate)
                    logged, logged_tokens = time.monotonic(), self.n_tokens

    def _write_plan(self) -> None:
        """Decide the next step; wait here while the pause file exists."""
        args = self.args
        while args.pause_file.exists():
            time.sleep(2.0)
            self.budget.paused += 2.0
        progress = self.budget.progress(self.n_tokens)
        phase = next(
            (i for i, p in enumerate(self.phases) if progress < p.end), len(self.phases) - 1
        )
        n_rows, length = self.rows[phase].shape
        micro_rows = max(1, args.micro // length)
        batch = args.early_batch if progress < args.early else args.batch
        n_micro = max(1, batch // (micro_rows * length))
        first = self.position[phase]
        if first + micro_rows * n_micro > n_rows:
            first = 0
        due = time.monotonic() - self.last_save > 60 * args.save_minutes
        self.shared.counter.value = 0
        self.shared.losses.zero_()
        rate = strength(progress, self.warm, warm_up=args.warm_up, decay=args.decay)
        stop = progress >= 1 or self.step == args.max_steps
        values = [stop, due, phase, first, micro_rows, n_micro]
        values += [rate, momentum_at(self.warm)]
        self.shared.plan.copy_(torch.tensor(values, dtype=torch.float64))

    def _read_plan(self) -> Plan:
        stop, save, phase, first, rows, micro, rate, momentum = self.shared.plan.tolist()
        whole = int(phase), int(first), int(rows), int(micro)
        return Plan(bool(stop), bool(save), *whole, rate, momentum)

    def _gradients(self, plan: Plan) -> None:
        """Gradients of the step's mean loss, summed over workers, in `p.grad` of own parameters."""
        data, device = self.rows[plan.phase], self.args.device
        while (i := self.shared.take()) < plan.n_micro:
            start = plan.first_row + i * plan.micro_rows
            rows = data[start : start + plan.micro_rows].astype(np.int64)
            ids = torch.from_numpy(rows).to(device, non_blocking=True)
            with torch.autocast(device, torch.bfloat16, enabled=not self.args.float32):
                loss = self.loss(self.model, ids) / plan.n_micro
            loss.backward()
            self.shared.losses[self.rank] += loss.detach().cpu()
        if self.args.workers == 1:
            return
        own = self.shared.grads[self.rank]
        at = 0
        for _, p in self.named:
            piece = own[at : at + p.numel()]
            if p.grad is None:
                piece.zero_()
            else:
                piece.copy_(p.grad.reshape(-1))
            p.grad = None
            at += p.numel()
        self.shared.barrier.wait()
        at = 0
        for name, p in self.named:
            if _owner(name, self.args.workers) == self.rank:
                p.grad = self.shared.grads[:, at : at + p.numel()].sum(0).view_as(p)
            at += p.numel()

    def _log(self, plan: Plan, loss: float, rate: float) -> None:
        entry: dict[str, Any] = {
            "step": self.step,
            "tokens": self.n_tokens,
            "progress": round(self.budget.progress(self.n_tokens), 4),
            "loss": round(loss, 4),
            "smooth": round(self.smooth or loss, 4),
            "strength": round(plan.strength, 4),
            "row": self.rows[plan.phase].shape[1],
            "tokens_per_s": round(rate),
        }
        with (self.args.out / "log.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")
        print(json.dumps(entry), flush=True)

    def _save(self) -> None:
        """Every worker writes its optimizer's state; then rank 0 names the checkpoint complete."""
        folder = self.args.out / f"checkpoint-{self.step:07d}"
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(self.optimizer.state_dict(), folder / f"optimizer-{self.rank}.pt")
        self.shared.barrier.wait()
        self.last_save = time.monotonic()
        if self.rank != 0:
            return
        torch.save(
            {
                "config": self.model.config.to_dict(),
                "model": self.model.state_dict(),
                "step": self.step,
                "tokens": self.n_tokens,
                "warm": self.warm,
                "position": self.position,
                "progress": self.budget.progress(self.n_tokens),
                "smooth": self.smooth,
                "workers": self.args.workers,
            },
            folder / "state.pt",
        )
        newest = self.args.out / "newest.tmp"
        newest.write_text(folder.name)
        newest.replace(self.args.out / "newest")
        for old in sorted(self.args.out.glob("checkpoint-*"))[:-KEPT_CHECKPOINTS]:
            for file in old.iterdir():
                file.unlink()
            old.rmdir()

    def _load(self) -> None:
        pointer = self.args.out / "newest"
        if not pointer.exists():
            return
        folder = self.args.out / pointer.read_text()
        state = torch.load(folder / "state.pt", map_location=self.args.device)
        if state["workers"] != self.args.workers:
            raise ValueError(f"the checkpoint was written by {state['workers']} workers")
        own = torch.load(folder / f"optimizer-{self.rank}.pt", map_location=self.args.device)
        self.optimizer.load_state_dict(own)
        self.step, self.n_tokens, self.warm = state["step"], state["tokens"], state["warm"]
        self.position, self.smooth = state["position"], state["smooth"]
        self.budget.resume(state["progress"])
        if self.rank == 0:
            self.model.load_state_dict(state["model"])
            print("resumed at step", self.step, flush=True)
        self.shared.barrier.wait()


def _owner(name: str, workers: int) -> int:
    parts = name.split(".")
    return int(parts[1]) % workers if parts[0] == "blocks" else workers - 1


def _work(rank: int, args: argparse.Namespace, model: Model, shared: Shared) -> None:
    Worker(rank, args, model, shared).run()


def train(args: argparse.Namespace) -> None:
    """Run to the end of the budget. The last checkpoint is named in `<out>/newest`."""
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    model = Model(
        ModelConfig(
            vocab=args.vocab,
            dim=args.dim,
            n_layers=args.layers,
            n_heads=args.heads,
            n_kv_heads=args.kv_heads,
            head_dim=args.head_dim,
            ffn=args.ffn,
        )
    )
    if args.init is not None:
        grow(model, *load_exported(args.init))
    print(f"{model.n_parameters() / 1e6:.2f} M parameters", model.config, flush=True)
    model.to(args.device)
    if args.workers == 1:
        _work(0, args, model, Shared(model, 1))
        return
    model.share_memory()
    shared = Shared(model, args.workers)
    torch.multiprocessing.spawn(_work, (args, model, shared), nprocs=args.workers)


def parse_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--phases", nargs="+", required=True, help="FILE:FROM:TO, shares of the run"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--until", help="local time HH:MM at which the decay has to be done")
    parser.add_argument("--tokens", type=float)
    parser.add_argument("--max-steps", type=int, help="end here, resumably, inside the schedule")
    parser.add_argument(
        "--init", type=Path, help="a GGUF or a folder of `training.export` to grow from"
    )
    for name, value in (("vocab", 8192), ("dim", 256), ("layers", 6), ("heads", 6)):
        parser.add_argument(f"--{name}", type=int, default=value)
    for name, value in (("kv-heads", 2), ("head-dim", 64), ("ffn", 768), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--micro", type=int, default=1024, help="tokens per micro-batch")
    parser.add_argument("--batch", type=int, default=8192, help="tokens per step")
    parser.add_argument("--early-batch", type=int, default=4096)
    parser.add_argument("--early", type=float, default=0.4, help="share of --early-batch")
    parser.add_argument("--lr", type=float, default=0.02)
    parser.add_argument("--adam-lr", type=float, default=0.005)
    parser.add_argument("--warm-up", type=int, default=60, help="steps")
    parser.add_argument("--decay", type=float, default=0.45, help="share of the run")
    parser.add_argument("--device", default="cuda" if cuda else "cpu")
    parser.add_argument("--workers", type=int, default=1 if cuda else 2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--float32", action="store_true")
    parser.add_argument("--save-minutes", type=float, default=5.0)
    parser.add_argument("--pause-file", type=Path, default=None)
    args = parser.parse_args(argv)
    args.pause_file = args.pause_file or args.out / "PAUSE"
    return args


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    train(parse_arguments())
