"""What each command runs; slow libraries are imported only by the command that is chosen."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from f2r.config import seconds_of
from f2r.errors import InputError
from f2r_bench.claims import claimed_file, claimed_folder
from f2r_bench.options.comparison import AblationsArgs, CompareArgs, CrvdArgs, RawArgs
from f2r_bench.options.compressed import CompressedArgs
from f2r_bench.options.pace import PaceArgs
from f2r_bench.options.studies import (
    BusyArgs,
    FlowArgs,
    KillArgs,
    LoadArgs,
    MemoryArgs,
    NoiseEstimationArgs,
    QualityArgs,
    RealNoiseArgs,
    SpeedArgs,
    UnknownNoiseArgs,
)

if TYPE_CHECKING:
    import torch

    from f2r_bench.comparison.case import Conditions
    from f2r_bench.comparison.compare import Plan


def compare(args: CompareArgs) -> None:
    """Run `f2r-bench compare`."""
    from f2r.system.device import choose_device
    from f2r_bench.clips.datasets import find_dataset
    from f2r_bench.comparison.compare import Plan
    from f2r_bench.methods.registry import Resources, build_methods, read_weights

    device, weights = choose_device(args.device), read_weights(args.weights)
    conditions = _conditions(args, device)
    dataset = find_dataset(args.data, args.clips)
    methods = build_methods(_names(args.methods), Resources(device, weights))
    _run_plan(Plan(dataset, methods, args.sigma, conditions, weights), args.output)


def pace(args: PaceArgs) -> None:
    """Run `f2r-bench pace`."""
    from f2r_bench.pace.measure import measure_pace

    with claimed_folder(args.output):
        measure_pace(args, _say)


def ablations(args: AblationsArgs) -> None:
    """Run `f2r-bench ablations`."""
    from f2r.system.device import choose_device
    from f2r_bench.ablations.recipes import build_ablation
    from f2r_bench.clips.datasets import find_dataset
    from f2r_bench.comparison.compare import Plan

    device = choose_device(args.device)
    conditions = _conditions(args, device)
    dataset = find_dataset(args.data, args.clips)
    plan = Plan(dataset, build_ablation(args.name, device), args.sigma, conditions, {})
    _run_plan(plan, args.output)


def crvd(args: CrvdArgs) -> None:
    """Run `f2r-bench crvd`."""
    from f2r.cli.display import Display
    from f2r_bench.raw.comparison import CrvdPlan, run_crvd

    names, budget = _names(args.methods), seconds_of(args.budget)
    plan = CrvdPlan(args.data, names, budget, args.isp, args.device, args.seed)
    with claimed_folder(args.output), Display() as display:
        table = run_crvd(plan, args.output, display.update)
    print(table)


def raw(args: RawArgs) -> None:
    """Run `f2r-bench raw`."""
    from f2r_bench.raw.stand_in import measure_raw

    with claimed_file(args.output, overwrite=args.overwrite):
        measure_raw(args, _say)


def compressed(args: CompressedArgs) -> None:
    """Run `f2r-bench compressed`."""
    from f2r.cli.display import Display
    from f2r_bench.compressed.grid import run_grid

    with claimed_folder(args.output):
        print(run_grid(args, Display().say))


def quality(args: QualityArgs) -> None:
    """Run `f2r-bench quality`."""
    from f2r_bench.studies.quality import curve_paths, measure_quality

    with claimed_file(args.output, curve_paths(args), overwrite=args.overwrite):
        measure_quality(args, _say)


def noise_estimation(args: NoiseEstimationArgs) -> None:
    """Run `f2r-bench noise-estimation`."""
    from f2r_bench.studies.noise_estimation import measure_noise_estimation

    with claimed_file(args.output, overwrite=args.overwrite):
        measure_noise_estimation(args, _say)


def unknown_noise(args: UnknownNoiseArgs) -> None:
    """Run `f2r-bench unknown-noise`."""
    from f2r_bench.studies.unknown_noise import measure_unknown_noise

    with claimed_file(args.output, overwrite=args.overwrite):
        measure_unknown_noise(args, _say)


def real_noise(args: RealNoiseArgs) -> None:
    """Run `f2r-bench real-noise`."""
    from f2r_bench.studies.real_noise import measure_real_noise

    with ExitStack() as claims:
        claims.enter_context(claimed_file(args.output, overwrite=args.overwrite))
        if args.pictures is not None:
            claims.enter_context(claimed_folder(args.pictures))
        measure_real_noise(args, _say)


def flow(args: FlowArgs) -> None:
    """Run `f2r-bench flow`."""
    from f2r_bench.studies.flow import measure_flow

    with claimed_file(args.output, overwrite=args.overwrite):
        measure_flow(args, _say)


def speed(args: SpeedArgs) -> None:
    """Run `f2r-bench speed`."""
    from f2r_bench.studies.speed import measure_speed

    with claimed_file(args.output, overwrite=args.overwrite):
        measure_speed(args, _say)


def memory(args: MemoryArgs) -> None:
    """Run `f2r-bench memory`."""
    from f2r_bench.studies.memory import measure_memory

    with claimed_file(args.output, overwrite=args.overwrite):
        measure_memory(args, _say)


def busy(args: BusyArgs) -> None:
    """Run `f2r-bench busy`."""
    from f2r_bench.studies.busy import measure_busy

    with claimed_file(args.output, overwrite=args.overwrite):
        measure_busy(args, _say)


def kill(args: KillArgs) -> None:
    """Run `f2r-bench kill`."""
    from f2r_bench.studies.kill import measure_kills

    with claimed_file(args.output, overwrite=args.overwrite):
        measure_kills(args, _say)


def load(args: LoadArgs) -> None:
    """Run `f2r-bench load`."""
    from f2r_bench.studies.load import measure_load

    with claimed_file(args.output, overwrite=args.overwrite):
        measure_load(args, _say)


def _conditions(args: CompareArgs | AblationsArgs, device: "torch.device") -> "Conditions":
    import torch

    from f2r_bench.comparison.case import Conditions

    if args.frames < 1:
        raise InputError(f"--frames must be at least 1, not {args.frames}")
    if args.seed < 0:
        raise InputError(f"--seed must not be negative, not {args.seed}")
    budget, threads = seconds_of(args.budget), torch.get_num_threads()
    return Conditions(args.seed, budget, args.frames, device.type, threads)


def _run_plan(plan: "Plan", output: Path) -> None:
    from f2r.cli.display import Display
    from f2r.system.allocator import keep_freed_memory
    from f2r_bench.comparison.compare import run_plan

    keep_freed_memory()
    with claimed_folder(output), Display() as display:
        clips, methods = len(plan.dataset.clips), len(plan.methods)
        display.say(f"{plan.dataset.name}: {clips} clips, {methods} methods")
        run_plan(plan, output, display.say, display.update)
    print((output / "tables.md").read_text(encoding="utf-8"))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _say(text: str) -> None:
    print(text, flush=True)
