"""Models of random weights with the shapes and vocabularies of real ones, for benchmarks.

    python -m bench.shapes                                 lists the shapes
    python -m bench.shapes qwen2.5-coder-0.5b q4_0         prints the file, made if need be

What a model of that size and quantization costs on this machine can be measured with them; what
they write is noise. Vocabularies come from the source package of the locked runtime, which carries
llama.cpp's test vocabularies (fetched with pip and checked against `uv.lock`). The files are kept
in the user's cache folder; each is loaded and used once before it counts as made.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import platformdirs

from bench.build_peer import PeerBuildError, fetch_source, locked_runtime
from bench.command import command
from bench.gguf_writing import Value, Vocabulary, flag, number, read_vocabulary, text, write_model
from bench.shape_plans import SHAPES, Shape, file_type, plan
from inference import EngineConfig, ModelError, inspect_model, try_again

QUANTIZATIONS = ("f16", "q8_0", "q4_0", "q4_k_m")
_FORMAT = 1
"""Counted up when files come out differently, so that old ones are not taken for new ones."""
_QWEN_SPECIAL = {
    151659: "<|fim_prefix|>",
    151660: "<|fim_middle|>",
    151661: "<|fim_suffix|>",
    151662: "<|fim_pad|>",
    151663: "<|repo_name|>",
    151664: "<|file_sep|>",
}
_QWEN_ADDED: dict[str, Value] = {
    "tokenizer.ggml.add_bos_token": flag(False),
    "tokenizer.ggml.fim_pre_token_id": number(151659),
    "tokenizer.ggml.fim_mid_token_id": number(151660),
    "tokenizer.ggml.fim_suf_token_id": number(151661),
    "tokenizer.ggml.fim_pad_token_id": number(151662),
    "tokenizer.ggml.fim_rep_token_id": number(151663),
    "tokenizer.ggml.fim_sep_token_id": number(151664),
}


def directory() -> Path:
    """Where the files are kept."""
    return Path(platformdirs.user_cache_dir("sotto", appauthor=False)) / "shapes"


def make(name: str, quantization: str, *, source: Path | None = None) -> Path:
    """The model file of a shape, made if it is not there yet.

    `source` is an unpacked source package of llama-cpp-python, to save the download. Raises
    PeerBuildError if the package cannot be had, and ModelError if the runtime refuses the file.
    """
    shape = SHAPES[name]
    path = directory() / f"{name}-{quantization}-random-{_FORMAT}.gguf"
    if path.is_file():
        return path
    with tempfile.TemporaryDirectory(prefix="sotto-shapes-") as folder:
        version, digest = locked_runtime()
        root = source or fetch_source(version, digest, Path(folder))
        vocabulary = vocabulary_of(shape, root / "vendor" / "llama.cpp" / "models")
        print(f"writing {path.name} …", file=sys.stderr, flush=True)
        unchecked = path.with_name("unchecked-" + path.name)
        write(unchecked, shape, quantization, vocabulary)
    check(unchecked)
    unchecked.replace(path)
    return path


def vocabulary_of(shape: Shape, folder: Path) -> Vocabulary:
    """The real one of that shape, from llama.cpp's folder of models."""
    is_qwen = shape.vocabulary.startswith("qwen")
    return read_vocabulary(
        folder / f"ggml-vocab-{shape.vocabulary}.gguf",
        special=_QWEN_SPECIAL if is_qwen else {},
        added=_QWEN_ADDED if is_qwen else {},
    )


def write(path: Path, shape: Shape, quantization: str, vocabulary: Vocabulary) -> None:
    """Writes the model, unchecked."""
    metadata = {
        "general.architecture": text(shape.arch),
        "general.name": text(f"random weights, shape of {shape.name}"),
        "general.file_type": number(file_type(quantization)),
        **shape.metadata(),
        **vocabulary.metadata,
    }
    write_model(path, metadata, plan(shape, quantization, vocabulary.n_tokens), seed=1)


def check(path: Path) -> None:
    """Loads and uses the model in a process of its own. Raises ModelError."""
    inspect_model(path)
    try_again(EngineConfig(model_path=path))


def main() -> int:
    parser = command("shapes", __doc__)
    parser.add_argument("shape", nargs="?", choices=SHAPES)
    parser.add_argument("quantization", nargs="?", choices=QUANTIZATIONS, default="q4_0")
    parser.add_argument("--source", type=Path, help="an unpacked source package, not downloaded")
    arguments = parser.parse_args()
    if arguments.shape is None:
        for name, shape in SHAPES.items():
            print(f"{name:<24} {shape.note}")
        return 0
    try:
        print(make(arguments.shape, arguments.quantization, source=arguments.source))
    except (PeerBuildError, ModelError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
