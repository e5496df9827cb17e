"""The demonstration's places must be in the file it opens."""

from __future__ import annotations

import pytest

from bench.demo import FILE, PLACES, Place


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.typed.strip())
def test_the_place_is_there(place: Place) -> None:
    assert f"\n{place.line_start}" in FILE.read_text(encoding="utf-8")
    assert place.line_start.startswith(place.typed) or place.typed.startswith(place.line_start)
