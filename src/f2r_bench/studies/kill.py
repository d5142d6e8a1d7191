"""Kill a run at random instants until it is done; its output must equal an uninterrupted run's.

Each run gets SIGKILL a random time after it has claimed its output, up to what the uninterrupted
run took, and goes on by the same command with --resume. A run that ends before all kills are spent
is repeated. POSIX.
"""

import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, sleep

import numpy as np

from f2r.errors import F2RError
from f2r.io import open_reader
from f2r.system.claim import OWNER
from f2r.system.owner import Owner
from f2r_bench.clips.made import STRENGTH, write_made_clip, write_made_mosaic
from f2r_bench.options.studies import KillArgs
from f2r_bench.record import write_record

SIZE = (64, 48)
"""Width and height of the clip."""
FOLDER, RAW = "folder", "raw"
"""Kinds of output that are no extension: a folder of PNG, and a mosaic in a TIFF stack."""
KILLED = -1.0
"""Time of a run that was killed."""
PREPARED = "prepared.json"
"""File of a run's folder that exists once frames are being denoised."""


@dataclass(frozen=True)
class Outcome:
    """What came of one kind of output."""

    kind: str
    """Its extension, `folder` or `raw`."""
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
            outcomes.append(_endure(_prepare(Path(folder), kind, args), kind, args.kills, chance))
        say(str(outcomes[-1]))
        write_record(args.output, args, {"runs": [asdict(outcome) for outcome in outcomes]})
    if not all(outcome.is_equal for outcome in outcomes):
        raise F2RError("a resumed output differs")


@dataclass(frozen=True)
class Trial:
    """A run that is killed."""

    clip: Path
    """What is read."""
    output: Path
    """What is written."""
    options: tuple[str, ...]
    """What else the command says."""

    def command(self, output: Path) -> list[str]:
        """Give the command that writes `output`."""
        start = [sys.executable, "-m", "f2r", "denoise", str(self.clip), "-o", str(output)]
        return [*start, *self.options]


def _prepare(folder: Path, kind: str, args: KillArgs) -> Trial:
    """Make the clip."""
    training = ("--steps", str(args.steps)) if args.steps else ("--preset", "fast")
    known = () if args.correlated else ("--sigma", str(STRENGTH))
    if kind == RAW:
        mosaic = ("--pattern", "RGGB", "--black", "0", "--white", "255")
        write_made_mosaic(folder / "clip.npy", *SIZE, args.frames)
        return Trial(folder / "clip.npy", folder / "out.tif", (*known, *training, *mosaic))
    write_made_clip(folder / "clip.mkv", *SIZE, args.frames, is_correlated=args.correlated)
    name = "out" if kind == FOLDER else f"out{kind}"
    return Trial(folder / "clip.mkv", folder / name, (*known, *training))


def _endure(trial: Trial, kind: str, most: int, chance: random.Random) -> Outcome:
    output = trial.output
    reference, folder = output.with_stem("reference"), Path(f"{output}.run")
    longest = _run(trial.command(reference), _claim(reference), None)
    kills = denoising = 0
    equal, same = list[bool](), list[bool]()
    while kills < most or not output.exists() or folder.exists():
        if output.exists() and not folder.exists():
            _remove(output)
        resume = ["--resume"] if folder.exists() else []
        patience = chance.uniform(0, longest) if kills < most else None
        was_killed = _run(trial.command(output) + resume, _claim(output), patience) == KILLED
        kills += was_killed
        denoising += was_killed and (folder / PREPARED).exists()
        if output.exists() and not folder.exists():  # it may have been killed after its end
            equal.append(_are_equal(reference, output))
            same.append(_content(reference) == _content(output))
    return Outcome(kind, kills, denoising, len(equal), all(equal), all(same))


def _remove(output: Path) -> None:
    """Remove an output with its report and picture."""
    for path in (output, *(output.with_name(output.name + end) for end in (".json", ".png"))):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _content(output: Path) -> dict[str, bytes]:
    """Read the bytes of a file, or of all files of a folder."""
    files = output.iterdir() if output.is_dir() else [output]
    return {file.name if output.is_dir() else "": file.read_bytes() for file in files}


def _claim(output: Path) -> Path:
    """Name the folder that lies beside an output while a run makes it."""
    return output.with_name(f".{output.name}.f2r")


def _is_held(claim: Path, process: int) -> bool:
    """Tell whether a process holds a claim, which it may have taken over from a dead one."""
    owner = Owner.read(claim / OWNER)
    return owner is not None and owner.pid == process


def _run(command: Sequence[str], claim: Path, patience: float | None) -> float:
    """Run until done or kill; give the seconds from the claim on, or `KILLED`."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    while process.poll() is None and not _is_held(claim, process.pid):
        sleep(0.01)
    start = monotonic()
    try:
        _, said = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return KILLED
    if process.returncode:
        raise F2RError(f"the run failed: {said.decode().strip().splitlines()[-1]}")
    return monotonic() - start


def _are_equal(reference: Path, output: Path) -> bool:
    """Compare all frames."""
    with open_reader(reference) as wanted, open_reader(output) as found:
        return all(np.array_equal(a, b) for a, b in zip(wanted, found, strict=True))
