"""How a prompt is cut into calls."""

from __future__ import annotations

import pytest

from inference.backends.base import RowPolicy
from inference.chunks import PrefillChunk, next_chunk

POLICIES = [RowPolicy(64), RowPolicy(64, 2), RowPolicy(64, 8, 4), RowPolicy(15, 6, 3)]


def calls(n_past: int, n_prompt: int, rows: RowPolicy) -> list[PrefillChunk]:
    chunks: list[PrefillChunk] = []
    while n_past < n_prompt:
        chunk = next_chunk(n_past, n_prompt, rows)
        assert 0 <= chunk.start <= n_past < chunk.end <= n_prompt
        chunks.append(chunk)
        n_past = chunk.end
    return chunks


@pytest.mark.parametrize("rows", POLICIES)
def test_every_call_has_an_allowed_number_of_rows(rows: RowPolicy) -> None:
    for n_prompt in range(1, 150):
        for n_past in range(n_prompt):
            for chunk in calls(n_past, n_prompt, rows):
                n_rows = chunk.end - chunk.start
                assert n_rows <= rows.maximum
                if n_prompt > rows.minimum:
                    assert n_rows >= rows.minimum
                    assert n_rows % rows.multiple == 0
                else:
                    assert n_rows == n_prompt


def test_plain_rows_need_no_overlap() -> None:
    assert calls(3, 130, RowPolicy(64)) == [
        PrefillChunk(3, 67),
        PrefillChunk(67, 130),
    ]


def test_a_single_row_takes_the_one_before_along() -> None:
    assert calls(99, 100, RowPolicy(64, 2)) == [PrefillChunk(98, 100)]


def test_a_whole_prompt_is_cut_so_that_no_row_is_evaluated_twice() -> None:
    assert calls(0, 65, RowPolicy(64, 2)) == [PrefillChunk(0, 62), PrefillChunk(62, 65)]
    for n_prompt in range(2, 300):
        chunks = calls(0, n_prompt, RowPolicy(64, 2))
        assert sum(chunk.end - chunk.start for chunk in chunks) == n_prompt


def test_a_prompt_of_no_whole_multiple_is_overlapped() -> None:
    rows = RowPolicy(64, 8, 4)
    assert calls(0, 10, rows) == [PrefillChunk(0, 8), PrefillChunk(2, 10)]
    assert calls(9, 10, rows) == [PrefillChunk(2, 10)]


def test_inconsistent_policies_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples"):
        RowPolicy(64, 3, 2)


@pytest.mark.parametrize("rows", POLICIES)
def test_without_going_back_only_the_last_call_is_no_multiple(rows: RowPolicy) -> None:
    for n_prompt in range(1, 300):
        n_past = 0
        while n_past < n_prompt:
            chunk = next_chunk(n_past, n_prompt, rows, can_go_back=False)
            assert chunk.start == n_past
            n_rows = chunk.end - chunk.start
            assert min(rows.minimum, n_prompt) <= n_rows <= rows.maximum
            assert n_rows % rows.multiple == 0 or chunk.end == n_prompt
            n_past = chunk.end
