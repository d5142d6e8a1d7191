"""Kill a run at random instants until it is done; its output must equal an uninterrupted run's.

Each run gets SIGKILL after a random time, up to what the uninterrupted run took, and goes on by the
same command with --resume. A run that ends before all kills are spent is repeated. POSIX.
"""

import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

import numpy as np

from f2r.errors import F2RError
from f2r.io import open_reader
from f2r_bench.clips.made import STRENGTH, write_made_clip
from f2r_bench.options.studies import KillArgs
from f2r_bench.record import write_record

SIZE = (64, 48)
"""Width and height of the clip."""
PREPARED = "prepared.json"
"""File of a run's folder that exists once frames are being denoised."""


@dataclass(frozen=True)
class Outcome:
    """What came of one kind of output."""

    kind: str
    """Its extension."""
    kills: int
    """How often it was killed."""
    kills_while_denoising: int
    """How often while frames were denoised."""
    finished: int
    """How often it got to the end."""
    is_equal: bool
    """Whether every frame always equalled the uninterrupted run's."""
    is_same_file: bool
    """Whether the files were the same byte by byte."""


def measure_kills(args: KillArgs, say: Callable[[str], None]) -> None:
    """Kill runs of every kind and write the outcomes.

    Raises:
        F2RError: a resumed output differs.
    """
    chance, outcomes = random.Random(args.seed), list[Outcome]()
    for kind in args.kinds:
        with tempfile.TemporaryDirectory() as folder:
            clip = Path(folder) / "clip.mkv"
            write_made_clip(clip, *SIZE, args.frames)
            outcomes.append(_endure(clip, Path(folder) / f"out{kind}", args, chance))
        say(str(outcomes[-1]))
        write_record(args.output, args, {"runs": [asdict(outcome) for outcome in outcomes]})
    if not all(outcome.is_equal for outcome in outcomes):
        raise F2RError("a resumed output differs")


def _endure(clip: Path, output: Path, args: KillArgs, chance: random.Random) -> Outcome:
    reference, folder = output.with_stem("reference"), Path(f"{output}.run")
    start = monotonic()
    _run(_command(clip, reference, args.steps), None)
    longest = monotonic() - start
    kills = denoising = 0
    equal, same = list[bool](), list[bool]()
    while kills < args.kills or not output.exists() or folder.exists():
        if output.exists() and not folder.exists():
            output.unlink()
        resume = ["--resume"] if folder.exists() else []
        patience = chance.uniform(0, longest) if kills < args.kills else None
        was_killed = _run(_command(clip, output, args.steps) + resume, patience)
        kills += was_killed
        denoising += was_killed and (folder / PREPARED).exists()
        if not was_killed:
            equal.append(_are_equal(reference, output))
            same.append(reference.read_bytes() == output.read_bytes())
    return Outcome(output.suffix, kills, denoising, len(equal), all(equal), all(same))


def _command(clip: Path, output: Path, steps: int) -> list[str]:
    training = ["--steps", str(steps)] if steps else ["--preset", "fast"]
    options = ["-o", str(output), "--sigma", str(STRENGTH), *training]
    return [sys.executable, "-m", "f2r", "denoise", str(clip), *options]


def _run(command: Sequence[str], seconds: float | None) -> bool:
    """Run until done or kill; tell whether it was killed."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    if process.returncode:
        raise F2RError(f"the run failed: {said.decode().strip().splitlines()[-1]}")
    return False


def _are_equal(reference: Path, output: Path) -> bool:
    """Compare all frames."""
    with open_reader(reference) as wanted, open_reader(output) as found:
        return all(np.array_equal(a, b) for a, b in zip(wanted, found, strict=True))
