"""Many calls of `f2r.denoise` in one process: memory and open files must stay flat.

The calls are made one after the other, then from several threads at once, whose results must equal
those of one thread. Linux, which tells both in /proc.
"""

import gc
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from f2r.errors import F2RError, InputError
from f2r_bench.core import denoise
from f2r_bench.options.studies import LoadArgs
from f2r_bench.record import write_record

SHAPE = (8, 64, 64)
"""Frames, height and width of a clip."""
STRENGTH = 0.08
"""Standard deviation of its noise, nominal units."""
STATE = Path("/proc/self")
"""Where Linux describes this process."""
DIFFERENT = 4
"""Clips that the threads denoise."""


@dataclass(frozen=True)
class Moment:
    """What the process holds after some calls."""

    calls: int
    """Calls so far."""
    seconds: float
    """Time so far."""
    resident_mib: float
    """Resident memory."""
    open_files: int
    """File descriptors."""


def measure_load(args: LoadArgs, say: Callable[[str], None]) -> None:
    """Make the calls and write what the process held.

    Raises:
        InputError: the system does not tell what a process holds.
        F2RError: a thread got another result than one call alone.
    """
    if not (STATE / "statm").exists():
        raise InputError("memory and open files are read from /proc: run this on Linux")
    start = monotonic()
    alone = [_call(seed) for seed in range(DIFFERENT)]
    moments = {"one": list[Moment](), "threads": list[Moment]()}

    def watch(where: str, calls: int) -> None:
        if calls % args.every == 0:
            gc.collect()
            moments[where].append(_moment(calls, monotonic() - start))
            say(f"{where}: {moments[where][-1]}")
            kept = {name: [asdict(m) for m in some] for name, some in moments.items()}
            write_record(args.output, args, {"shape": SHAPE, "moments": kept})

    for call in range(args.calls):
        _call(call)
        watch("one", call + 1)
    with ThreadPoolExecutor(args.threads) as threads:
        results = threads.map(_call, [i % DIFFERENT for i in range(args.thread_calls)])
        for call, result in enumerate(results):
            if not np.array_equal(result, alone[call % DIFFERENT]):
                raise F2RError("a thread got another result than one call alone")
            watch("threads", call + 1)


def _call(seed: int) -> NDArray[np.float32]:
    """Denoise a small clip, different for each seed."""
    noise = np.random.default_rng(seed).normal(0, STRENGTH, SHAPE)
    scene = 0.5 + 0.2 * np.sin(np.arange(SHAPE[-1]) / 5)
    return denoise((scene + noise).astype(np.float32), preset="fast").frames


def _moment(calls: int, seconds: float) -> Moment:
    pages = int((STATE / "statm").read_text().split()[1])
    resident = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    files = len(list((STATE / "fd").iterdir()))
    return Moment(calls, round(seconds, 1), round(resident, 1), files)
