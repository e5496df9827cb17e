"""The model card's pictures, from a run's log and evaluations.

    python -m training.curves --log RUN/log.jsonl --calibrations calibration.json --out FOLDER

Writes `loss.png` (loss and learning rate over tokens) and `coverage.png` (how often what is
shown is right, and how much is shown, at each threshold of the confidence gate).
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

INK, SOFT, ACCENT = "#22303c", "#9aa7b1", "#c0562f"


def loss_curve(log: Path, out: Path) -> None:
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    tokens = [e["tokens"] / 1e6 for e in entries]
    figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
    axis.plot(tokens, [e["loss"] for e in entries], color=SOFT, linewidth=0.6, label="each step")
    axis.plot(tokens, [e["smooth"] for e in entries], color=INK, label="smoothed")
    for before, after in pairwise(entries):
        if before["row"] != after["row"]:
            axis.axvline(after["tokens"] / 1e6, color=SOFT, linestyle=":")
            label = f" rows of {after['row']}"
            axis.text(after["tokens"] / 1e6, axis.get_ylim()[1], label, va="top", color=SOFT)
    axis.set_xlabel("million tokens")
    axis.set_ylabel("training loss, nats per token")
    rate = axis.twinx()
    rate.plot(tokens, [e["strength"] for e in entries], color=ACCENT, linewidth=1)
    rate.set_ylabel("share of the full learning rate", color=ACCENT)
    rate.set_ylim(0, 1.6)
    axis.legend(loc="lower left", frameon=False)
    figure.savefig(out, dpi=130)
    plt.close(figure)


def calibration_curves(results: list[dict[str, Any]], out: Path) -> None:
    """How often what is shown is right, against how much is shown and against the threshold."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for result, colour in zip(results, (INK, ACCENT, SOFT), strict=False):
        curve = [point for point in result["curve"] if point["shown"] >= 0.02]
        shown = [100 * p["shown"] for p in curve]
        precise = [100 * p["right"] for p in curve]
        limits = [p["probability"] for p in curve]
        name = f"{result['model']}, {'/'.join(result['languages'])}"
        left.plot(shown, precise, color=colour, label=name)
        right.plot(limits, precise, color=colour, label=f"right ({name})")
        right.plot(limits, shown, color=colour, linestyle="--", label="shown")
        chosen = result["threshold"]
        if chosen is not None:
            left.plot(100 * chosen["shown"], 100 * chosen["right"], "o", color=colour)
    for axis in (left, right):
        axis.axhline(50, color=SOFT, linestyle=":")
        axis.legend(frameon=False, fontsize="small")
    left.set_xlabel("cursors with a suggestion, %")
    left.set_ylabel("of these right, %")
    right.set_xlabel("least probability of a line")
    right.set_ylabel("%")
    figure.savefig(out, dpi=130)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--calibrations", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    loss_curve(args.log, args.out / "loss.png")
    results = [json.loads(path.read_text()) for path in args.calibrations]
    calibration_curves(results, args.out / "coverage.png")


if __name__ == "__main__":
    main()
