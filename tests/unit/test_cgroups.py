from __future__ import annotations

from pathlib import Path

from inference.cgroups import Cgroups


def put(root: Path, files: dict[str, str]) -> Cgroups:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Cgroups(root)


def test_no_control_groups_no_limits(tmp_path: Path) -> None:
    limits = Cgroups(tmp_path)
    assert limits.cpu_quota() is None
    assert limits.memory_limit() is None
    assert limits.memory_available() is None


def test_version_2(tmp_path: Path) -> None:
    limits = put(
        tmp_path,
        {
            "proc/self/cgroup": "0::/user.slice/sotto.service\n",
            "sys/fs/cgroup/user.slice/sotto.service/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/user.slice/sotto.service/memory.max": "4000\n",
            "sys/fs/cgroup/user.slice/sotto.service/memory.current": "3000\n",
            "sys/fs/cgroup/user.slice/sotto.service/memory.stat": "anon 1\ninactive_file 500\n",
        },
    )
    assert limits.cpu_quota() == 1.5
    assert limits.memory_limit() == 4000
    assert limits.memory_available() == 1500


def test_the_strictest_level_counts(tmp_path: Path) -> None:
    limits = put(
        tmp_path,
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
            "sys/fs/cgroup/a/cpu.max": "200000 100000\n",
            "sys/fs/cgroup/cpu.max": "300000 100000\n",
            "sys/fs/cgroup/a/b/memory.max": "9000\n",
            "sys/fs/cgroup/a/b/memory.current": "100\n",
            "sys/fs/cgroup/a/memory.max": "9500\n",
            "sys/fs/cgroup/a/memory.current": "9000\n",
        },
    )
    assert limits.cpu_quota() == 2
    assert limits.memory_limit() == 9000
    assert limits.memory_available() == 500


def test_version_1_where_a_container_does_not_see_its_path(tmp_path: Path) -> None:
    limits = put(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "8000\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "6000\n",
            "sys/fs/cgroup/memory/memory.stat": "inactive_file 10\ntotal_inactive_file 1000\n",
        },
    )
    assert limits.cpu_quota() == 0.5
    assert limits.memory_limit() == 8000
    assert limits.memory_available() == 3000


def test_no_limit_as_each_version_writes_it(tmp_path: Path) -> None:
    limits = put(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/\n2:cpu:/\n0::/\n",
            "sys/fs/cgroup/cpu.max": "max 100000\n",
            "sys/fs/cgroup/memory.max": "max\n",
            "sys/fs/cgroup/memory.current": "5\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "5\n",
        },
    )
    assert limits.cpu_quota() is None
    assert limits.memory_limit() is None
    assert limits.memory_available() is None


def test_more_in_use_than_allowed_leaves_nothing(tmp_path: Path) -> None:
    limits = put(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": "1000\n",
            "sys/fs/cgroup/memory.current": "2000\n",
            "sys/fs/cgroup/memory.stat": "inactive_file 5000\n",
        },
    )
    assert limits.memory_available() == 1000
