"""How a program shares the processor with others: waiting threads sleep, limits are kept.

To be called before torch is loaded: OpenMP reads its settings once.
"""

import math
import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path, PurePosixPath

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Variables by which a user chooses how threads wait."""


SPINS = 500
"""Rounds that a waiting thread of GCC's OpenMP spins before it sleeps; its default is 300,000."""


def share_processor(variables: MutableMapping[str, str] = os.environ) -> None:
    """Prepare this process and those that it starts for a machine that also runs other programs.

    Threads of OpenMP that wait for each other soon sleep instead of spinning. Under the quota of a
    container there are no more threads than it pays for. Variables that the user has set stay.

    Args:
        variables: environment variables that are read and set.
    """
    if not any(name in variables for name in WAITING):
        variables.update(OMP_WAIT_POLICY="passive", GOMP_SPINCOUNT=str(SPINS))
    allowed = quota()
    if allowed is not None and allowed < usable_cores():
        threads = str(max(math.ceil(allowed), 1))
        variables.setdefault("OMP_NUM_THREADS", threads)
        variables.setdefault("OPENCV_FOR_THREADS_NUM", threads)


def quota(root: Path = Path("/")) -> float | None:
    """Give the processor time per time that control groups allow this process; None if unlimited.

    Args:
        root: folder that holds `proc` and `sys`.

    Source: Linux, "Control Group v2" (cpu.max) and "CFS Bandwidth Control" (cpu.cfs_quota_us).
    """
    found = [limit for folder in _groups(root) if (limit := _limit(folder)) is not None]
    return min(found, default=None)


def _groups(root: Path) -> Iterator[Path]:
    """List the folders of the control groups of this process and of those above them."""
    mounts = root / "sys" / "fs" / "cgroup"
    try:
        lines = (root / "proc" / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        group = PurePosixPath(path.lstrip("/"))
        for mount in (mounts / controllers, mounts / "cpu") if controllers else (mounts,):
            yield from (mount / part for part in (group, *group.parents))


def _limit(folder: Path) -> float | None:
    """Read the limit of one control group, in processors."""
    try:
        if (folder / "cpu.max").is_file():
            time, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            time, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii").strip()
                for name in ("quota", "period")
            )
        limit = int(time) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # no such group, or 'max'
        return None
    return limit if limit > 0 else None


def usable_cores() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
