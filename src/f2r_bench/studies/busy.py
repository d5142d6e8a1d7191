"""Time of `f2r denoise --preset fast` beside other computing processes, against its fair share.

If every thread of the run and every other process got the same time, a run with T threads beside N
processes on T processors would take (T + N) / T times as long as alone. That is its fair share.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

from f2r.errors import F2RError, InputError
from f2r.system.processor import usable_cores
from f2r_bench.clips.made import sizes_of, write_made_clip
from f2r_bench.options.studies import BusyArgs
from f2r_bench.record import write_record

ENDLESS = "while True: pass"
"""Program of a process that computes."""


def measure_busy(args: BusyArgs, say: Callable[[str], None]) -> None:
    """Time runs alone and beside other processes, in turns, and write the figures.

    Raises:
        InputError: an option cannot be used.
    """
    if args.others < 1 or args.rounds < 1:
        raise InputError("--others and --rounds must be at least 1")
    variables = os.environ | _variables(args.variables)
    threads = usable_cores()
    times: dict[str, list[float]] = {"alone": [], "busy": []}
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mkv"
        write_made_clip(clip, *sizes_of(args.case))
        for _ in range(args.rounds):
            times["alone"].append(_run(clip, variables))
            with _computing(args.others):
                times["busy"].append(_run(clip, variables))
    alone, busy = median(times["alone"]), median(times["busy"])
    fair = alone * (threads + args.others) / threads
    figures: dict[str, Any] = {
        "processors": threads,
        "alone_seconds": round(alone, 2),
        "busy_seconds": round(busy, 2),
        "fair_seconds": round(fair, 2),
        "times_fair": round(busy / fair, 2),
    }
    say(", ".join(f"{name} {value:g}" for name, value in figures.items()))
    rounds = {name: [round(value, 2) for value in values] for name, values in times.items()}
    write_record(args.output, args, figures | {"rounds": rounds})


def _variables(pairs: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise InputError(f"'{pair}' is no variable: give NAME=VALUE")
        found[name] = value
    return found


def _run(clip: Path, variables: Mapping[str, str]) -> float:
    """Denoise a clip in a process of its own; give its seconds."""
    output = clip.with_name("out.mkv")
    command = [sys.executable, "-m", "f2r", "denoise", str(clip), "-o", str(output)]
    start = monotonic()
    done = subprocess.run(
        [*command, "--preset", "fast", "--sigma", "20", "--overwrite"],
        env=dict(variables),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise F2RError(f"the run ended with exit code {done.returncode}")
    return monotonic() - start


@contextmanager
def _computing(count: int) -> Iterator[None]:
    """Keep so many processes computing."""
    others = [subprocess.Popen([sys.executable, "-c", ENDLESS]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()
