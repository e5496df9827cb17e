"""Stage 2: a byte-level BPE trained on the corpus, with Qwen's pre-tokenizer and control tokens.

    python -m training.tokenizer --corpus FOLDER --out tokenizer.json [--vocab 8192]
    python -m training.tokenizer --of MODEL.gguf --out tokenizer.json

The second form takes an exported model's own tokenizer, to go on training that model. llama.cpp
reproduces it under `tokenizer.ggml.pre = "qwen2"`. Control tokens take the last ids.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import gguf
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

CONTROL_TOKENS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
]
# Qwen2's pattern, as in its published `tokenizer.json`: digits stand alone, and a word takes the
# space or bracket before it.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
MAX_CHARS_PER_FILE = 12_000


def train_tokenizer(texts: list[str], vocab: int) -> Tokenizer:
    tokenizer = _around(models.BPE(byte_fallback=False))
    trainer = trainers.BpeTrainer(
        vocab_size=vocab - len(CONTROL_TOKENS),
        min_frequency=2,
        max_token_length=24,
        special_tokens=[],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens(CONTROL_TOKENS)
    return tokenizer


def tokenizer_of(path: Path) -> Tokenizer:
    """The tokenizer inside a GGUF that `training.export` wrote."""
    fields = gguf.GGUFReader(path).fields
    texts: list[str] = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    # A small vocabulary may leave places between its tokens and the control tokens, with no text.
    vocab = {text: i for i, text in enumerate(texts) if text and text not in CONTROL_TOKENS}
    tokenizer = _around(models.BPE(vocab=vocab, merges=merges, byte_fallback=False))
    tokenizer.add_special_tokens(CONTROL_TOKENS)
    return tokenizer


def _around(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def sample(corpus: Path, n_chars: float) -> list[str]:
    """Beginnings of random training files, up to `n_chars` characters in all."""
    with corpus.open() as file:
        documents = [d for d in map(json.loads, file) if d["split"] == "train"]
    random.Random(1).shuffle(documents)
    texts: list[str] = []
    total = 0
    for document in documents:
        texts.append(document["text"][:MAX_CHARS_PER_FILE])
        total += len(texts[-1])
        if total > n_chars:
            break
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--corpus", type=Path)
    given.add_argument("--of", type=Path, help="an exported GGUF")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vocab", type=int, default=8192)
    parser.add_argument("--sample-mb", type=float, default=24.0)
    args = parser.parse_args()
    if args.of is not None:
        tokenizer_of(args.of).save(str(args.out))
        return
    texts = sample(args.corpus / "corpus.jsonl", args.sample_mb * 1e6)
    tokenizer = train_tokenizer(texts, args.vocab)
    tokenizer.save(str(args.out))
    last = texts[-100:]
    n_tokens = sum(len(e.ids) for e in tokenizer.encode_batch(last))
    n_bytes = sum(len(text.encode()) for text in last)
    print(tokenizer.get_vocab_size(), "tokens,", f"{n_bytes / n_tokens:.2f} bytes a token")


if __name__ == "__main__":
    main()
