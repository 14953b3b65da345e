"""How many cores this process may use: those it is bound to, no more than its container's share of time."""

import math
import os
from pathlib import Path

GROUPS = Path("/proc/self/cgroup")
ROOT = Path("/sys/fs/cgroup")


def bound() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def cores() -> int:
    return max(1, math.ceil(min(len(bound()), quota())))


def quota(groups: Path = GROUPS, root: Path = ROOT) -> float:
    """The cores' worth of time that control groups leave: a container's `--cpus`. Infinite where nothing says so."""
    found = [math.inf]
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return math.inf
    for line in lines:
        _, controllers, path = line.split(":", 2)
        inside = root / path.lstrip("/") if not controllers else root / "cpu" / path.lstrip("/")
        for folder in (inside, *inside.parents):
            if folder == root.parent:
                break
            found += [*share(folder / "cpu.max"), *share(folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us")]
    return min(found)


def share(*files: Path) -> list[float]:
    """`200000 100000`, in one file or in two, is 2.0; "max" and -1 are no bound."""
    try:
        most, period = (int(word) for file in files for word in file.read_text().split())
    except (OSError, ValueError):
        return []
    return [most / period] if most > 0 and period > 0 else []
