"""A model file that passes every check in Python and yet ends the process that loads it."""

from __future__ import annotations

from tests.support.gguf_files import Gguf, u32
from tests.support.tiny_models import tiny_models


def crashing_model() -> Gguf:
    """Rotates half of each head, which the runtime asserts against while it builds this
    architecture's graph.

    If the checks come to know that, take another architecture: a test says so.
    """
    return tiny_models()["arcee"].having(arcee__rope__dimension_count=u32(8))
