"""Limits that a container or a service manager sets on this process, on Linux.

Both versions of the kernel's control groups; `cpu.max`, `memory.max` and their version 1
counterparts, from the process's own group up to the root, as each level may be stricter.
Source: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ in the Linux kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_NO_LIMIT = 2**60
"""Version 1 writes a number near 2**63 for "no limit"."""


class Cgroups:
    """Reads the limits anew at each call. On other systems there are none.

    Args:
        root: where `/proc` and `/sys` are; another folder in tests.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._mount = root / "sys/fs/cgroup"
        self._membership = root / "proc/self/cgroup"

    def cpu_quota(self) -> float | None:
        """CPUs' worth of time this process may use; None without a limit."""
        quotas: list[float] = []
        for folder in self._folders("cpu"):
            limit, *rest = _read(folder / "cpu.max").split() or [""]
            period = rest[0] if rest else ""
            if not limit:
                limit = _read(folder / "cpu.cfs_quota_us")
                period = _read(folder / "cpu.cfs_period_us")
            if limit.isdigit() and period.isdigit() and int(period) > 0:
                quotas.append(int(limit) / int(period))
        return min(quotas, default=None)

    def memory_limit(self) -> int | None:
        """Bytes this process's strictest group may use; None without a limit."""
        strictest = self._strictest()
        return None if strictest is None else strictest[0]

    def memory_available(self) -> int | None:
        """Bytes left below the tightest limit; None without a limit.

        Pages of files that are not in use count as free: the kernel drops them when it must.
        """
        left = [
            max(limit - max(used - reclaimable, 0), 0)
            for limit, used, reclaimable in self._memory_groups()
        ]
        return min(left, default=None)

    def _strictest(self) -> tuple[int, int, int] | None:
        return min(self._memory_groups(), default=None)

    def _memory_groups(self) -> Iterator[tuple[int, int, int]]:
        """Limit, use and reclaimable bytes of each group that has a limit."""
        for folder in self._folders("memory"):
            limit = _read(folder / "memory.max") or _read(folder / "memory.limit_in_bytes")
            used = _read(folder / "memory.current") or _read(folder / "memory.usage_in_bytes")
            if not (limit.isdigit() and used.isdigit()) or int(limit) >= _NO_LIMIT:
                continue
            reclaimable = 0
            for line in _read(folder / "memory.stat").splitlines():
                name, _, value = line.partition(" ")
                # Version 1 has both names; the total includes the groups below.
                if name in ("inactive_file", "total_inactive_file") and value.isdigit():
                    reclaimable = max(reclaimable, int(value))
            yield int(limit), int(used), reclaimable

    def _folders(self, controller: str) -> Iterator[Path]:
        """Groups this process is in, innermost first, of both versions."""
        for line in _read(self._membership).splitlines():
            _, _, rest = line.partition(":")
            controllers, _, group = rest.partition(":")
            if controllers and controller not in controllers.split(","):
                continue
            if not controllers:
                bases = [self._mount, self._mount / "unified"]
            else:
                bases = [self._mount / controllers, self._mount / controller]
            for base in bases:
                # In a container the path is the host's, of which only the end, or nothing, exists.
                folder = base / group.strip("/")
                while True:
                    yield folder
                    if folder == base:
                        break
                    folder = folder.parent


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
