"""The constants of the GGUF format, and the limits this project sets on it.

Sources: `docs/gguf.md` of ggml (layout and value types), `ggml/include/ggml.h` (tensor types),
`gguf-py/gguf/constants.py` (their block sizes) and `include/llama.h` (`llama_ftype`), all as
bundled with llama-cpp-python 0.3.36. A newer runtime may know more types; a file that uses one is
refused with its number, until this table has it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

MAGIC = b"GGUF"
VERSIONS = (2, 3)
"""Version 1 had 32-bit lengths and is refused by the runtime too."""
DEFAULT_ALIGNMENT = 32

# Limits. Each is far above what any published model holds, and low enough that a crafted header
# costs neither time nor memory: the largest header seen (Gemma 4: 262 144 tokens, 514 906 merges)
# is 16 MB.
MAX_HEADER_BYTES = 512 * 2**20
MAX_KEYS = 16_384
MAX_TENSORS = 65_536
MAX_KEY_BYTES = 1_024
MAX_TENSOR_NAME_BYTES = 63
"""GGML_MAX_NAME is 64 with its final NUL."""
MAX_DIMENSIONS = 4
MAX_ARRAY_STRINGS = 4_000_000
"""Strings in all arrays together; they are the only part that is walked one by one."""
MAX_VOCABULARY = 1_000_000
MAX_TOKEN_BYTES = 4_096
MAX_ALIGNMENT = 65_536
MAX_KEPT_TEXT_BYTES = 64 * 2**10
"""A longer metadata string is checked and skipped; only its length is kept."""
MAX_KEPT_ITEMS = 1_024
"""A longer metadata array is checked and skipped. One number per layer must fit (512)."""
MAX_KEPT_BYTES = 16 * 2**20
"""For everything kept from one header; beyond it values are checked and skipped."""


class ValueType(IntEnum):
    """Types of metadata values (`gguf_metadata_value_type`)."""

    UINT8 = 0
    INT8 = 1
    UINT16 = 2
    INT16 = 3
    UINT32 = 4
    INT32 = 5
    FLOAT32 = 6
    BOOL = 7
    STRING = 8
    ARRAY = 9
    UINT64 = 10
    INT64 = 11
    FLOAT64 = 12


SCALAR_FORMATS = {
    ValueType.UINT8: "B",
    ValueType.INT8: "b",
    ValueType.UINT16: "H",
    ValueType.INT16: "h",
    ValueType.UINT32: "I",
    ValueType.INT32: "i",
    ValueType.FLOAT32: "f",
    ValueType.BOOL: "B",
    ValueType.UINT64: "Q",
    ValueType.INT64: "q",
    ValueType.FLOAT64: "d",
}
"""`struct` codes, little-endian; strings and arrays have a length of their own."""


class TensorType(NamedTuple):
    name: str
    block_elements: int
    block_bytes: int


TENSOR_TYPES = {
    0: TensorType("F32", 1, 4),
    1: TensorType("F16", 1, 2),
    2: TensorType("Q4_0", 32, 18),
    3: TensorType("Q4_1", 32, 20),
    6: TensorType("Q5_0", 32, 22),
    7: TensorType("Q5_1", 32, 24),
    8: TensorType("Q8_0", 32, 34),
    9: TensorType("Q8_1", 32, 36),
    10: TensorType("Q2_K", 256, 84),
    11: TensorType("Q3_K", 256, 110),
    12: TensorType("Q4_K", 256, 144),
    13: TensorType("Q5_K", 256, 176),
    14: TensorType("Q6_K", 256, 210),
    15: TensorType("Q8_K", 256, 292),
    16: TensorType("IQ2_XXS", 256, 66),
    17: TensorType("IQ2_XS", 256, 74),
    18: TensorType("IQ3_XXS", 256, 98),
    19: TensorType("IQ1_S", 256, 50),
    20: TensorType("IQ4_NL", 32, 18),
    21: TensorType("IQ3_S", 256, 110),
    22: TensorType("IQ2_S", 256, 82),
    23: TensorType("IQ4_XS", 256, 136),
    24: TensorType("I8", 1, 1),
    25: TensorType("I16", 1, 2),
    26: TensorType("I32", 1, 4),
    27: TensorType("I64", 1, 8),
    28: TensorType("F64", 1, 8),
    29: TensorType("IQ1_M", 256, 56),
    30: TensorType("BF16", 1, 2),
    34: TensorType("TQ1_0", 256, 54),
    35: TensorType("TQ2_0", 256, 66),
    39: TensorType("MXFP4", 32, 17),
    40: TensorType("NVFP4", 64, 36),
    41: TensorType("Q1_0", 128, 18),
    42: TensorType("Q2_0", 64, 18),
}

FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4",
    39: "NVFP4",
    40: "Q1_0",
    41: "Q2_0",
}
"""`general.file_type` (`llama_ftype`) as people write it."""
