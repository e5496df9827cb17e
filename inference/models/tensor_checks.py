"""Types and shapes of tensors on which the runtime aborts only once it computes.

Its loader checks shapes against the metadata, but not in all architectures, and takes any type of
number for any tensor. What it can compute with: `ggml/src/ggml-cpu/ops.cpp`; what converters write:
`conversion/base.py` (llama.cpp as bundled with llama-cpp-python 0.3.36).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from inference.models.gguf import TensorInfo
from inference.models.refusals import invalid, shown

_NOT_WEIGHTS = {"I8", "I16", "F64", "Q8_1", "Q8_K"}
"""Q8_1 and Q8_K are what activations are quantized to while multiplying."""
_TABLES = {"I32", "I64"}
_TABLE_NAMES = re.compile(r"tid2eid|d2t|t2d")
_PROJECTION = re.compile(r"^blk\.(?P<layer>\d{1,4})\.attn_(?P<which>[qkv])\.weight$")


def check_tensor_types(path: Path, tensors: Iterable[TensorInfo]) -> None:
    """Raises `InvalidModelError` for a tensor whose numbers the runtime cannot compute with."""
    for tensor in tensors:
        kind = tensor.type.name
        is_vector = len(tensor.shape) == 1 or tensor.name.endswith("_norm.weight")
        is_table = _TABLE_NAMES.search(tensor.name) is not None
        if kind in _NOT_WEIGHTS or (kind in _TABLES and not is_table):
            raise invalid(path, f"{kind} data in the tensor {shown(tensor.name)}", "weights")
        if is_vector and kind != "F32" and not is_table:
            raise invalid(
                path, f"{kind} data in the tensor {shown(tensor.name)}", "F32 for vectors"
            )


def check_head_shapes(
    path: Path,
    tensors: Iterable[TensorInfo],
    heads: list[int],
    kv_heads: list[int],
    head_width: int,
) -> None:
    """Projections must be as wide as the heads they feed; for architectures with plain heads.

    Raises `InvalidModelError`.
    """
    for tensor in tensors:
        projection = _PROJECTION.match(tensor.name)
        if projection is None or int(projection["layer"]) >= len(heads):
            continue
        n_heads = (heads if projection["which"] == "q" else kv_heads)[int(projection["layer"])]
        rows = tensor.shape[1] if len(tensor.shape) > 1 else 1
        if rows != n_heads * head_width:
            found = f"{rows} rows in the tensor {shown(tensor.name)}"
            raise invalid(path, found, f"{n_heads} heads of {head_width}")
