"""Seconds per frame of F2R without training, stage by stage, beside three peers in one run.

The peers are our own implementations: DVDnet with the authors' weights where they are given,
aligned by DIS, and by the paper's DeepFlow where OpenCV has it (opencv-contrib-python-headless in
the place of opencv-python-headless); UDVD and FastDVDnet with random weights, which does not change
their speed. F2R and UDVD run in bfloat16, the supervised peers in float32, as they were published.
Methods take turns, and the median of the rounds counts.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.noise.models import Gaussian
from f2r.system.allocator import keep_freed_memory
from f2r_bench.clips.datasets import crop_centre, find_dataset, read_clip
from f2r_bench.clips.noise import draw_noisy
from f2r_bench.comparison.memory import peak_mib, reset_peak
from f2r_bench.methods.deepflow import DeepFlow
from f2r_bench.methods.dvdnet import DvdNet
from f2r_bench.methods.fastdvdnet import FastDvdNet, FastDvdNetwork
from f2r_bench.methods.method import Untrained
from f2r_bench.methods.registry import read_weights
from f2r_bench.methods.udvd import Udvd
from f2r_bench.options.studies import SpeedArgs
from f2r_bench.record import write_record
from f2r_bench.studies.stages import TimedStages

Infer = Callable[[Tensor], Tensor]

SEED = 2026
"""Seed of noise and training."""
NOISE = Gaussian(30 / 255)
"""The noise."""
CPU = torch.device("cpu")
OURS = "f2r fast"
COMMANDS = {
    "f2r --help": [sys.executable, "-m", "f2r", "--help"],
    "import f2r": [sys.executable, "-c", "import f2r"],
}
"""What start-up is timed on."""


def measure_speed(args: SpeedArgs, say: Callable[[str], None]) -> None:
    """Time methods, stages, training and start-up, and write the figures."""
    keep_freed_memory()
    clip = find_dataset(args.data).clips[0]
    clean = read_clip(clip, args.frames)
    noisy = draw_noisy(crop_centre(clean, args.size) if args.size else clean, NOISE, SEED)
    ours = TimedStages(NOISE)
    timed = time_methods({OURS: ours.infer, **_peers(args.weights)}, noisy, args.rounds)
    for name, figures in timed.items():
        say(f"{name}: " + ", ".join(f"{key} {value:g}" for key, value in figures.items()))
    content = {
        "clip": clip.name,
        "size": f"{noisy.shape[-1]}x{noisy.shape[-2]}",
        "methods": timed,
        "f2r_stages_seconds_per_frame": ours.seconds_per_frame(noisy, args.rounds),
        "training": ours.training(noisy, args.train_seconds, SEED),
        "start_up_seconds": _start_up(args.rounds),
    }
    for key in ("f2r_stages_seconds_per_frame", "training", "start_up_seconds"):
        say(f"{key}: {content[key]}")
    write_record(args.output, args, content)


def _peers(pairs: tuple[str, ...]) -> dict[str, Infer]:
    weights = read_weights(pairs)
    with tempfile.TemporaryDirectory() as folder:
        random = Path(folder) / "random.pth"
        torch.save(FastDvdNetwork().state_dict(), random)
        found: dict[str, Untrained | Udvd] = {
            "fastdvdnet, random weights": FastDvdNet(CPU, random),
            "udvd, random weights": Udvd(CPU),
        }
    files = [weights.get(f"dvdnet-{part}") for part in ("spatial", "temporal")]
    if files[0] and files[1]:
        found["dvdnet, flow by DIS"] = DvdNet(CPU, files[0], files[1])
        with suppress(InputError):  # OpenCV without its contributed modules
            deepflow = DvdNet(CPU, files[0], files[1], DeepFlow())
            found["dvdnet, flow by DeepFlow"] = deepflow
    return {name: _infer_of(method) for name, method in found.items()}


def _infer_of(method: Untrained | Udvd) -> Infer:
    return lambda noisy: method.infer(noisy, NOISE)


def time_methods(
    methods: Mapping[str, Infer], noisy: Tensor, rounds: int
) -> dict[str, dict[str, float]]:
    """Let the methods take turns; the first round warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    memory: dict[str, float] = {}
    for i in range(rounds + 1):
        for name, infer in methods.items():
            reset_peak()
            start = perf_counter()
            infer(noisy)
            if i:
                seconds[name].append((perf_counter() - start) / len(noisy))
            memory[name] = peak_mib() or 0.0
    base = median(seconds[OURS])
    return {
        name: {
            "seconds_per_frame": round(median(values), 4),
            "peak_memory_mib": round(memory[name], 1),
            "times_f2r": round(median(values) / base, 2),
        }
        for name, values in seconds.items()
    }


def _start_up(rounds: int) -> dict[str, float]:
    """Time the commands in new processes; the first call reads the disk."""
    medians = {}
    for name, command in COMMANDS.items():
        spent = []
        for _ in range(rounds + 1):
            start = perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            spent.append(perf_counter() - start)
        medians[name] = round(median(spent[1:]), 3)
    return medians
