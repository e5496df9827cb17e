"""What `bench.direct` is asked and answers, and how many rows its calls have.

Apart from it, because importing that module loads the runtime's libraries, which read their
environment then: a process that runs the engine must leave that to the engine.
"""

from __future__ import annotations

import msgspec

ENGINE_ROWS = 128
"""In one call, with the engine's settings."""


class Job(msgspec.Struct, frozen=True):
    tokens: list[int]
    n_decode: int


class Timing(msgspec.Struct, frozen=True):
    prefill_ms: float
    token_ms: list[float]
    """When each token was known, from the start of the job."""
    cpu_ms: list[float]
    """Processor time of all threads until then."""
    tokens: list[int]
