"""Peak resident memory of `f2r denoise --preset fast` on long and on large clips.

A run is a process of its own, and its peak is what the operating system reports when it ends
(POSIX).
"""

import json
import multiprocessing
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

from f2r.errors import F2RError
from f2r_bench.clips.made import sizes_of, write_made_clip
from f2r_bench.options.studies import MemoryArgs
from f2r_bench.record import write_record


@dataclass(frozen=True)
class Peak:
    """Figures of one clip."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    frames: int
    """Length of the clip."""
    peak_gib: float
    """Largest resident memory of the process, in GiB."""
    planned_gib: float
    """What the run expected, in GiB."""
    seconds: float
    """Time of the whole run."""
    seconds_per_frame: float
    """Time of inference."""
    tile_side: int | None
    """Side of the tiles in pixels; None for whole frames."""


def measure_memory(args: MemoryArgs, say: Callable[[str], None]) -> None:
    """Run F2R on every clip and write the peaks."""
    peaks: list[Peak] = []
    say("| clip | peak GiB | planned GiB | s a frame | tile |\n|---|---|---|---|---|")
    for case in args.cases:
        peak = _measure(sizes_of(case), shlex.split(args.options))
        peaks.append(peak)
        figures = f"{peak.peak_gib:.2f} | {peak.planned_gib:.2f} | {peak.seconds_per_frame:.2f}"
        say(f"| {case} | {figures} | {peak.tile_side or 'whole'} |")
        write_record(args.output, args, {"cases": [asdict(peak) for peak in peaks]})


def _measure(sizes: tuple[int, int, int], options: Sequence[str]) -> Peak:
    width, height, frames = sizes
    with tempfile.TemporaryDirectory() as folder:
        clip, output = Path(folder) / "clip.mkv", Path(folder) / "out.mkv"
        # Made in another process, whose memory does not count for the run.
        maker = multiprocessing.get_context("spawn").Process(
            target=write_made_clip, args=(clip, *sizes)
        )
        maker.start()
        maker.join()
        command = [sys.executable, "-m", "f2r", "denoise", str(clip), "-o", str(output)]
        peak, seconds = _run([*command, "--preset", "fast", *options])
        report = json.loads(Path(f"{output}.json").read_text())
    return Peak(
        width,
        height,
        frames,
        round(peak, 3),
        round(report["memory_planned_gib"], 3),
        round(seconds, 1),
        round(report["seconds"]["denoise"] / frames, 3),
        report["tile_side"],
    )


def _run(command: Sequence[str]) -> tuple[float, float]:
    """Run a command; give the GiB and the seconds that it took."""
    start = monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise F2RError(f"the run ended with exit code {process.returncode}")
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return usage.ru_maxrss / unit, monotonic() - start
