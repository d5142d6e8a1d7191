"""Run every method on every clip, and write figures, a table and a picture."""

import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

import torch
from torch import Tensor

from f2r.errors import F2RError, InputError, reason
from f2r.noise.models import Gaussian
from f2r_bench.clips.datasets import Clip, find_dataset, read_clip
from f2r_bench.clips.noise import clip_psnr, draw_noisy, to_bytes
from f2r_bench.options.pace import PaceArgs
from f2r_bench.pace.contenders import Contender, Job, build_contenders
from f2r_bench.pace.files import write_clip
from f2r_bench.pace.picture import draw_pace
from f2r_bench.record import write_record


@dataclass(frozen=True)
class Run:
    """One process."""

    setting: str
    """Setting of the method."""
    psnr: float
    """Mean over frames, dB."""
    seconds: float
    """Time of the whole process."""
    seconds_per_frame: float
    """The same, divided by the frames of the clip."""


def measure_pace(args: PaceArgs, say: Callable[[str], None]) -> None:
    """Run the methods and write what they gave.

    Raises:
        InputError: a clip, a method or an option cannot be used.
        F2RError: a process failed.
    """
    if args.frames < 1 or not 0 < args.sigma <= 255:
        raise InputError("--frames must be at least 1, and --sigma in (0, 255]")
    contenders = build_contenders(args)
    dataset = find_dataset(args.data, args.clips)
    try:
        args.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{args.output}: cannot be written ({reason(error)})") from None
    clips = []
    for clip in dataset.clips:
        runs = _run_clip(clip, contenders, args, say)
        best = {name: max(found, key=lambda run: run.psnr) for name, found in runs.items()}
        spots = {name: (run.seconds_per_frame, run.psnr) for name, run in best.items()}
        title = f"{clip.name}, noise of standard deviation {args.sigma:g}"
        draw_pace(args.output / f"{clip.name}.png", spots, title)
        clips.append(
            {
                "clip": clip.name,
                "best": {name: asdict(run) for name, run in best.items()},
                "runs": {name: [asdict(run) for run in found] for name, found in runs.items()},
            }
        )
        write_record(args.output / "pace.json", args, {"clips": clips})


def _run_clip(
    clip: Clip, contenders: Sequence[Contender], args: PaceArgs, say: Callable[[str], None]
) -> Mapping[str, list[Run]]:
    """Run all settings of all methods on one clip."""
    clean = read_clip(clip, args.frames)
    if clean.shape[1] != 3:
        raise InputError(f"{clip.path}: is grey, a colour clip is needed")
    noisy = draw_noisy(clean, Gaussian(args.sigma / 255), args.seed)
    say(f"{clip.name}: {len(clean)} frames, noisy {clip_psnr(noisy, clean):.2f} dB")
    runs: dict[str, list[Run]] = {}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "noisy.mkv"
        write_clip(source, to_bytes(noisy))
        for contender in contenders:
            runs[contender.name] = [_run(job, source, clean) for job in contender.jobs]
            best = max(runs[contender.name], key=lambda run: run.psnr)
            setting = f" ({best.setting})" if best.setting else ""
            pace = f"{best.seconds_per_frame:.3f} s a frame"
            say(f"{contender.name}{setting}: {best.psnr:.2f} dB, {pace}")
    return runs


def _run(job: Job, source: Path, clean: Tensor) -> Run:
    """Run one process and compare what it wrote with the clean clip."""
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        output = Path(folder) / "out.mkv"
        start = monotonic()
        done = subprocess.run(
            job.of(source, output), capture_output=True, text=True, check=False, errors="replace"
        )
        seconds = monotonic() - start
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise F2RError(f"{job.command[2]} {job.setting}: failed ({last})")
        found = read_clip(Clip("out", output), len(clean))
    psnr = clip_psnr(torch.as_tensor(found), clean)
    return Run(job.setting, psnr, round(seconds, 3), round(seconds / len(clean), 4))
