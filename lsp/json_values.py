"""What came as JSON and is not checked yet, given a type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast


def as_object(value: Any) -> Mapping[str, object] | None:
    """The value if it is a JSON object, whose keys are then strings; else None."""
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else None
