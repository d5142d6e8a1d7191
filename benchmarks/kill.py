"""Kill a run at random instants until it is done; its output must equal an uninterrupted run's.

    python benchmarks/kill.py --kills 20 --out benchmarks/results/kill.json
    python benchmarks/kill.py --kills 4 --steps 12 --out benchmarks/results/kill_training.json

Each run gets SIGKILL after a random time, from `--seed`, up to what the uninterrupted run took, and
goes on by the same command with --resume. A run that ends before all kills are spent is repeated.
The clip is made by formula. Runs on POSIX.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np
from record import provenance

from f2r.io import open_reader


@dataclass(frozen=True)
class Outcome:
    """What came of one clip."""

    kind: str
    kills: int
    kills_while_denoising: int
    finished: int
    """How often it got to the end."""
    is_equal: bool
    """Whether every frame always equalled the uninterrupted run's."""
    is_same_file: bool
    """Whether the files were the same byte by byte."""


def make_clip(path: Path, frames: int) -> None:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:48, :64]
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25, width=64, height=48)
        stream.pix_fmt = "yuv420p"
        for t in range(frames):
            scene = 128 + 60 * np.sin((columns - 2 * t) / 5) * np.cos(rows / 7)
            noisy = scene[..., None] + rng.normal(0, 20, (48, 64, 3))
            pixels = noisy.round().clip(0, 255).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            output.mux(stream.encode(picture.reformat(format="yuv420p")))
        output.mux(stream.encode(None))


def command(clip: Path, output: Path, steps: int) -> list[str]:
    training = ["--steps", str(steps)] if steps else ["--preset", "fast"]
    options = ["-o", str(output), "--sigma", "20", *training]
    return [sys.executable, "-m", "f2r", "denoise", str(clip), *options]


def run(arguments: list[str], seconds: float | None) -> bool:
    """Run until done or kill; tell whether it was killed."""
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE)
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    if process.returncode:
        raise SystemExit(said.decode())
    return False


def endure(clip: Path, output: Path, args: argparse.Namespace, chance: random.Random) -> Outcome:
    reference = output.with_stem("reference")
    start = time.monotonic()
    subprocess.run(command(clip, reference, args.steps), check=True, stderr=subprocess.DEVNULL)
    longest = time.monotonic() - start
    arguments, folder = command(clip, output, args.steps), Path(f"{output}.run")
    kills = denoising = 0
    equal, same = [], []
    while kills < args.kills or not output.exists() or folder.exists():
        if output.exists() and not folder.exists():
            output.unlink()
        resume = ["--resume"] if folder.exists() else []
        patience = chance.uniform(0, longest) if kills < args.kills else None
        was_killed = run(arguments + resume, patience)
        kills += was_killed
        denoising += was_killed and (folder / "prepared.json").exists()
        if not was_killed:
            equal.append(are_equal(reference, output))
            same.append(reference.read_bytes() == output.read_bytes())
    return Outcome(output.suffix, kills, denoising, len(equal), all(equal), all(same))


def are_equal(reference: Path, output: Path) -> bool:
    """Compare all frames."""
    with open_reader(reference) as wanted, open_reader(output) as found:
        return all(np.array_equal(a, b) for a, b in zip(wanted, found, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--steps", type=int, default=0, help="train for so many steps a stage")
    parser.add_argument("--kinds", nargs="+", default=[".mkv", ".mp4", ".npy"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/kill.json"))
    args = parser.parse_args()
    chance, outcomes = random.Random(args.seed), []
    for kind in args.kinds:
        with tempfile.TemporaryDirectory() as folder:
            clip = Path(folder) / "clip.mkv"
            make_clip(clip, args.frames)
            outcomes.append(endure(clip, Path(folder) / f"out{kind}", args, chance))
        print(outcomes[-1], flush=True)
        content = provenance() | {"options": vars(args), "runs": [asdict(o) for o in outcomes]}
        args.out.write_text(json.dumps(content, indent=1, default=str) + "\n")
    if not all(outcome.is_equal for outcome in outcomes):
        raise SystemExit("a resumed output differs")


if __name__ == "__main__":
    main()
