"""`sotto bench`: tries a model of the user's own, where Sotto's source is at hand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lsp import terminal

_SOURCE = Path(__file__).resolve().parent.parent


def bench(module: str, arguments: Sequence[str]) -> int:
    """Runs a benchmark in a process of its own; returns its exit status."""
    if not (_SOURCE / "bench" / f"{module}.py").is_file():
        terminal.write_error(
            "`bench` takes its cases from Sotto's source, which is not here; run it in a clone "
            "after `make setup`."
        )
        return 1
    command = [sys.executable, "-m", f"bench.{module}", *arguments]
    return subprocess.run(command, cwd=_SOURCE, check=False).returncode  # noqa: S603 - our own
