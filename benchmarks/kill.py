"""Kill a run at random instants until it is done; its output must equal an uninterrupted run's.

    python benchmarks/kill.py --kills 20 --out benchmarks/results/kill.json
    python benchmarks/kill.py --kills 4 --steps 12 --out benchmarks/results/kill_training.json

Each run gets SIGKILL after a random time, from `--seed`, or as soon as it has made one more step of
progress on disk, whichever comes last, so that a slow machine gets to the end too; then the same
command goes on with --resume. The clip is made by formula. Runs on POSIX.
"""

import argparse
import hashlib
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
    frames: int
    is_equal: bool
    """Whether every frame equals the uninterrupted run's."""
    is_same_file: bool
    """Whether the two files are the same byte by byte."""


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


def run(arguments: list[str], seconds: float, folder: Path) -> tuple[int, bool]:
    """Run until done, or kill; return the exit code and whether frames were being made."""
    before = stored(folder)
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE)
    start = time.monotonic()
    while process.poll() is None:
        is_late = time.monotonic() - start > seconds
        if is_late and stored(folder) != before:
            break
        time.sleep(0.01)
    process.kill()
    _, said = process.communicate()
    if process.returncode > 0:
        raise SystemExit(said.decode())
    return process.returncode, (folder / "prepared.json").exists()


def stored(folder: Path) -> list[tuple[str, int]]:
    """List what the run has on disk, by name and size."""
    try:
        return sorted((p.name, p.stat().st_size) for p in folder.iterdir())
    except FileNotFoundError:
        return []


def endure(clip: Path, output: Path, args: argparse.Namespace, chance: random.Random) -> Outcome:
    reference = output.with_stem("reference")
    subprocess.run(command(clip, reference, args.steps), check=True, stderr=subprocess.DEVNULL)
    arguments, folder = command(clip, output, args.steps), Path(f"{output}.run")
    kills = denoising = 0
    while not output.exists() or folder.exists():
        resume = ["--resume"] if folder.exists() else []
        patience = chance.uniform(0, args.patience) if kills < args.kills else 1e9
        code, was_denoising = run(arguments + resume, patience, folder)
        kills += code != 0
        denoising += code != 0 and was_denoising
    with open_reader(reference) as wanted, open_reader(output) as found:
        pairs = list(zip(wanted, found, strict=True))
    is_equal = all(np.array_equal(a, b) for a, b in pairs)
    files = [hashlib.sha256(path.read_bytes()).digest() for path in (reference, output)]
    same = files[0] == files[1]
    return Outcome(output.suffix, kills, denoising, len(pairs), is_equal, same)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--steps", type=int, default=0, help="train for so many steps a stage")
    parser.add_argument("--patience", type=float, default=10.0, help="most seconds before a kill")
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
