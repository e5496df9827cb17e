"""What this machine has, as far as it matters to a model, and how many threads to use of it.

Containers and service managers limit processor time, processors and memory below what the machine
has; asking for more than the limit makes a model slower or gets the process killed, so the limits
are what counts here.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil

from inference.cgroups import Cgroups

_ROOT = Path("/")
_LOOK_S = 0.2
_KNOWN_FEATURES = [
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "f16c",
    "bmi2",
    "avx_vnni",
    "avx512f",
    "avx512bw",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "asimddp",
    "asimdhp",
    "i8mm",
    "bf16",
    "sve",
    "sve2",
    "sme",
    "rvv",
    "vsx",
]
"""Instruction sets that the runtime has kernels for, by Linux's names."""


class ThreadChoice(msgspec.Struct, frozen=True):
    n_threads: int
    reason: str


class RuntimeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a model runtime says about itself."""

    name: str
    version: str
    system_info: str
    """Its own line about the instruction sets it was built for."""
    has_gpu: bool
    """Whether it was built with a GPU backend and finds a device for it."""


class HardwareReport(msgspec.Struct, frozen=True, kw_only=True):
    cpu_name: str
    cpu_features: tuple[str, ...]
    """Of `_KNOWN_FEATURES`; empty where the system does not list them (see the runtime's line)."""
    n_physical_cores: int
    n_logical_cores: int
    n_usable_cores: int
    """Physical cores this process may run on."""
    cpu_quota: float | None
    """CPUs' worth of time that a container allows; None without such a limit."""
    n_busy_cores: float
    """Logical cores' worth of time that programs used while this was made."""
    total_memory_bytes: int
    available_memory_bytes: int
    """Free, or freed by the system on demand, within all limits."""
    memory_limit_bytes: int | None
    """A container's limit; None without one."""
    n_threads: int
    threads_reason: str
    runtime: RuntimeInfo | None
    runtime_error: str | None
    """Why the runtime cannot be used, where `runtime` is None."""


def hardware_report() -> HardwareReport:
    """Looks at the machine and the installed runtime; loads the runtime's libraries, no model."""
    runtime, runtime_error = _runtime()
    threads = choose_threads()
    limits = Cgroups(_ROOT)
    return HardwareReport(
        cpu_name=_cpu_name(),
        cpu_features=_cpu_features(),
        n_physical_cores=psutil.cpu_count(logical=False) or os.cpu_count() or 1,
        n_logical_cores=os.cpu_count() or 1,
        n_usable_cores=_usable_cores()[0],
        cpu_quota=limits.cpu_quota(),
        n_busy_cores=busy_cores(),
        total_memory_bytes=psutil.virtual_memory().total,
        available_memory_bytes=available_memory(),
        memory_limit_bytes=limits.memory_limit(),
        n_threads=threads.n_threads,
        threads_reason=threads.reason,
        runtime=runtime,
        runtime_error=runtime_error,
    )


def available_memory() -> int:
    """Bytes that can be had now, within the limits of a container."""
    free = psutil.virtual_memory().available
    limit = Cgroups(_ROOT).memory_available()
    return free if limit is None else min(free, limit)


def busy_cores() -> float:
    """Logical cores' worth of time that is used now, on the whole machine. Waits for a moment."""
    return (os.cpu_count() or 1) * psutil.cpu_percent(interval=_LOOK_S) / 100


def choose_threads() -> ThreadChoice:
    """One thread for each physical core this process may use.

    Decoding is bound by memory bandwidth, so two threads on one core gain nothing and wait for
    each other; and threads wait for the slowest one, so efficiency cores are left out.
    """
    n_cores, what = _usable_cores()
    quota = Cgroups(_ROOT).cpu_quota()
    if quota is not None and quota < n_cores:
        n_threads = max(int(quota), 1)
        return ThreadChoice(n_threads, f"a container limits this process to {quota:g} CPUs")
    return ThreadChoice(n_cores, what)


def _usable_cores() -> tuple[int, str]:
    """How many physical cores this process should use, and what they are."""
    n_machine = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    if sys.platform == "darwin":
        n_fast = _sysctl("hw.perflevel0.physicalcpu")
        if n_fast.isdigit() and 0 < int(n_fast) < n_machine:
            return int(n_fast), "the performance cores"
    if sys.platform != "linux":
        return n_machine, "the physical cores"
    allowed = os.sched_getaffinity(0)
    fast = allowed & _cpu_list(_read("sys/devices/cpu_core/cpus"))
    # A process may be confined to the efficiency cores; then those are what there is.
    cores = _physical_cores(fast or allowed)
    if fast and fast != allowed:
        return len(cores), "the performance cores this process may run on"
    if len(allowed) < (os.cpu_count() or 1):
        return len(cores), f"the cores of the {len(allowed)} CPUs this process is confined to"
    return len(cores), "the physical cores"


def _physical_cores(cpus: set[int]) -> set[str]:
    """CPUs that are threads of the same core have the same list of siblings."""
    cores: set[str] = set()
    for cpu in cpus:
        topology = f"sys/devices/system/cpu/cpu{cpu}/topology"
        siblings = _read(f"{topology}/core_cpus_list") or _read(f"{topology}/thread_siblings_list")
        cores.add(siblings or str(cpu))
    return cores


def _cpu_list(text: str) -> set[int]:
    """The kernel's notation: `0-3,8`."""
    cpus: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", text):
        cpus.update(range(int(first), int(last or first) + 1))
    return cpus


def _cpu_name() -> str:
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string") or platform.machine()
    name = re.search(r"^model name\s*:\s*(.+)$", _read("proc/cpuinfo"), re.MULTILINE)
    return name[1].strip() if name else platform.processor() or platform.machine() or "unknown"


def _cpu_features() -> tuple[str, ...]:
    listed = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", _read("proc/cpuinfo"), re.MULTILINE)
    found = set(listed[1].split()) if listed else set[str]()
    return tuple(name for name in _KNOWN_FEATURES if name in found)


def _runtime() -> tuple[RuntimeInfo | None, str | None]:
    try:
        # Imported here: whoever only asks for threads or memory does not load the runtime.
        from inference.backends.llama_cpp_info import runtime_info

        return runtime_info(), None
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        return None, f"The model runtime cannot be loaded ({error}); install Sotto again."


def _read(name: str) -> str:
    try:
        return (_ROOT / name).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _sysctl(name: str) -> str:
    try:
        command = ["/usr/sbin/sysctl", "-n", name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603 - fixed program, no shell
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
