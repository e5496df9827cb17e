"""What the latency benchmark keeps of its runs, and how it reads."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from bench.machine import Provenance
from bench.replay import Keystroke
from bench.summary import Summary, figure, ratio, summarise, table
from lsp.protocol import StatusModel

MANY_TOKENS = 16
"""A key that had to wait for more than so many prompt tokens waited for a re-evaluation."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One process that was typed into once."""

    name: str
    n_keys: int
    n_shown: int
    n_answered: int
    shown_ms: Summary
    answered_ms: Summary
    mean_chars_shown: float | None
    seconds: float
    cpu_seconds: float
    rss_bytes: int
    empty_reasons: dict[str, int]
    """Why keys got nothing, as the driver saw it."""
    cost: dict[str, Any]
    evaluated_within_line: list[int]
    """Prompt tokens evaluated for each key typed on along a line that reached the model."""
    evaluated_on_new_line: list[int]
    """The same for keys that began to change another line, or made or removed one."""
    shown_ms_each: list[float]
    answered_ms_each: list[float]
    waits_ms_each: list[float]
    """From each key to the next answer, its own or a later key's: keys that were typed over count
    too, or a server that answers only the lucky ones would gain by it."""


class LatencyResult(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    trace: str
    trace_sha256: str
    n_sessions: int
    speed: float | None
    cancels: bool
    warms_up: bool
    """Whether Sotto is told where the cursor was moved to."""
    model: StatusModel
    n_threads: int
    server_options: dict[str, Any]
    """What Sotto was told beyond its defaults."""
    peer: str | None
    peer_arguments: dict[str, tuple[str, ...]]
    """By the run's name."""
    max_tokens: int | None
    """Of an answer, for all; None where each had its own."""
    n_busy: int
    """Processes that only spun meanwhile."""
    runs: list[Run]


def run_of(
    name: str,
    keys: list[Keystroke],
    seconds: float,
    cpu_seconds: float,
    rss_bytes: int,
    cost: dict[str, Any],
) -> Run:
    """A run's figures from what became of its keys."""
    shown = [ms for key in keys if (ms := key.shown_ms) is not None]
    answered = [ms for key in keys if (ms := key.answered_ms) is not None]
    chars = [key.n_chars for key in keys if key.shown_at is not None]
    return Run(
        name=name,
        n_keys=len(keys),
        n_shown=len(shown),
        n_answered=len(answered),
        shown_ms=summarise(shown),
        answered_ms=summarise(answered),
        mean_chars_shown=sum(chars) / len(chars) if chars else None,
        seconds=round(seconds, 2),
        cpu_seconds=round(cpu_seconds, 2),
        rss_bytes=rss_bytes,
        empty_reasons=dict(Counter(key.reason for key in keys if key.reason).most_common()),
        cost=cost,
        evaluated_within_line=[
            n for key in keys if not key.is_new_line and (n := key.n_evaluated) is not None
        ],
        evaluated_on_new_line=[
            n for key in keys if key.is_new_line and (n := key.n_evaluated) is not None
        ],
        shown_ms_each=[round(ms, 2) for ms in shown],
        answered_ms_each=[round(ms, 2) for ms in answered],
        waits_ms_each=[round(ms, 2) for ms in waits_ms(keys)],
    )


def waits_ms(keys: list[Keystroke]) -> list[float]:
    """Milliseconds from each key until the text as it is then has its answer; keys after the last
    answer are left out."""
    waits: list[float] = []
    next_at: float | None = None
    for key in reversed(keys):
        next_at = key.answered_at or next_at
        if next_at is not None:
            waits.append(1e3 * (next_at - key.pressed_at))
    return waits[::-1]


def report(result: LatencyResult) -> str:
    """The comparison as text: runs of the same server pooled."""
    names = list(dict.fromkeys(run.name for run in result.runs))
    pools = [[run for run in result.runs if run.name == name] for name in names]
    rows = [["", *names]]

    def row(label: str, values: list[str]) -> None:
        rows.append([label, *values])

    shown = [summarise(ms for run in pool for ms in run.shown_ms_each) for pool in pools]
    answered = [summarise(ms for run in pool for ms in run.answered_ms_each) for pool in pools]
    n_keys = [sum(run.n_keys for run in pool) for pool in pools]

    def per_key(field: str) -> list[str]:
        sums = [sum(run.cost[field] for run in pool) for pool in pools]
        return [figure(ratio(total, n)) for total, n in zip(sums, n_keys, strict=True)]

    row("keys typed", [str(n) for n in n_keys])
    row("  answered before the next key", _shares([s.n for s in answered], n_keys))
    row("  with ghost text before the next key", _shares([s.n for s in shown], n_keys))
    row("key to ghost text, p50 ms", [figure(s.p50) for s in shown])
    row("                   p95 ms", [figure(s.p95) for s in shown])
    row("key to any answer, p50 ms", [figure(s.p50) for s in answered])
    row("                   p95 ms", [figure(s.p95) for s in answered])
    waits = [summarise(ms for run in pool for ms in run.waits_ms_each) for pool in pools]
    row("key to the next answer, p50 ms", [figure(s.p50) for s in waits])
    row("                        p95 ms", [figure(s.p95) for s in waits])
    prompts = [
        ratio(
            sum(run.cost["n_prompt_tokens"] for run in pool),
            sum(run.cost["n_requests"] for run in pool),
        )
        for pool in pools
    ]
    fewer = [sum(run.cost.get("n_from_fewer_lines", 0) for run in pool) for pool in pools]
    row("  from fewer lines than the whole prompt's", _shares(fewer, n_keys))
    row("prompt tokens per request", [figure(value, 0) for value in prompts])
    evaluated = [
        summarise(n for run in pool for n in run.cost["n_evaluated_each"]) for pool in pools
    ]
    row("tokens evaluated per request, p50", [figure(s.p50, 0) for s in evaluated])
    row("                              p95", [figure(s.p95, 0) for s in evaluated])
    within = [summarise(n for run in pool for n in run.evaluated_within_line) for pool in pools]
    new = [summarise(n for run in pool for n in run.evaluated_on_new_line) for pool in pools]
    row("  for a key within a line, p50", [figure(s.p50, 0) for s in within])
    row("                           p95", [figure(s.p95, 0) for s in within])
    row("                          mean", [figure(s.mean) for s in within])
    row("  for the first key on a line, p50", [figure(s.p50, 0) for s in new])
    row("                               p95", [figure(s.p95, 0) for s in new])
    waited = [sum(_n_waited(run) for run in pool) for pool in pools]
    row(f"keys that waited for over {MANY_TOKENS} tokens", _shares(waited, n_keys))
    row("tokens evaluated per key", per_key("n_evaluated_tokens"))
    row("tokens decoded per key", per_key("n_decoded_tokens"))
    row(
        "  of answers never shown",
        _shares(
            [sum(run.cost["n_never_shown_tokens"] for run in pool) for pool in pools],
            [sum(run.cost["n_decoded_tokens"] for run in pool) for pool in pools],
        ),
    )
    cpu = [
        ratio(1e3 * sum(run.cpu_seconds for run in pool), n)
        for pool, n in zip(pools, n_keys, strict=True)
    ]
    row("CPU ms per key", [figure(value) for value in cpu])
    memory = [max(run.rss_bytes for run in pool) / 2**20 for pool in pools]
    row("resident at the end, MiB", [figure(value, 0) for value in memory])
    lines = [table(rows)]
    for name, pool in zip(names, pools, strict=True):
        reasons: Counter[str] = Counter()
        for run in pool:
            reasons.update(run.cost.get("reasons") or run.empty_reasons)
        said = ", ".join(f"{reason} {n}" for reason, n in reasons.most_common())
        lines.append(f"{name}: nothing shown because of: {said or '–'}")
    return "\n".join(lines)


def _n_waited(run: Run) -> int:
    each = run.evaluated_within_line + run.evaluated_on_new_line
    return sum(n > MANY_TOKENS for n in each)


def _shares(parts: list[int], wholes: list[int]) -> list[str]:
    shares = [ratio(part, whole) for part, whole in zip(parts, wholes, strict=True)]
    return ["–" if share is None else f"{100 * share:.1f} %" for share in shares]
