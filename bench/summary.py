"""The few statistics that the reports use, and plain tables of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A sample in six numbers, in the unit of its values; None throughout if it was empty."""

    n: int
    p50: float | None
    p95: float | None
    p99: float | None
    mean: float | None
    max: float | None


def percentile(values: Iterable[float], share: float) -> float | None:
    """The value below which `share` (0 to 1) of the sample lies, interpolated linearly between
    neighbours (Hyndman and Fan's type 7, numpy's default); None for an empty sample."""
    ordered = sorted(values)
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median(values: Iterable[float]) -> float | None:
    return percentile(values, 0.5)


def summarise(values: Iterable[float], digits: int = 2) -> Summary:
    """Reduce a sample, rounded to `digits`."""
    sample = sorted(values)
    if not sample:
        return Summary(n=0, p50=None, p95=None, p99=None, mean=None, max=None)

    def at(share: float) -> float:
        value = percentile(sample, share)
        assert value is not None
        return round(value, digits)

    return Summary(
        n=len(sample),
        p50=at(0.5),
        p95=at(0.95),
        p99=at(0.99),
        mean=round(sum(sample) / len(sample), digits),
        max=round(sample[-1], digits),
    )


def ratio(numerator: float | None, denominator: float | None) -> float | None:
    """None where it would say nothing."""
    return None if numerator is None or not denominator else numerator / denominator


def figure(value: float | None, digits: int = 1) -> str:
    """A number for a table; `–` where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns, the first row a heading; the first column to the left, others right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "─" * max(map(len, lines)))
    return "\n".join(lines)
