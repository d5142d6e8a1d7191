"""Peak resident memory of `f2r denoise --preset fast` on long and on large clips.

    python benchmarks/memory.py --out benchmarks/results/memory.json
    python benchmarks/memory.py --cases 192x108x10 192x108x100 --out /tmp/small.json

A case is WIDTHxHEIGHTxFRAMES. Its clip is made by formula (moving texture and noise of sd 20, 8-bit
YUV 4:2:0, FFV1) and removed afterwards; the run is a process of its own, and its peak is what the
operating system reports for it when it ends (POSIX).
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np
from record import provenance

CASES = ["1920x1080x100", "1920x1080x1000", "3840x2160x20"]


@dataclass(frozen=True)
class Peak:
    """Figures of one clip."""

    width: int
    height: int
    frames: int
    peak_gib: float
    """Largest resident memory of the process, in GiB."""
    planned_gib: float
    """What the run expected, in GiB."""
    seconds: float
    seconds_per_frame: float
    tile_side: int | None


def planes(width: int, height: int, frames: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, : width + 2 * frames].astype(np.float32)
    scene = (118 + 50 * np.sin(columns / 9) * np.cos(rows / 13)).astype(np.float32)
    noise = rng.normal(0, 20, (height + 64, width + 64)).astype(np.float32)
    for t in range(frames):
        top, left = rng.integers(0, 64, 2)
        noisy = scene[:, 2 * t : 2 * t + width] + noise[top : top + height, left : left + width]
        grey = np.full((height // 2, width), 128, np.float32)
        yield np.vstack((noisy, grey)).round().clip(16, 235).astype(np.uint8)


def write_clip(path: Path, width: int, height: int, frames: int) -> None:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25, width=width, height=height)
        stream.pix_fmt = "yuv420p"
        for samples in planes(width, height, frames):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(samples, format="yuv420p")))
        output.mux(stream.encode(None))


def measure(case: str, options: list[str]) -> Peak:
    width, height, frames = map(int, case.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        clip, output = Path(folder) / "clip.mkv", Path(folder) / "out.mkv"
        maker = [sys.executable, __file__, "--make", str(clip), "--cases", case]
        subprocess.run(maker, check=True)  # apart, so that its memory is not this process's
        command = [sys.executable, "-m", "f2r", "denoise", str(clip), "-o", str(output)]
        start = time.monotonic()
        process = subprocess.Popen([*command, "--preset", "fast", *options])
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{case}: the run failed")
        report = json.loads(Path(f"{output}.json").read_text())
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return Peak(
        width,
        height,
        frames,
        round(usage.ru_maxrss / unit, 3),
        round(report["memory_planned_gib"], 3),
        round(seconds, 1),
        round(report["seconds"]["denoise"] / frames, 3),
        report["tile_side"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", default=CASES)
    parser.add_argument("--options", default="", help="of f2r denoise: --options='--sigma 20'")
    parser.add_argument("--make", type=Path, help="only write the clip of the first case")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/memory.json"))
    args = parser.parse_args()
    if args.make:
        write_clip(args.make, *map(int, args.cases[0].split("x")))
        return
    peaks: list[Peak] = []
    print("| clip | peak GiB | planned GiB | s a frame | tile |")
    print("|---|---|---|---|---|")
    for case in args.cases:
        peak = measure(case, shlex.split(args.options))
        peaks.append(peak)
        figures = f"{peak.peak_gib:.2f} | {peak.planned_gib:.2f} | {peak.seconds_per_frame:.2f}"
        print(f"| {case} | {figures} | {peak.tile_side or 'whole'} |", flush=True)
        content = provenance() | {"options": args.options, "cases": [asdict(p) for p in peaks]}
        args.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
