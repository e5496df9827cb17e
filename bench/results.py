"""Where results are kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

import msgspec

from bench.machine import Provenance

DIRECTORY = Path(__file__).resolve().parent / "results"


class Result(Protocol):
    """A `msgspec.Struct`."""

    @property
    def provenance(self) -> Provenance: ...


def save(kind: str, result: Result, out: Path | None) -> Path:
    """Write a result as JSON, named by kind, day and commit unless `out` says otherwise."""
    if out is None:
        made = result.provenance
        DIRECTORY.mkdir(exist_ok=True)
        out = DIRECTORY / f"{kind}-{made.date[:10]}-{made.commit}.json"
    pretty = msgspec.json.format(msgspec.json.encode(result), indent=1)
    # Samples of hundreds of numbers stay on one line each.
    pretty = re.sub(rb"\[[-\d.,\s]*\]", lambda match: b"".join(match[0].split()), pretty)
    out.write_bytes(pretty + b"\n")
    return out
