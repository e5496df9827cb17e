"""Engines that do not measure what rows cost: what was measured on the machine of the day decides
who speculates, and two engines that are to say the same would not always agree about that."""

from __future__ import annotations

from collections.abc import Callable

from inference.config import EngineConfig
from inference.loading import LoadedModel, load_model
from inference.speculation.verify_cost import VerifyCost


def straight(row_ms: float) -> dict[int, float]:
    """10 ms for a call and some for each row."""
    return {n_rows: 10.0 + row_ms * n_rows for n_rows in (1, 32)}


CHEAP_ROWS = straight(0.1)
"""Milliseconds of a call by its rows. With these all requests speculate and share calls (but those
of models whose rows do not agree), …"""
DEAR_ROWS = {1: 10.0, 2: 20.0, 8: 25.0, 32: 50.0}
"""… and with these edits alone, as with most models on a CPU."""


class FixedCosts(VerifyCost):
    def __init__(self, rows: dict[int, float]) -> None:
        super().__init__()
        for n_rows, ms in rows.items():
            super().calibrate(n_rows, ms)

    def calibrate(self, n_rows: int, ms: float) -> None:
        pass

    def record(self, n_rows: int, ms: float) -> None:
        pass


def load_with_cheap_rows(config: EngineConfig, report: Callable[[float], bool]) -> LoadedModel:
    """For `Engine(load=…)`."""
    return _load(config, report, CHEAP_ROWS)


def load_with_dear_rows(config: EngineConfig, report: Callable[[float], bool]) -> LoadedModel:
    """For `Engine(load=…)`."""
    return _load(config, report, DEAR_ROWS)


def _load(
    config: EngineConfig, report: Callable[[float], bool], rows: dict[int, float]
) -> LoadedModel:
    loaded = load_model(config, report)
    if loaded.speculation is not None:
        loaded.speculation.costs = FixedCosts(rows)
        loaded.speculation.decide()
    return loaded
