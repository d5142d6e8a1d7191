"""Seconds per frame of F2R without training, stage by stage, beside three peers in one run.

    python benchmarks/speed.py --clip CLIPS/tractor \
        --dvdnet-spatial dvdnet_spatial.pth --dvdnet-temporal dvdnet_temporal.pth

The peers are our own implementations: DVDnet with the authors' weights where they are given,
aligned by DIS, and by the paper's DeepFlow where OpenCV has it (install
opencv-contrib-python-headless in the place of opencv-python-headless); UDVD and FastDVDnet with
random weights, which does not change their speed. F2R and UDVD run in bfloat16, as F2R runs them;
the supervised peers in float32, as they were published. Methods take turns, and the median of the
rounds counts. Also measured: training steps a second, largest memory, start-up times.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from record import provenance
from torch import Tensor, nn

from f2r.errors import InputError
from f2r.flow.estimator import DisFlow, FlowEstimator
from f2r.method.fusion import FusedStream
from f2r.method.prepared_clip import prepare_clip
from f2r.method.preprocess import Preprocessor
from f2r.method.networks import Networks
from f2r.method.stream import PlaneStream
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import load_prior, load_shipped
from f2r.noise.models import Gaussian
from f2r.system.allocator import keep_freed_memory
from f2r.train.adapt import AdaptConfig, adapt
from f2r_bench.case import draw_noisy
from f2r_bench.datasets import Clip, read_clip
from f2r_bench.memory import peak_mib, reset_peak
from f2r_bench.methods.deepflow import DeepFlow
from f2r_bench.methods.dvdnet import DvdNet
from f2r_bench.methods.fastdvdnet import FastDvdNet, FastDvdNetwork
from f2r_bench.methods.frames import pad_sides
from f2r_bench.methods.udvd import Udvd

SEED = 2026
NOISE = Gaussian(30 / 255)
ERROR_SHARE = 0.05
"""What `fast` finds on most clips at this noise; any other takes as long."""
CPU = torch.device("cpu")


class Stopwatch:
    """Adds up the time inside networks and flow estimation."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._began: dict[str, float] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        start = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - start

    def watch(self, name: str, network: nn.Module) -> None:
        """Time every call of a network."""

        def begin(*_: Any) -> None:
            self._began[name] = time.perf_counter()

        def end(*_: Any) -> None:
            self.seconds[name] += time.perf_counter() - self._began[name]

        network.register_forward_pre_hook(begin)
        network.register_forward_hook(end)


class TimedFlow(FlowEstimator):
    """Optical flow whose time is added up."""

    def __init__(self, watch: Stopwatch, flow: FlowEstimator) -> None:
        self.watch, self.flow = watch, flow

    @property
    def rough(self) -> FlowEstimator:
        """The quicker estimator of the first pass, timed as well."""
        return TimedFlow(self.watch, self.flow.rough)

    def estimate(self, target: Tensor, neighbour: Tensor) -> Tensor:
        """Estimate V_{neighbour->target}."""
        with self.watch.timed("flow"):
            return self.flow.estimate(target, neighbour)

    def estimate_both(self, earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate V_{later->earlier} and V_{earlier->later}."""
        with self.watch.timed("flow"):
            return self.flow.estimate_both(earlier, later)


class Ours:
    """F2R with its shipped weights, timed by stage."""

    def __init__(self) -> None:
        self.networks = Networks(
            load_prior(CPU),
            load_shipped(TemporalEstimator, CPU).eval(),
            load_shipped(SpatialRefiner, CPU).eval(),
        )
        self.watch = Stopwatch()
        self.watch.watch("prior", self.networks.prior)
        self.watch.watch("stage 1, encoder", self.networks.temporal.encoder)
        self.watch.watch("stage 1, fusion and decoder", self.networks.temporal)
        self.watch.watch("stage 2", self.networks.refiner)
        self.preprocessor = Preprocessor(
            self.networks.prior, NOISE, TimedFlow(self.watch, DisFlow())
        )

    @torch.no_grad()
    def infer(self, noisy: Tensor, _: Gaussian) -> Tensor:
        """Denoise (T, 3, H, W) frames without training."""
        stream = FusedStream(PlaneStream(self.networks, self.preprocessor), ERROR_SHARE)
        refined = []
        for frame in pad_sides(noisy, 8):
            refined += [estimate.refined for estimate in stream.push(frame)]
        return torch.stack([*refined, *(estimate.refined for estimate in stream.finish())])

    def stages(self, noisy: Tensor, rounds: int) -> dict[str, float]:
        """Give seconds per frame of each stage; what is left is warping and fusion."""
        self.watch.seconds.clear()
        for _ in range(rounds):
            self.infer(noisy, NOISE)
        calls = rounds * len(noisy)
        return {name: round(spent / calls, 4) for name, spent in self.watch.seconds.items()}

    def training(self, noisy: Tensor, seconds: float) -> dict[str, float]:
        """Count optimiser steps a second of both stages; judging what was learned is included."""
        clip = prepare_clip(list(pad_sides(noisy, 8)), self.preprocessor)
        for network in (self.networks.temporal, self.networks.refiner):
            network.train()
        done = adapt(self.networks, self.preprocessor, [clip], AdaptConfig(seconds), SEED)
        return {
            "seconds": round(done.seconds, 1),
            "stage 1 steps a second": round(done.temporal_steps / done.temporal_seconds, 2),
            "stage 2 steps a second": round(done.refiner_steps / done.refiner_seconds, 2),
        }


def peers(options: argparse.Namespace) -> dict[str, Callable[[Tensor, Gaussian], Tensor]]:
    """Make the peers by the names of the report."""
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "random.pth"
        torch.save(FastDvdNetwork().state_dict(), weights)
        found = {
            "fastdvdnet, random weights": FastDvdNet(CPU, weights).infer,
            "udvd, random weights": Udvd(CPU).infer,
        }
    if options.dvdnet_spatial and options.dvdnet_temporal:
        files = options.dvdnet_spatial, options.dvdnet_temporal
        found["dvdnet, flow by DIS"] = DvdNet(CPU, *files).infer
        with suppress(InputError):  # OpenCV without its contributed modules
            found["dvdnet, flow by DeepFlow"] = DvdNet(CPU, *files, DeepFlow()).infer
    return found


def time_methods(
    methods: dict[str, Callable[[Tensor, Gaussian], Tensor]], noisy: Tensor, rounds: int
) -> dict[str, dict[str, float]]:
    """Let the methods take turns; the first round warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    memory: dict[str, float] = {}
    for i in range(rounds + 1):
        for name, infer in methods.items():
            reset_peak()
            start = time.perf_counter()
            infer(noisy, NOISE)
            if i:
                seconds[name].append((time.perf_counter() - start) / len(noisy))
            memory[name] = peak_mib() or 0.0
    return {
        name: {
            "seconds_per_frame": round(statistics.median(values), 4),
            "peak_memory_mib": round(memory[name], 1),
        }
        for name, values in seconds.items()
    }


def start_up(rounds: int) -> dict[str, float]:
    """Time `f2r --help` and `import f2r` in new processes."""
    commands = {
        "f2r --help": [sys.executable, "-m", "f2r", "--help"],
        "import f2r": [sys.executable, "-c", "import f2r"],
    }
    medians = {}
    for name, command in commands.items():
        spent = []
        for _ in range(rounds + 1):
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            spent.append(time.perf_counter() - start)
        medians[name] = round(statistics.median(spent[1:]), 3)
    return medians


def measure(options: argparse.Namespace) -> dict[str, Any]:
    clean = read_clip(Clip(options.clip.name, options.clip), options.frames)
    noisy = draw_noisy(clean, NOISE, SEED)[..., : options.height, : options.width]
    ours = Ours()
    timed = time_methods({"f2r fast": ours.infer, **peers(options)}, noisy, options.rounds)
    base = timed["f2r fast"]["seconds_per_frame"]
    for figures in timed.values():
        figures["times_f2r"] = round(figures["seconds_per_frame"] / base, 2)
    return {
        **provenance(),
        "clip": options.clip.name,
        "size": f"{noisy.shape[-1]}x{noisy.shape[-2]}",
        "frames": len(noisy),
        "rounds": options.rounds,
        "methods": timed,
        "f2r_stages_seconds_per_frame": ours.stages(noisy, options.rounds),
        "training": ours.training(noisy, options.train_seconds),
        "start_up_seconds": start_up(options.rounds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, required=True, help="folder of frames or file")
    parser.add_argument("--frames", type=int, default=7)
    parser.add_argument("--height", type=int, help="cut the frames to this many rows")
    parser.add_argument("--width", type=int, help="cut the frames to this many columns")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--train-seconds", type=float, default=30.0)
    parser.add_argument("--dvdnet-spatial", type=Path)
    parser.add_argument("--dvdnet-temporal", type=Path)
    default = Path(__file__).parent / "results" / "speed.json"
    parser.add_argument("--out", type=Path, default=default)
    options = parser.parse_args()
    keep_freed_memory()  # as every command does
    report = measure(options)
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps({k: v for k, v in report.items() if k != "environment"}, indent=1))


if __name__ == "__main__":
    main()
