"""Percentiles against numpy's, and empty samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.summary import figure, percentile, ratio, summarise, table

samples = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50)


@settings(deadline=None)  # busy machines
@given(samples, st.floats(0, 1))
def test_percentiles_are_numpys(sample: list[float], share: float) -> None:
    expected = float(np.percentile(np.array(sample), 100 * share))
    assert percentile(sample, share) == pytest.approx(expected, abs=1e-3)


def test_an_empty_sample_has_no_figures() -> None:
    assert percentile([], 0.5) is None
    assert summarise([]).p50 is None
    assert figure(None) == "–"
    assert ratio(1, 0) is None
    assert ratio(None, 2) is None


def test_a_table_is_aligned() -> None:
    assert table([["", "a"], ["long", "1.0"]]) == "        a\n─────────\nlong  1.0"
