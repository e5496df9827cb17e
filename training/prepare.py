"""Stage 3: the corpus → packed rows of token ids with holes to fill.

    python -m training.prepare --corpus FOLDER --tokenizer FILE --out FILE.npy --row 512

An example is a piece of one file, cut at line ends. Most become a hole in suffix-prefix-middle
order, some of them anchored: there the whole line of the cursor follows `<|fim_middle|>`, so that
one example teaches every cursor position of its line.

    at the cursor:  <|fim_suffix|> below <|fim_prefix|> above, typed <|fim_middle|> rest
    anchored:       <|fim_suffix|> below <|fim_prefix|> above <|fim_middle|> typed, rest

The cut at the cursor lies where the engine's token healing puts it, at a token's start.

Each ends with `<|endoftext|>`. A row holds whole examples and is topped up with plain source; no
hole is ever cut by a row's end.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import lzma
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from training.holes import choose_hole, seam

Row = npt.NDArray[np.uint16]
CHARS_PER_TOKEN = 3.4
"""A low estimate, which keeps most examples within a row."""
BATCH = 2000
NEIGHBOURS_TRIED = 6
_WORD = re.compile(r"[^\W\d]\w{2,}")


@dataclass(frozen=True)
class Mix:
    """What the examples are made of; shares from 0 to 1."""

    holes: float = 0.75
    anchored: float = 0.25
    headers: float = 0.25
    """Examples that begin with the package's and the file's name."""
    neighbours: float = 0.7
    """Of those, examples that also show a piece of another file of the package."""


@dataclass
class Piece:
    """An example before it is tokenized: `texts` alternate with control tokens in `layout`."""

    header: str
    texts: list[str]
    is_hole: bool


class Control:
    """The ids of the control tokens."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        def known(name: str) -> int:
            token = tokenizer.token_to_id(name)
            if token is None:
                raise ValueError(f"the tokenizer has no {name}")
            return int(token)

        self.end = known("<|endoftext|>")
        self.prefix = known("<|fim_prefix|>")
        self.suffix = known("<|fim_suffix|>")
        self.middle = known("<|fim_middle|>")
        self.repo = known("<|repo_name|>")
        self.file = known("<|file_sep|>")


def read_corpus(folder: Path, part: tuple[float, float]) -> list[dict[str, Any]]:
    """Training documents whose hashed path falls into `part`: phases can see other files."""
    documents: list[dict[str, Any]] = []
    plain = folder / "corpus.jsonl"
    packed = folder / "corpus.jsonl.xz"
    with plain.open() if plain.exists() else lzma.open(packed, "rt", encoding="utf-8") as file:
        for line in file:
            d = json.loads(line)
            key = hashlib.blake2b(f"{d['package']}/{d['path']}".encode(), digest_size=4).digest()
            place = int.from_bytes(key, "big") / 2**32
            if d["split"] == "train" and part[0] <= place < part[1]:
                documents.append(d)
    return documents


def cut(text: str, longest: float, rng: random.Random) -> Iterator[str]:
    """Pieces of log-uniform length, 300 to `longest` characters, cut at line ends."""
    at = 0
    while at < len(text):
        end = at + int(300 * (longest / 300) ** rng.random())
        if end > len(text) - 150:
            end = len(text)
        else:
            newline = text.rfind("\n", at, end)
            end = newline + 1 if newline > at else end
        yield text[at:end]
        at = end


def header_of(
    document: dict[str, Any], others: list[dict[str, Any]], piece: str, mix: Mix, rng: random.Random
) -> str:
    """`<|repo_name|>` and `<|file_sep|>` lines, often with a piece of a neighbouring file.

    Of a few random pieces the one that shares most words with `piece` is shown, as an editor would
    look for what is related: so there is something to copy, and copying is learnt.
    """
    neighbour = ""
    if rng.random() < mix.neighbours:
        best, words = 0.0, set(_WORD.findall(piece))
        for other in rng.choices(others, k=NEIGHBOURS_TRIED):
            if other is document:
                continue
            text = other["text"]
            start = text.find("\n", rng.randint(0, max(0, len(text) - 700))) + 1
            shown = text[start : start + rng.randint(200, 700)].rsplit("\n", 1)[0]
            own = set(_WORD.findall(shown))
            overlap = len(own & words) / max(1, len(own | words))
            if overlap > best:
                best = overlap
                neighbour = f"<|file_sep|>{other['path']}\n{shown}\n"
    return f"<|repo_name|>{document['package']}\n{neighbour}<|file_sep|>{document['path']}\n"


def make_piece(text: str, header: str, mix: Mix, rng: random.Random) -> Piece:
    hole = choose_hole(text, rng) if rng.random() < mix.holes else None
    if hole is None:
        return Piece(header, [text], is_hole=False)
    suffix = text[hole.end :]
    draw = rng.random()
    if draw < 0.08:
        suffix = ""
    elif draw < 0.3:
        lines = suffix.split("\n")
        suffix = "\n".join(lines[: rng.randint(1, 8)])
    if rng.random() < mix.anchored:
        texts = [suffix, text[: hole.line_start], text[hole.line_start : hole.end]]
    else:
        at = seam(text, hole.line_start, hole.start)
        texts = [suffix, text[:at], text[at : hole.end]]
    return Piece(header, texts, is_hole=True)


def tokenize(pieces: list[Piece], tokenizer: Tokenizer, control: Control) -> list[Row]:
    # The header's control tokens are the tokenizer's own; the corpus holds no text like them.
    flat = [text for piece in pieces for text in (piece.header, *piece.texts)]
    encoded = iter(e.ids for e in tokenizer.encode_batch(flat, add_special_tokens=False))
    examples: list[Row] = []
    for piece in pieces:
        ids = list(next(encoded))
        parts = [next(encoded) for _ in piece.texts]
        if piece.is_hole:
            suffix, prefix, middle = parts
            ids += [control.suffix, *suffix, control.prefix, *prefix, control.middle, *middle]
        else:
            ids += parts[0]
        examples.append(np.array([*ids, control.end], dtype=np.uint16))
    return examples


def pack(holes: list[Row], plain: list[Row], row: int, rng: random.Random) -> list[Row]:
    """Rows of exactly `row` tokens: whole hole examples, topped up from the plain ones."""
    stream = np.concatenate([np.zeros(0, np.uint16), *plain])
    queue = collections.deque(holes)
    n_hole_tokens = sum(map(len, holes))
    share = n_hole_tokens / max(1, n_hole_tokens + len(stream))
    rows: list[Row] = []
    at = 0
    while queue and at + row <= len(stream):
        chosen: list[Row] = []
        size, misses = 0, 0
        wanted = row * share * rng.uniform(0.8, 1.2)
        while queue and misses < 25 and size < wanted:
            if size + len(queue[0]) <= row:
                chosen.append(queue.popleft())
                size += len(chosen[-1])
            else:
                queue.rotate(-1)
                misses += 1
        top_up = stream[at : at + row - size]
        at += row - size
        rng.shuffle(chosen)
        parts = [top_up, *chosen] if rng.random() < 0.5 else [*chosen, top_up]
        rows.append(np.concatenate(parts))
    return rows


def build(
    documents: list[dict[str, Any]],
    tokenizer: Tokenizer,
    *,
    row: int,
    n_tokens: int,
    mix: Mix,
    seed: int,
) -> Row:
    """One pass over the documents' pieces in random order, stopped once `n_tokens` are made."""
    rng = random.Random(seed)
    control = Control(tokenizer)
    by_package: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
    for document in documents:
        by_package[document["package"]].append(document)
    longest = row * CHARS_PER_TOKEN
    pieces = [(d, text) for d in documents for text in cut(d["text"], longest, rng)]
    rng.shuffle(pieces)
    holes: list[Row] = []
    plain: list[Row] = []
    total = 0
    for start in range(0, len(pieces), BATCH):
        batch: list[Piece] = []
        for document, text in pieces[start : start + BATCH]:
            shown = rng.random() < mix.headers
            others = by_package[document["package"]]
            header = header_of(document, others, text, mix, rng) if shown else ""
            batch.append(make_piece(text, header, mix, rng))
        for piece, ids in zip(batch, tokenize(batch, tokenizer, control), strict=True):
            if not piece.is_hole:
                plain.append(ids)
            elif len(ids) <= row:
                holes.append(ids)
            else:
                continue
            total += len(ids)
        if total >= n_tokens:
            break
    rows = pack(holes, plain, row, rng)
    rng.shuffle(rows)
    return np.stack(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--row", type=int, default=512, help="tokens per row")
    parser.add_argument("--tokens", type=float, default=1e12, help="stop after so many")
    parser.add_argument(
        "--part", type=float, nargs=2, default=(0.0, 1.0), help="share of the files"
    )
    parser.add_argument("--holes", type=float, default=Mix.holes)
    parser.add_argument("--headers", type=float, default=Mix.headers)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(args.tokenizer))
    documents = read_corpus(args.corpus, (args.part[0], args.part[1]))
    mix = Mix(holes=args.holes, headers=args.headers)
    n_tokens = int(args.tokens)
    rows = build(documents, tokenizer, row=args.row, n_tokens=n_tokens, mix=mix, seed=args.seed)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.save(args.out, rows)
    print(args.out, rows.shape, f"{rows.size / 1e6:.2f} M tokens of {len(documents)} files")


if __name__ == "__main__":
    main()
