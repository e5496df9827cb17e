"""Numbers of a model's shape, read from its metadata and checked before the runtime trusts them.

The checks mirror the assertions with which the runtime ends the whole process, as opposed to
refusing the file (`llama_model_base::load_hparams` and the graph builders in `src/models/`,
llama.cpp as bundled with llama-cpp-python 0.3.36).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from inference.errors import InvalidModelError
from inference.models.catalogue import catalogue
from inference.models.gguf import GgufHeader, MetadataValue, TensorInfo
from inference.models.gguf_format import ValueType
from inference.models.refusals import invalid, shown
from inference.models.tensor_checks import check_head_shapes
from inference.models.vocabulary import vocabulary_size

MAX_LAYERS = 512
MAX_EXPERTS = 1024
_MAX_WIDTH = 2**20
"""Above every size of a layer; keeps products of two of them inside 64 bits in C++."""
_CACHE_ELEMENT_BYTES = 2
_STATE_ELEMENT_BYTES = 4
_ROPE_SCALINGS = ("none", "linear", "yarn", "longrope")


class Hyperparameters(msgspec.Struct, frozen=True, kw_only=True):
    n_ctx_train: int
    n_vocab: int
    n_layers: int
    n_mtp_layers: int
    n_embd: int
    max_heads: int
    kv_bytes_per_token: int
    mtp_kv_bytes_per_token: int
    recurrent_bytes_per_sequence: int
    sliding_window: int | None


class _Facts:
    """Typed look-ups below one architecture's prefix. The runtime insists on these very types."""

    def __init__(self, header: GgufHeader, arch: str) -> None:
        self.header = header
        self.arch = arch

    def fail(self, key: str, found: object, expected: str) -> InvalidModelError:
        return invalid(self.header.path, f"{found} for {self.arch}.{key}", expected)

    def entry(self, key: str) -> MetadataValue | None:
        return self.header.metadata.get(f"{self.arch}.{key}")

    def uint(self, key: str, default: int | None, *, low: int = 0, high: int = _MAX_WIDTH) -> int:
        entry = self.entry(key)
        if entry is None:
            if default is None:
                raise self.fail(key, "nothing", "a number")
            return default
        value = entry.value
        if entry.type is not ValueType.UINT32 or not isinstance(value, int):
            raise self.fail(key, f"a value of type {entry.type.name}", "an unsigned number")
        if not low <= value <= high:
            raise self.fail(key, value, f"{low} to {high}")
        return value

    def per_layer(self, key: str, n_layers: int, default: list[int]) -> list[int]:
        """One number for all layers, or an array with one for each."""
        entry = self.entry(key)
        if entry is None:
            return default
        if entry.length is None:
            return [self.uint(key, None)] * n_layers
        if (
            entry.type not in (ValueType.UINT32, ValueType.INT32)
            or not isinstance(entry.value, tuple)
            or entry.length != n_layers
        ):
            raise self.fail(key, f"an array of {entry.length}", f"one number for {n_layers} layers")
        numbers = [number for number in entry.value if isinstance(number, int)]
        if not all(0 <= number <= _MAX_WIDTH for number in numbers):
            raise self.fail(key, f"{min(numbers)} to {max(numbers)}", f"0 to {_MAX_WIDTH}")
        return numbers


def read_hyperparameters(
    header: GgufHeader, arch: str, tensors: Sequence[TensorInfo]
) -> Hyperparameters:
    """`tensors` are those of all parts of the model.

    Raises `InvalidModelError` for a shape the runtime would abort on.
    """
    facts = _Facts(header, arch)
    n_layers = facts.uint("block_count", None, low=1, high=MAX_LAYERS)
    n_embd = facts.uint("embedding_length", None, low=1)
    n_mtp_layers = facts.uint("nextn_predict_layers", 0, high=n_layers)
    heads = facts.per_layer("attention.head_count", n_layers, [0] * n_layers)
    kv_heads = facts.per_layer("attention.head_count_kv", n_layers, heads)
    _check_experts(facts, n_layers)
    _check_epsilons(facts)
    _check_rope_scaling(facts)
    _check_rotation(facts, n_embd, heads)
    if arch in catalogue().architectures.whole_head_rope and heads[0]:
        width = _whole_head_width(facts, n_embd, heads)
        check_head_shapes(header.path, tensors, heads, kv_heads, width)
    is_recurrent = arch in catalogue().architectures.recurrent
    if not is_recurrent and not any(heads):
        raise facts.fail("attention.head_count", 0, "at least 1")
    for n, n_kv in zip(heads, kv_heads, strict=True):
        if n and n_kv and n % n_kv:
            expected = f"a divisor of the {n} heads"
            raise facts.fail("attention.head_count_kv", n_kv, expected)
    attention_layers = [0] * n_layers if is_recurrent else _attention_layers(facts, kv_heads)
    return Hyperparameters(
        n_ctx_train=facts.uint("context_length", None, low=1, high=2**31 - 1),
        n_vocab=vocabulary_size(header),
        n_layers=n_layers,
        n_mtp_layers=n_mtp_layers,
        n_embd=n_embd,
        max_heads=max(heads),
        kv_bytes_per_token=_kv_bytes_per_token(facts, attention_layers, n_embd, heads),
        mtp_kv_bytes_per_token=_kv_bytes_per_token(
            facts, kv_heads[n_layers - n_mtp_layers :], n_embd, heads
        ),
        recurrent_bytes_per_sequence=_recurrent_bytes(facts, attention_layers, n_embd, max(heads)),
        sliding_window=facts.uint("attention.sliding_window", 0, high=2**31 - 1) or None,
    )


def _check_experts(facts: _Facts, n_layers: int) -> None:
    n_experts = facts.uint("expert_count", 0, high=MAX_EXPERTS)
    used = max(facts.per_layer("expert_used_count", n_layers, [0] * n_layers))
    if used > n_experts or (n_experts and not used):
        raise facts.fail("expert_used_count", used, f"1 to {n_experts}")
    groups = facts.uint("expert_group_count", 0)
    if groups and (groups >= n_experts or n_experts % groups):
        raise facts.fail("expert_group_count", groups, f"a divisor of {n_experts} experts")
    if groups > 1:
        facts.uint("expert_group_used_count", 0, low=1, high=groups - 1)


def _check_epsilons(facts: _Facts) -> None:
    for norm in ("layer_norm", "layer_norm_rms", "group_norm"):
        key = f"attention.{norm}_epsilon"
        entry = facts.entry(key)
        if entry is None:
            continue
        if not isinstance(entry.value, float) or not 0 <= entry.value < 1:
            raise facts.fail(key, entry.value, "a small positive number")


def _check_rope_scaling(facts: _Facts) -> None:
    scaling = facts.header.get(f"{facts.arch}.rope.scaling.type")
    if scaling is not None and scaling not in _ROPE_SCALINGS:
        found = shown(scaling) if isinstance(scaling, str) else scaling
        raise facts.fail("rope.scaling.type", found, "one of " + ", ".join(_ROPE_SCALINGS))


def _check_rotation(facts: _Facts, n_embd: int, heads: list[int]) -> None:
    """Pairs of a head's values are rotated: at least one, and no more than it has. The runtime
    aborts beyond that, and never comes to an end with none."""
    if not heads[0]:
        return
    width = facts.uint("attention.key_length", n_embd // heads[0])
    windowed = facts.uint("attention.key_length_swa", width)
    for key, limit in (("rope.dimension_count", width), ("rope.dimension_count_swa", windowed)):
        n_rotated = facts.uint(key, 2, low=2, high=max(limit, 2))
        if n_rotated % 2:
            raise facts.fail(key, n_rotated, "an even number")
    sections = facts.entry("rope.dimension_sections")
    if sections is None:
        return
    key = "rope.dimension_sections"
    sizes = sections.value
    if not isinstance(sizes, tuple) or sections.type not in (ValueType.INT32, ValueType.UINT32):
        raise facts.fail(key, f"a value of type {sections.type.name}", "an array of numbers")
    n_sections = sum(size for size in sizes if isinstance(size, int))
    # Models that also see images have them; to other architectures they may be all zero.
    least = 1 if facts.arch.startswith("qwen") else 0
    if any(size < 0 for size in sizes if isinstance(size, int)) or n_sections > width:
        raise facts.fail(key, sizes, f"parts of the {width} values of a head")
    if n_sections < least:
        raise facts.fail(key, sizes, "at least one above zero")


def _whole_head_width(facts: _Facts, n_embd: int, heads: list[int]) -> int:
    """The one width that keys, values and rotation must share."""
    width = n_embd // heads[0]
    key = facts.uint("attention.key_length", width, low=1)
    value = facts.uint("attention.value_length", width, low=1)
    rope = facts.uint("rope.dimension_count", key, low=1)
    if not key == value == rope:
        found = f"heads of {key} and {value} values, {rope} of them rotated,"
        raise invalid(facts.header.path, found, "three equal numbers")
    return key


def _attention_layers(facts: _Facts, kv_heads: list[int]) -> list[int]:
    """Key-value heads of each layer; 0 for layers that keep no key-value cache."""
    interval = facts.uint("full_attention_interval", 0, low=1, high=MAX_LAYERS)
    if not interval and facts.arch in ("qwen35", "qwen35moe", "qwen3next"):
        interval = 4
    if not interval:
        return kv_heads
    return [n if (i + 1) % interval == 0 else 0 for i, n in enumerate(kv_heads)]


def _kv_bytes_per_token(
    facts: _Facts, attention_layers: list[int], n_embd: int, heads: list[int]
) -> int:
    width = n_embd // max(heads[0] or max(heads), 1)
    key = facts.uint("attention.key_length", width)
    value = facts.uint("attention.value_length", width)
    windowed = facts.uint("attention.key_length_swa", key)
    windowed += facts.uint("attention.value_length_swa", value)
    pattern = facts.entry("attention.sliding_window_pattern")
    marks = pattern.value if pattern and isinstance(pattern.value, tuple) else ()
    total = 0
    for i, n_kv in enumerate(attention_layers):
        is_windowed = i < len(marks) and bool(marks[i])
        total += n_kv * (windowed if is_windowed else key + value)
    return total * _CACHE_ELEMENT_BYTES


def _recurrent_bytes(
    facts: _Facts, attention_layers: list[int], n_embd: int, max_heads: int
) -> int:
    """As `llama_hparams::n_embd_r` and `n_embd_s`, over the layers that keep such state."""
    n_without_cache = sum(1 for n_kv in attention_layers if not n_kv)
    known = catalogue().architectures
    if facts.arch not in known.recurrent | known.hybrid:
        return 0
    head_size = facts.uint("wkv.head_size", 0)
    cache_length = facts.uint("shortconv.l_cache", 0)
    conv = facts.uint("ssm.conv_kernel", 0)
    kda = facts.uint("kda.head_dim", 0)
    if head_size:
        values = (facts.uint("token_shift_count", 2) + head_size) * n_embd
    elif cache_length:
        values = n_embd * (cache_length - 1)
    elif kda:
        values = max_heads * kda * (3 * max(conv - 1, 3) + kda)
    else:
        inner, state = facts.uint("ssm.inner_size", 0), facts.uint("ssm.state_size", 0)
        groups = facts.uint("ssm.group_count", 0)
        values = max(conv - 1, 0) * (inner + 2 * groups * state) + state * inner
    # Some hybrids (Falcon-H1) have both in every layer.
    return (n_without_cache or len(attention_layers)) * values * _STATE_ELEMENT_BYTES
