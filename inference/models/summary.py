"""What a model file is, judged from its header alone: no runtime, no tensor data."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from inference.models.builtin_model import builtin_model_path
from inference.models.catalogue import catalogue
from inference.models.gguf import GgufHeader, TensorInfo, read_header
from inference.models.gguf_format import FILE_TYPES
from inference.models.hyperparameters import read_hyperparameters
from inference.models.refusals import invalid, shown, unsupported
from inference.models.tensor_checks import check_tensor_types
from inference.models.vocabulary import BYTE_TOKENS, check_vocabulary

_SPLIT_NAME = re.compile(r"^(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")
_MAX_PARTS = 256
_TEMPLATE_KEY = "tokenizer.chat_template"
_FILE_TYPE_MASK = 1023
"""Without LLAMA_FTYPE_GUESSED."""
_EVEN_TYPES = {"F32", "F16", "BF16", "Q8_0", "Q4_0"}
"""Their kernels round alike for any number of rows but one (docs/engine.md)."""


class FimTokens(msgspec.Struct, frozen=True, kw_only=True):
    """Token ids of fill-in-the-middle prompts. Use these ids, not the runtime's: it knows the
    metadata keys and some texts, but not every family's."""

    prefix: int
    suffix: int
    middle: int | None
    """None for families whose prompt ends with the prefix (Codestral)."""
    pad: int | None = None
    repository: int | None = None
    separator: int | None = None
    source: str
    """`metadata` (tokenizer.ggml.fim_*_token_id) or `token texts` (found in the vocabulary)."""


class ModelFile(msgspec.Struct, frozen=True):
    """One of the files a model lies in."""

    path: Path
    header_bytes: int
    """All before the tensor data: what a loader acts on."""


class ModelSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A model file that passed every check that can be made without loading it."""

    name: str
    path: Path
    arch: str
    family: str
    """A name in `catalogue.toml`; `unknown` if none fits."""
    is_builtin: bool
    n_params: int
    quantization: str
    size_bytes: int
    """Of all files, for a model in several parts."""
    has_uneven_rows: bool = False
    """Whether it has matrices, K-quants above all, whose kernels round differently for two and for
    eight rows; their share may be small, as with the output of most `Q4_0` files."""
    has_uneven_layers: bool = False
    """Whether its layers have such matrices, and not the output alone."""
    n_parts: int
    files: tuple[ModelFile, ...] = ()
    n_ctx_train: int
    n_vocab: int
    n_layers: int
    n_embd: int
    kv_bytes_per_token: int
    """Of an F16 cache, over the layers that keep one."""
    recurrent_bytes_per_sequence: int
    """Of state that does not grow with the text; 0 for attention-only models."""
    max_heads: int
    sliding_window: int | None
    """Tokens that the windowed layers look back; None where all layers see everything."""
    is_recurrent: bool
    is_hybrid: bool
    n_mtp_layers: int
    """Layers for multi-token prediction, the last of `n_layers`."""
    mtp_kv_bytes_per_token: int
    """Of the cache that these keep, which is apart from the model's own."""
    fim: FimTokens | None
    has_chat_template: bool
    chat_template: str | None = None
    """Its text; None where there is none, or one too long to be kept (64 KiB)."""


def inspect_model(path: Path | None = None, *, may_be_head: bool = False) -> ModelSummary:
    """Reads, checks and describes a model file; None is the built-in model.

    Opens the file (and its other parts, if it is one of several), reads their headers only, and
    loads nothing: it is safe to call for any file, and takes well under a second.

    `~` is not expanded: who reads a setting or an argument does that.

    Args:
        may_be_head: also take a file that drafts for another model and writes nothing itself.

    Raises `ModelNotFoundError`, `InvalidModelError` or `UnsupportedModelError`.
    """
    path = (path or builtin_model_path()).absolute()
    header = read_header(path, catalogue().token_texts() | BYTE_TOKENS)
    headers = [header, *_other_parts(header)]
    arch = _check_kind(
        header, catalogue().architectures.draft_heads if may_be_head else frozenset()
    )
    tensors = [tensor for part in headers for tensor in part.tensors]
    if not tensors:
        raise unsupported(path, "it holds a vocabulary but no weights")
    check_vocabulary(header)
    check_tensor_types(path, tensors)
    facts = read_hyperparameters(header, arch, tensors)
    fim, prefix_text = _fim_tokens(header, facts.n_vocab)
    uneven = [tensor.name for tensor in tensors if tensor.type.name not in _EVEN_TYPES]
    return ModelSummary(
        name=_name(header),
        path=path,
        arch=arch,
        family=catalogue().family(arch, prefix_text, _names(header)).name,
        is_builtin=path == builtin_model_path(),
        n_params=sum(tensor.n_elements for tensor in tensors),
        quantization=_quantization(header, tensors),
        size_bytes=sum(part.file_bytes for part in headers),
        has_uneven_rows=bool(uneven),
        has_uneven_layers=any(name.startswith("blk.") for name in uneven),
        n_parts=len(headers),
        files=tuple(ModelFile(part.path, part.data_offset) for part in headers),
        n_ctx_train=facts.n_ctx_train,
        n_vocab=facts.n_vocab,
        n_layers=facts.n_layers,
        n_embd=facts.n_embd,
        kv_bytes_per_token=facts.kv_bytes_per_token,
        recurrent_bytes_per_sequence=facts.recurrent_bytes_per_sequence,
        max_heads=facts.max_heads,
        sliding_window=facts.sliding_window,
        is_recurrent=arch in catalogue().architectures.recurrent,
        is_hybrid=arch in catalogue().architectures.hybrid,
        n_mtp_layers=facts.n_mtp_layers,
        mtp_kv_bytes_per_token=facts.mtp_kv_bytes_per_token,
        fim=fim,
        has_chat_template=_TEMPLATE_KEY in header.metadata,
        chat_template=template if isinstance(template := header.get(_TEMPLATE_KEY), str) else None,
    )


def _check_kind(header: GgufHeader, heads: frozenset[str]) -> str:
    """Refuses what is neither a generating language model nor one of these heads. Returns the
    architecture."""
    known = catalogue().architectures
    arch = header.get("general.architecture")
    kind = header.get("general.type")
    if isinstance(kind, str) and kind not in ("model", ""):
        raise unsupported(header.path, f"it is of type {shown(kind)}, not a whole model")
    if not isinstance(arch, str):
        raise invalid(header.path, "no text for general.architecture", "one")
    if arch in heads:
        return arch
    if arch in known.unsuitable:
        raise unsupported(
            header.path, f"its architecture is {shown(arch)}, {known.unsuitable[arch]}"
        )
    if arch not in known.generating | known.recurrent | known.hybrid:
        why = f"its architecture {shown(arch)} is not known to this version"
        raise unsupported(header.path, why, "update Sotto or choose another model")
    if header.get(f"{arch}.pooling_type") or header.get(f"{arch}.attention.causal") is False:
        raise unsupported(header.path, "it is an embedding model")
    if f"{arch}.classifier.output_labels" in header.metadata:
        raise unsupported(header.path, "it is a classifier")
    return arch


def _other_parts(header: GgufHeader) -> list[GgufHeader]:
    """The rest of a model that was split over files named …-00001-of-0000N.gguf."""
    count = header.get("split.count")
    if not isinstance(count, int) or count <= 1:
        return []
    path = header.path
    named = _SPLIT_NAME.match(path.name)
    if count > _MAX_PARTS:
        raise invalid(path, f"a model in {count} parts", f"at most {_MAX_PARTS}")
    if named is None or int(named["count"]) != count:
        expected = f"a name that ends in -00001-of-{count:05d}.gguf"
        raise invalid(
            path, f"a model in {count} parts", expected, "give the parts their names back"
        )

    def part_path(number: int) -> Path:
        return path.with_name(f"{named['stem']}-{number:05d}-of-{count:05d}.gguf")

    if header.get("split.no") != 0 or int(named["number"]) != 1:
        first = part_path(1).name
        raise unsupported(path, "it is not the first part of its model", f"choose {first} instead")
    parts: list[GgufHeader] = []
    for number in range(2, count + 1):
        part = read_header(part_path(number))
        if part.get("split.no") != number - 1:
            found = f"part number {part.get('split.no')}"
            raise invalid(part.path, found, f"{number - 1}")
        parts.append(part)
    names = [tensor.name for part in (header, *parts) for tensor in part.tensors]
    announced = header.get("split.tensors.count")
    if len(names) != len(set(names)) or announced not in (None, len(names)):
        raise invalid(path, f"{len(names)} tensors in all parts", f"{announced} different ones")
    return parts


def _names(header: GgufHeader) -> tuple[str, ...]:
    keys = ("general.name", "general.basename", "general.base_model.0.name")
    return tuple(name for key in keys if isinstance(name := header.get(key), str))


def _name(header: GgufHeader) -> str:
    """The metadata's name where it has one of sane length, else the file's."""
    printable = ("".join(c for c in name if c.isprintable()).strip() for name in _names(header)[:2])
    return next((name[:80] for name in printable if name), header.path.stem)


def _quantization(header: GgufHeader, tensors: list[TensorInfo]) -> str:
    """From `general.file_type`; else the type that holds most of the bytes."""
    file_type = header.get("general.file_type")
    if isinstance(file_type, int) and (name := FILE_TYPES.get(file_type & _FILE_TYPE_MASK)):
        return name
    bytes_of: dict[str, int] = {}
    for tensor in tensors:
        bytes_of[tensor.type.name] = bytes_of.get(tensor.type.name, 0) + tensor.n_bytes
    return max(bytes_of, key=bytes_of.__getitem__)


def _fim_tokens(header: GgufHeader, n_vocab: int) -> tuple[FimTokens | None, str | None]:
    """Token ids, and the text of the prefix token where the vocabulary has a known one."""

    def from_metadata(*names: str) -> int | None:
        for name in names:
            token_id = header.get(f"tokenizer.ggml.{name}_token_id")
            if isinstance(token_id, int) and 0 <= token_id < n_vocab:
                return token_id
        return None

    found = header.token_ids
    texts = next(
        (t for t in catalogue().fim_tokens if t.prefix in found and t.suffix in found), None
    )
    prefix_text = texts.prefix if texts else None
    prefix = from_metadata("fim_pre", "prefix")
    suffix = from_metadata("fim_suf", "suffix")
    middle = from_metadata("fim_mid", "middle")
    if prefix is not None and suffix is not None and middle is not None:
        tokens = FimTokens(
            prefix=prefix,
            suffix=suffix,
            middle=middle,
            pad=from_metadata("fim_pad"),
            repository=from_metadata("fim_rep"),
            separator=from_metadata("fim_sep"),
            source="metadata",
        )
        return tokens, prefix_text
    if texts is None or (texts.middle and texts.middle not in found):
        return None, prefix_text
    tokens = FimTokens(
        prefix=found[texts.prefix],
        suffix=found[texts.suffix],
        middle=found[texts.middle] if texts.middle else None,
        pad=found.get(texts.pad or ""),
        repository=found.get(texts.repository or ""),
        separator=found.get(texts.separator or ""),
        source="token texts",
    )
    return tokens, prefix_text
