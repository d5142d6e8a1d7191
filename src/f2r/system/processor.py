"""How a program shares the processor with others: waiting threads sleep, limits are kept.

To be called before torch is loaded: OpenMP reads its settings once.
"""

import ctypes
import math
import os
import platform
import struct
from collections.abc import Iterator, MutableMapping
from pathlib import Path, PurePosixPath

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Variables by which a user chooses how threads wait."""

SLICE = 200_000
"""Nanoseconds that a thread computes at a time where others wait. A thread with a short slice
starts sooner when it is woken, and its share of the processor stays the same."""

SYSTEM_CALLS = {"x86_64": 314, "aarch64": 274}
"""Number of `sched_setattr` on Linux, by machine."""


def share_processor(variables: MutableMapping[str, str] = os.environ) -> None:
    """Prepare this process and those that it starts for a machine that also runs other programs.

    Threads of OpenMP that wait for each other sleep instead of spinning, and start sooner when they
    are woken. Under the quota of a container there are no more threads than it pays for. Variables
    that the user has set stay.

    Args:
        variables: environment variables that are read and set.
    """
    if not any(name in variables for name in WAITING):
        variables["OMP_WAIT_POLICY"] = "passive"
    allowed = quota()
    if allowed is not None and allowed < _cores():
        threads = str(max(math.ceil(allowed), 1))
        variables.setdefault("OMP_NUM_THREADS", threads)
        variables.setdefault("OPENCV_FOR_THREADS_NUM", threads)
    _shorten_slices()


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


def _cores() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _shorten_slices() -> None:
    """Ask for short time slices, where Linux is 6.12 or newer; elsewhere nothing changes.

    Threads and processes that are started later inherit them.

    Source: Linux, "EEVDF Scheduler" (`sched_runtime` of `sched_setattr`).
    """
    call = SYSTEM_CALLS.get(platform.machine())
    if platform.system() != "Linux" or call is None:
        return
    if os.sched_getscheduler(0) != os.SCHED_OTHER:
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    attributes = struct.pack("=IIQiIQQQ", 48, os.SCHED_OTHER, 0, nice, 0, SLICE, 0, 0)
    ctypes.CDLL(None).syscall(call, 0, attributes, 0)  # an older system ignores the slice
