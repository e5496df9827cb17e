"""What the benchmarks' commands have in common: how they are asked, and where results go."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bench.errors import BenchError
from bench.results import Result, save
from inference import InferenceError

R = TypeVar("R", bound=Result)


def command(name: str, description: str | None) -> argparse.ArgumentParser:
    """A parser for `python -m bench.NAME`."""
    return argparse.ArgumentParser(
        prog=f"python -m bench.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", type=Path, metavar="FILE", help="a GGUF file; default: the built-in model"
    )


def add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="default: a new file in bench/results/"
    )


def run(
    kind: str, measure: Callable[[], R], report: Callable[[R], str], out: Path | None
) -> R | None:
    """Measures, prints the report and saves the result. None if it could not be measured, of which
    the reason is printed then."""
    try:
        result = measure()
    except (BenchError, InferenceError) as error:
        print(error, file=sys.stderr)
        return None
    print(report(result))
    print(f"written to {save(kind, result, out)}", file=sys.stderr)
    return result
