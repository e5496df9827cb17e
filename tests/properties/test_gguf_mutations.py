"""Whatever bytes a file has, reading its header ends in a header or in a `ModelError`."""

from __future__ import annotations

import tempfile
import tracemalloc
from dataclasses import replace
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from inference.errors import ModelError
from inference.models.gguf_format import ValueType
from inference.models.summary import ModelSummary, inspect_model
from tests.support.gguf_files import Gguf, Tensor, Value, tiny_model, u32

WHOLE = tiny_model().to_bytes()
HEADER_BYTES = len(tiny_model().header())
MAX_MEMORY_BYTES = 8 * 2**20
"""For files of 64 kB: a window, the vocabulary's hashes, and Python's own objects."""


def inspect(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.gguf"
        path.write_bytes(content)
        tracemalloc.start()
        try:
            result = outcome(path)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < MAX_MEMORY_BYTES
    if isinstance(result, ModelSummary):
        assert result.size_bytes == len(content)
        assert 0 < result.n_params < 10**6
        assert 0 <= result.kv_bytes_per_token < 10**12
    else:
        assert result.endswith(".")
        assert "m.gguf" in result


def outcome(path: Path) -> ModelSummary | str:
    try:
        return inspect_model(path)
    except ModelError as error:
        return str(error)


@given(st.binary(max_size=2_000))
def test_any_bytes(content: bytes) -> None:
    inspect(content)
    inspect(b"GGUF" + content)
    inspect(WHOLE[:24] + content)


@given(
    st.lists(
        st.tuples(st.integers(0, HEADER_BYTES - 1), st.integers(0, 255)), min_size=1, max_size=8
    )
)
def test_changed_bytes(changes: list[tuple[int, int]]) -> None:
    content = bytearray(WHOLE)
    for position, byte in changes:
        content[position] = byte
    inspect(bytes(content))


@given(
    st.integers(0, HEADER_BYTES - 8), st.sampled_from([2**64 - 1, 2**63, 2**32, 2**31 - 1, 0, 1])
)
def test_absurd_numbers_anywhere(position: int, number: int) -> None:
    inspect(WHOLE[:position] + number.to_bytes(8, "little") + WHOLE[position + 8 :])


@given(st.integers(0, HEADER_BYTES), st.integers(0, HEADER_BYTES), st.integers(0, HEADER_BYTES))
def test_pieces_cut_out_repeated_and_cut_off(start: int, end: int, at: int) -> None:
    piece = WHOLE[min(start, end) : max(start, end)]
    inspect(WHOLE[:at] + piece + WHOLE[at:])
    inspect(WHOLE[: min(start, end)] + WHOLE[max(start, end) :])
    inspect(WHOLE[:at])


@given(
    st.sampled_from([str(key) for key, _ in tiny_model().metadata]),
    st.builds(Value, st.sampled_from(list(ValueType)), st.binary(max_size=64)),
)
@example("qwen3.attention.head_count", u32(0))
@example("qwen3.block_count", u32(2**32 - 1))
def test_any_value_for_any_key(key: str, value: Value) -> None:
    inspect(tiny_model().having(**{key: value}).to_bytes())


@given(
    st.lists(
        st.builds(
            Tensor,
            name=st.text(max_size=70),
            shape=st.lists(st.integers(0, 2**64 - 1), max_size=6).map(tuple),
            type_number=st.integers(0, 50),
            offset=st.integers(0, 2**64 - 1),
        ),
        max_size=4,
    )
)
def test_any_tensors(tensors: list[Tensor]) -> None:
    gguf = replace(tiny_model(), tensors=tuple(tensors))
    inspect(gguf.header() + bytes(4_096))


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_any_counts(n_keys: int, n_tensors: int) -> None:
    inspect(replace(tiny_model(), n_keys=n_keys, n_tensors=n_tensors).to_bytes())
    inspect(Gguf(n_keys=n_keys, n_tensors=n_tensors).to_bytes())
