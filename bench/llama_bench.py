"""Runs llama.cpp's own benchmark, llama-bench, on a model file."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Literal

import msgspec

from bench.direct_job import ENGINE_ROWS
from bench.llama_server import PeerError
from bench.machine import clean_environment

Settings = Literal["defaults", "engine"]
ARGUMENTS: dict[Settings, tuple[str, ...]] = {
    "defaults": (),
    "engine": ("-b", str(ENGINE_ROWS), "-ub", str(ENGINE_ROWS), "-fa", "off"),
}


class _Test(msgspec.Struct, frozen=True):
    n_prompt: int
    n_gen: int
    avg_ns: float


def measure(
    program: Path, model: Path, *, n_threads: int, n_prompt: int, n_decode: int, settings: Settings
) -> tuple[float, float]:
    """Milliseconds of a cold prefill, and of one decoded token after it. One warmed-up run of each.

    Raises PeerError.
    """
    command = [str(program), "--model", str(model), "--threads", str(n_threads), "-r", "1"]
    command += ["--output", "json", "--offline", *ARGUMENTS[settings]]
    prefill = _run([*command, "-p", str(n_prompt), "-n", "0"])
    decode = _run([*command, "-p", "0", "-n", str(n_decode), "-d", str(n_prompt)])
    return prefill.avg_ns / 1e6, decode.avg_ns / 1e6 / n_decode


def _run(command: list[str]) -> _Test:
    try:
        done = subprocess.run(command, capture_output=True, check=False, env=clean_environment())
    except OSError as error:
        raise PeerError(f"{command[0]} could not be run: {error}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-3:]
        raise PeerError(f"llama-bench failed with exit code {done.returncode}: {' '.join(said)}")
    return msgspec.json.decode(done.stdout, type=list[_Test])[0]
