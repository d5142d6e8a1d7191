"""Damage small real files and read them: no traceback, no hang, no leftover, bounded memory.

    python tests/fuzz/driver.py --seconds 300          # what `make fuzz` runs
    python tests/fuzz/driver.py --mutants 200 --seed 7 # as often the same

The reading happens in a process of its own, so that a crash of a library is seen as well.
"""

import argparse
import io
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from mutate import mutate
from seeds import Seed, make_seeds
from sidecars import SIDECARS

from f2r.errors import InputError
from f2r.io import open_reader
from f2r.io.guard import GuardedReader
from f2r.io.video.pipe import PipeReader
from f2r_bench.record import write_record

HANG = 20
"""Seconds after which reading a file of some kilobytes counts as hanging."""
MEMORY = 1200
"""MiB that reading a mutant may add."""
FRAMES = 50
"""Frames that are read of each mutant."""


def main():
    options = _options()
    if options.inner is not None:
        return _read_mutants(options, Path(options.inner))
    with tempfile.TemporaryDirectory(prefix="f2r-fuzz-") as folder:
        command = [sys.executable, __file__, *sys.argv[1:], "--inner", folder]
        run = subprocess.run(command, check=False)
        if run.returncode not in {0, 1}:
            _keep(Path(folder), options.keep, f"the process died ({run.returncode})")
        return run.returncode


def _options():
    parser = argparse.ArgumentParser(description="Read damaged files.")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--mutants", type=int, default=10**9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="part of the name of a kind of file")
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"), help="where failures go")
    parser.add_argument("--record", type=Path, default=None, help="JSON for what came out")
    parser.add_argument("--inner", default=None, help=argparse.SUPPRESS)
    return parser.parse_args()


def _read_mutants(options, folder):
    (folder / "seeds").mkdir()
    (folder / "temporary").mkdir()
    tempfile.tempdir = str(folder / "temporary")
    seeds = [seed for seed in make_seeds(folder / "seeds") if options.only in seed.name]
    for seed in seeds:  # what is not damaged can be read; and libraries are loaded
        _consume(seed, seed.path)
    signal.signal(signal.SIGALRM, _hang)
    failures, done, end = 0, 0, time.monotonic() + options.seconds
    while done < options.mutants and time.monotonic() < end:
        dice = random.Random(f"{options.seed}/{done}")
        what = _try(seeds[done % len(seeds)], dice, folder)
        if what is not None:
            failures += 1
            _keep(folder, options.keep, f"mutant {done}, seed {options.seed}: {what}")
        done += 1
    print(f"{done} mutants of {len(seeds)} kinds, {failures} failures, {_peak()} MiB at most")
    if options.record is not None:
        kinds = [seed.name for seed in seeds]
        found = {"mutants": done, "failures": failures, "peak_mib": _peak(), "kinds": kinds}
        write_record(options.record, None, {"seed": options.seed, **found})
    return int(failures > 0)


def _try(seed: Seed, dice, folder: Path):
    """Read one mutant; return what went wrong."""
    work = folder / "mutant"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    copied = work / seed.path.name
    (shutil.copytree if seed.path.is_dir() else shutil.copy)(seed.path, copied)
    target = dice.choice(Seed(seed.name, copied).files())
    target.write_bytes(mutate(target.read_bytes(), dice))
    before, peak = sorted(work.rglob("*")), _peak()
    signal.alarm(HANG)
    try:
        what = _read(seed, copied)
    finally:
        signal.alarm(0)
    if sorted(work.rglob("*")) != before or any((folder / "temporary").iterdir()):
        return f"{seed.name}: leaves files behind"
    if _peak() - peak > MEMORY:
        return f"{seed.name}: took {_peak() - peak} MiB"
    return what


def _read(seed: Seed, path: Path):
    """Read a file; return what went wrong, which a line of F2R's own is not."""
    try:
        _consume(seed, path)
    except InputError as error:
        return None if "\n" not in str(error) else f"{seed.name}: more than one line: {error}"
    except Exception as error:
        return f"{seed.name}: {type(error).__name__}: {error}"
    return None


def _consume(seed: Seed, path: Path):
    """Read a sidecar, or frames of a clip.

    Raises:
        InputError: it is damaged.
        ValueError: a frame has another shape than the reader says.
    """
    if seed.kind in SIDECARS:
        SIDECARS[seed.kind](path)
        return
    with _open(seed, path) as reader:
        shape = (reader.info.height, reader.info.width, reader.info.channels)
        for frame in islice(reader, FRAMES):
            if frame.shape != shape:
                raise ValueError(f"a frame is {frame.shape} instead of {shape}")


def _open(seed: Seed, path: Path):
    if seed.kind == "pipe":
        return GuardedReader("-", lambda: PipeReader(io.BytesIO(path.read_bytes())))
    return open_reader(path, counts_to_nominal=True)


def _hang(*_):
    raise TimeoutError(f"hangs for {HANG} s")


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _keep(folder: Path, keep: Path, what: str):
    keep.mkdir(parents=True, exist_ok=True)
    place = keep / f"{time.time_ns()}"
    if (folder / "mutant").exists():
        shutil.copytree(folder / "mutant", place)
    print(f"{what}\n    kept in {place}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
