"""Do the exported files compute what was trained? llama.cpp's and MLX's logits against PyTorch's.

    python -m training.parity --run RUN --tokenizer FILE --out FOLDER --name NAME --corpus FOLDER

`--out` and `--name` are those of `training.export`. Where MLX cannot be had (Windows) it is left
out and said so.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from inference.cache_model import Floats, log_softmax
from training.cases import held_out
from training.export import load_checkpoint
from training.model import Model
from training.runtime import Scorer


def torch_logits(model: Model, tokens: list[int]) -> Floats:
    with torch.no_grad():
        logits: Floats = model(torch.tensor([tokens]))[0].float().numpy()
    return logits


def mlx_logits(folder: Path, tokens: list[int]) -> Floats:
    """In float32, as MLX's CPU build computes it; the folder's weights are float16."""
    # Compiled kernels would be written to a folder that other users can guess.
    os.environ.setdefault("MLX_DISABLE_COMPILE", "1")
    import mlx.core as mx
    from mlx_lm.utils import load_model

    model, _ = load_model(folder)
    model.set_dtype(mx.float32)
    return np.array(model(mx.array([tokens]))[0])


def has_mlx() -> bool:
    return importlib.util.find_spec("mlx_lm") is not None


def compare(ours: Floats, reference: Floats, tokens: list[int]) -> dict[str, float]:
    """How far two models' logits for the same tokens are apart, and what that costs."""
    following = np.array(tokens[1:])
    losses = [
        -float(log_softmax(x)[np.arange(len(following)), following].mean())
        for x in (ours[:-1], reference[:-1])
    ]
    return {
        "largest_logit_difference": round(float(np.abs(ours - reference).max()), 4),
        "mean_logit_difference": round(float(np.abs(ours - reference).mean()), 5),
        "same_most_likely_token": round(float((ours.argmax(-1) == reference.argmax(-1)).mean()), 4),
        "loss_difference": round(losses[0] - losses[1], 5),
    }


def check(args: argparse.Namespace) -> dict[str, Any]:
    model = load_checkpoint(args.run)
    tokenizer = Tokenizer.from_file(str(args.tokenizer))
    documents = held_out(args.corpus / "corpus.jsonl", frozenset({"python"}))
    text = max((d["text"] for d in documents), key=len)
    tokens: list[int] = tokenizer.encode(text, add_special_tokens=False).ids[: args.tokens]
    reference = torch_logits(model, tokens)
    result: dict[str, Any] = {"tokens": len(tokens), "logit_deviation": float(reference.std())}
    for kind in ("f16", "q8_0"):
        scorer = Scorer(args.out / f"{args.name}-{kind}.gguf", len(tokens))
        result[f"llama.cpp, {kind}"] = compare(scorer.logits(tokens), reference, tokens)
    if has_mlx():
        ours = mlx_logits(args.out / f"{args.name}-hf", tokens)
        result["MLX, f16"] = compare(ours, reference, tokens)
    else:
        print("MLX is not installed here and was not compared")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the folder of the exported files")
    parser.add_argument("--name", required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=1500)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result = check(args)
    if args.json is not None:
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
