"""What the soak says of its rounds."""

from __future__ import annotations

import pytest

from bench.soak import drift


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([4.0], None),
        ([4.0, None], None),
        ([0.0, 5.0], None),
        ([10.0, 11.0], 0.1),
        ([10.0, 99.0, 9.0], -0.1),
        # Medians of thirds: one bad round at either end says nothing.
        ([10.0, 80.0, 10.0, 7.0, 7.0, 7.0, 12.0, 12.0, 90.0], 0.2),
    ],
)
def test_drift_compares_the_last_third_with_the_first(
    values: list[float | None], expected: float | None
) -> None:
    assert drift(values) == expected
