from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from inference import hardware
from inference.hardware import ThreadChoice, available_memory, choose_threads, hardware_report

T = TypeVar("T")


def always(value: T) -> Callable[..., T]:
    """A function that gives this whatever it is asked."""

    def give(*_args: object, **_kwargs: object) -> T:
        return value

    return give


class Machine:
    """A pretended Linux machine: files below `root`, and the CPUs this process may run on."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(hardware, "_ROOT", root)
        monkeypatch.setattr(sys, "platform", "linux")

    def put(self, name: str, content: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def cpus(self, n: int, *, threads_per_core: int, allowed: set[int] | None = None) -> None:
        allowed = set(range(n)) if allowed is None else allowed
        self._monkeypatch.setattr(os, "cpu_count", always(n))
        self._monkeypatch.setattr(os, "sched_getaffinity", always(allowed), raising=False)
        self._monkeypatch.setattr(psutil, "cpu_count", always(n // threads_per_core))
        for cpu in range(n):
            first = cpu - cpu % threads_per_core
            siblings = ",".join(str(first + i) for i in range(threads_per_core))
            self.put(f"sys/devices/system/cpu/cpu{cpu}/topology/core_cpus_list", siblings)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_one_thread_for_each_physical_core(machine: Machine) -> None:
    machine.cpus(8, threads_per_core=2)
    assert choose_threads() == ThreadChoice(4, "the physical cores")


def test_only_cores_this_process_may_run_on(machine: Machine) -> None:
    machine.cpus(8, threads_per_core=2, allowed={0, 1, 2})
    expected = "the cores of the 3 CPUs this process is confined to"
    assert choose_threads() == ThreadChoice(2, expected)


def test_a_containers_quota(machine: Machine) -> None:
    machine.cpus(8, threads_per_core=1)
    machine.put("proc/self/cgroup", "0::/\n")
    machine.put("sys/fs/cgroup/cpu.max", "250000 100000\n")
    assert choose_threads() == ThreadChoice(2, "a container limits this process to 2.5 CPUs")
    machine.put("sys/fs/cgroup/cpu.max", "50000 100000\n")
    assert choose_threads().n_threads == 1
    machine.put("sys/fs/cgroup/cpu.max", "900000 100000\n")
    assert choose_threads() == ThreadChoice(8, "the physical cores")


def test_efficiency_cores_are_left_out_unless_there_are_no_others(machine: Machine) -> None:
    machine.cpus(8, threads_per_core=1)
    machine.put("sys/devices/cpu_core/cpus", "0-3")
    expected = "the performance cores this process may run on"
    assert choose_threads() == ThreadChoice(4, expected)
    machine.cpus(8, threads_per_core=1, allowed={5, 6})
    assert choose_threads().n_threads == 2


def test_a_system_without_topology_files(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", always(3))
    monkeypatch.setattr(os, "sched_getaffinity", always({0, 1, 2}), raising=False)
    monkeypatch.setattr(psutil, "cpu_count", always(None))
    assert choose_threads().n_threads == 3


def test_performance_cores_of_a_mac(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"hw.perflevel0.physicalcpu": "6", "machdep.cpu.brand_string": "Apple M4"}
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(psutil, "cpu_count", always(10))

    def sysctl(name: str) -> str:
        return answers.get(name, "")

    monkeypatch.setattr(hardware, "_sysctl", sysctl)
    assert choose_threads() == ThreadChoice(6, "the performance cores")
    assert hardware_report().cpu_name == "Apple M4"
    answers.clear()
    assert choose_threads() == ThreadChoice(10, "the physical cores")


def test_other_systems(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(psutil, "cpu_count", always(4))
    assert choose_threads() == ThreadChoice(4, "the physical cores")


def test_memory_within_a_containers_limit(machine: Machine) -> None:
    assert available_memory() > 10_000
    machine.put("proc/self/cgroup", "0::/\n")
    machine.put("sys/fs/cgroup/memory.max", "10000\n")
    machine.put("sys/fs/cgroup/memory.current", "4000\n")
    assert available_memory() == 6000
    assert hardware_report().memory_limit_bytes == 10_000


def test_name_and_features_of_an_x86_and_an_arm(machine: Machine) -> None:
    machine.cpus(1, threads_per_core=1)
    machine.put("proc/cpuinfo", "model name\t: Some CPU @ 3 GHz\nflags\t\t: fpu avx2 fma avx\n")
    report = hardware_report()
    assert (report.cpu_name, report.cpu_features) == ("Some CPU @ 3 GHz", ("avx", "avx2", "fma"))
    machine.put("proc/cpuinfo", "Features\t: fp asimd asimddp i8mm\nCPU part\t: 0xd4f\n")
    assert hardware_report().cpu_features == ("asimd", "asimddp", "i8mm")


def test_a_runtime_that_does_not_load_is_reported_not_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "inference.backends.llama_cpp_info", None)
    report = hardware_report()
    assert report.runtime is None
    assert report.runtime_error is not None
    assert "install Sotto again" in report.runtime_error


def test_asking_for_threads_loads_no_runtime() -> None:
    program = (
        "import sys; from inference.hardware import available_memory, choose_threads;"
        "choose_threads(); available_memory();"
        "sys.exit(any(name.split('.')[0] == 'llama_cpp' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_cores_that_are_busy(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.cpus(8, threads_per_core=2)
    monkeypatch.setattr(psutil, "cpu_percent", always(25.0))
    assert hardware_report().n_busy_cores == 2.0
