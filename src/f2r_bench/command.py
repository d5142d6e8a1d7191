"""`f2r-bench`: methods side by side on clean clips with known noise."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from f2r.config import seconds_of
from f2r.errors import InputError

DEFAULT = "noisy,prior,video-noise2noise,udvd,udvd-slim,tap,f2r"
"""Methods that need no file of weights."""


@dataclass(frozen=True)
class BenchmarkArgs:
    """Compare methods on clean clips with known noise. Finished cases are not repeated."""

    data: Annotated[Path, tyro.conf.Positional]
    """Set8, DAVIS 2017, any folder of clips (folders of frames or files), or one clip."""
    methods: str | None = None
    """Separated by commas: noisy, prior, f2r, f2r-fast, video-noise2noise, udvd, udvd-slim, tap;
    with --weights dvdnet, fastdvdnet, flornn, nafnet; with their packages bm3d, bm4d. Default:
    noisy,prior,video-noise2noise,udvd,udvd-slim,tap,f2r; for crvd noisy,prior,f2r-fast,f2r."""
    protocol: Literal["gaussian", "crvd"] = "gaussian"
    """crvd: DATA is the root of CRVD; raw figures per ISO, and sRGB ones with --weights isp=FILE.
    Methods: noisy, prior, f2r-fast, f2r."""
    ablation: str | None = None
    """Instead of methods, variants of F2R: z, flow, stages, alpha, draws, window, prior, blind."""
    sigma: tuple[float, ...] = (10.0, 20.0, 30.0, 40.0, 50.0)
    """Standard deviations of the noise in 8-bit units."""
    frames: int = 85
    """Frames of each clip, at most."""
    clips: tuple[str, ...] = ()
    """Names of the clips to take; none takes all."""
    budget: str = "60s"
    """Time for each clip and each method that trains, inference included."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("f2r-benchmark")
    """Folder for results; an interrupted comparison goes on from there."""
    weights: tuple[str, ...] = ()
    """Published checkpoints, each NAME=FILE: udvd, dvdnet-spatial, dvdnet-temporal, fastdvdnet,
    flornn, nafnet."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute."""
    seed: int = 2026
    """Seed of the noise, which is drawn once per clip, and of training."""


def benchmark_command(args: BenchmarkArgs) -> None:
    """Run `f2r-bench`."""
    import torch

    from f2r.cli.display import Display
    from f2r.system.allocator import keep_freed_memory
    from f2r.system.device import choose_device
    from f2r_bench.ablations import build_ablation
    from f2r_bench.case import Conditions
    from f2r_bench.compare import Plan, run_plan
    from f2r_bench.datasets import find_dataset
    from f2r_bench.methods.registry import Resources, build_methods

    if args.frames < 1:
        raise InputError(f"--frames must be at least 1, not {args.frames}")
    if args.seed < 0:
        raise InputError(f"--seed must not be negative, not {args.seed}")
    budget, weights = seconds_of(args.budget), _weights(args.weights)
    if args.protocol == "crvd":
        _run_crvd(args, budget, weights.get("isp"))
        return
    keep_freed_memory()
    device = choose_device(args.device)
    dataset = find_dataset(args.data, args.clips)
    if args.ablation is None:
        methods = build_methods(_names(args, DEFAULT), Resources(device, weights))
    else:
        methods = build_ablation(args.ablation, device)
    threads = torch.get_num_threads()
    conditions = Conditions(args.seed, budget, args.frames, device.type, threads)
    plan = Plan(dataset, methods, args.sigma, conditions, weights)
    with Display() as display:
        display.say(f"{dataset.name}: {len(dataset.clips)} clips, {len(methods)} methods")
        run_plan(plan, args.output, display.say, display.update)
    print((args.output / "tables.md").read_text(encoding="utf-8"))


def _run_crvd(args: BenchmarkArgs, budget: float, isp: Path | None) -> None:
    from f2r.cli.display import Display
    from f2r_bench.crvd_comparison import METHODS, CrvdPlan, run_crvd

    names = _names(args, ",".join(METHODS))
    plan = CrvdPlan(args.data, names, budget, isp, args.device, args.seed)
    with Display() as display:
        table = run_crvd(plan, args.output, display.update)
    print(table)


def _names(args: BenchmarkArgs, default: str) -> list[str]:
    return [name.strip() for name in (args.methods or default).split(",") if name.strip()]


def _weights(pairs: tuple[str, ...]) -> dict[str, Path]:
    weights = {}
    for pair in pairs:
        name, equals, file = pair.partition("=")
        if not (name and equals and file):
            raise InputError(f"--weights {pair}: give NAME=FILE")
        weights[name] = Path(file)
    return weights


def main(arguments: list[str] | None = None) -> int:
    """Run `f2r-bench`; exit codes are those of `f2r`."""
    from f2r.cli.main import read_arguments, run_command

    commands = {BenchmarkArgs: benchmark_command}
    return run_command(lambda: read_arguments(BenchmarkArgs, "f2r-bench", arguments), commands)
