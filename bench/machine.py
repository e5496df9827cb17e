"""What a result was measured on: machine, versions, commit. Goes into every result file."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec
import psutil

PROJECT = Path(__file__).resolve().parent.parent
_ENGINE_VARIABLES = {"GOMP_SPINCOUNT", "GGML_NO_BACKTRACE"}


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The hardware, without anything that names its owner or place."""

    cpu: str
    cpu_features: tuple[str, ...]
    n_cores: int
    """Logical cores this process may run on."""
    memory_bytes: int
    system: str
    load_before: float | None
    """One-minute load average when the measurement began; None where the system has none."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Enough to repeat a measurement or to see why two of them differ."""

    date: str
    commit: str
    """Short hash; `+changes` is appended if tracked files differed from it."""
    versions: dict[str, str]
    machine: Machine


def provenance() -> Provenance:
    """Describe here and now."""
    names = ("sotto", "llama-cpp-python", "pygls", "lsprotocol", "msgspec", "numpy")
    versions = {"python": platform.python_version()}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return Provenance(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=commit(),
        versions=versions,
        machine=machine(),
    )


def machine() -> Machine:
    """Describe the hardware."""
    return Machine(
        cpu=cpu_model(),
        cpu_features=cpu_features(),
        n_cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else _cores(),
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.release()}",
        load_before=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )


def clean_environment() -> dict[str, str]:
    """This process's environment for a child, without what the engine sets here for its own
    libraries: neither a peer nor a server is to inherit that."""
    return {name: value for name, value in os.environ.items() if name not in _ENGINE_VARIABLES}


def commit() -> str:
    """The commit the project is at, or `unknown` outside a checkout."""
    described = _git("rev-parse", "--short=12", "HEAD")
    if not described:
        return "unknown"
    return f"{described}+changes" if _git("status", "--porcelain", "-uno") else described


def cpu_model() -> str:
    """The processor's name as the system gives it."""
    for line in _cpuinfo():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cpu_features() -> tuple[str, ...]:
    """The instruction sets that matter to matrix kernels; empty where they cannot be read."""
    wanted = ("avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni")
    wanted += ("amx_tile", "amx_int8", "asimd", "asimddp", "i8mm", "sve")
    for line in _cpuinfo():
        if line.lower().startswith(("flags", "features")):
            present = set(line.partition(":")[2].split())
            return tuple(name for name in wanted if name in present)
    return ()


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _cores() -> int:
    return os.cpu_count() or 1


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(PROJECT), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
