"""What the three measurements from a key to the screen say of an editor."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bench.machine import Provenance, provenance
from bench.summary import Summary, figure, summarise, table

Sample = tuple[float, float]
"""Milliseconds from the key to the screen, and the server's of them."""


class EditorRun(msgspec.Struct, frozen=True, kw_only=True):
    editor: str
    """With what is particular to the run."""
    n_without: int
    """Keys that brought nothing new."""
    key_to_screen_ms: Summary
    server_ms: Summary


class EditorLatency(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    runs: list[EditorRun]


def run_of(editor: str, on_screen: Sequence[float], server: Sequence[float], n: int) -> EditorRun:
    """
    Args:
        n: keys that were pressed.
    """
    return EditorRun(
        editor=editor,
        n_without=n - len(on_screen),
        key_to_screen_ms=summarise(on_screen),
        server_ms=summarise(server),
    )


def result_of(runs: list[EditorRun]) -> EditorLatency:
    return EditorLatency(provenance=provenance(), runs=runs)


def report(result: EditorLatency) -> str:
    rows = [["ms", "keys", "key to screen, p50", "p95", "server, p50", "p95"]]
    for run in result.runs:
        screen, server = run.key_to_screen_ms, run.server_ms
        figures = (screen.p50, screen.p95, server.p50, server.p95)
        rows.append([run.editor, str(screen.n), *map(figure, figures)])
    return table(rows)
