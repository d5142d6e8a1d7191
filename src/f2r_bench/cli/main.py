"""The command line `f2r-bench`."""

from collections.abc import Callable
from typing import Annotated, Any

from tyro.conf import subcommand

from f2r.cli.program import Program
from f2r_bench.cli import commands
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

Command = (
    Annotated[CompareArgs, subcommand("compare", prefix_name=False)]
    | Annotated[PaceArgs, subcommand("pace", prefix_name=False)]
    | Annotated[AblationsArgs, subcommand("ablations", prefix_name=False)]
    | Annotated[CrvdArgs, subcommand("crvd", prefix_name=False)]
    | Annotated[RawArgs, subcommand("raw", prefix_name=False)]
    | Annotated[CompressedArgs, subcommand("compressed", prefix_name=False)]
    | Annotated[QualityArgs, subcommand("quality", prefix_name=False)]
    | Annotated[NoiseEstimationArgs, subcommand("noise-estimation", prefix_name=False)]
    | Annotated[UnknownNoiseArgs, subcommand("unknown-noise", prefix_name=False)]
    | Annotated[RealNoiseArgs, subcommand("real-noise", prefix_name=False)]
    | Annotated[FlowArgs, subcommand("flow", prefix_name=False)]
    | Annotated[SpeedArgs, subcommand("speed", prefix_name=False)]
    | Annotated[MemoryArgs, subcommand("memory", prefix_name=False)]
    | Annotated[BusyArgs, subcommand("busy", prefix_name=False)]
    | Annotated[KillArgs, subcommand("kill", prefix_name=False)]
    | Annotated[LoadArgs, subcommand("load", prefix_name=False)]
)

COMMANDS: dict[type, Callable[[Any], None]] = {
    CompareArgs: commands.compare,
    PaceArgs: commands.pace,
    AblationsArgs: commands.ablations,
    CrvdArgs: commands.crvd,
    RawArgs: commands.raw,
    CompressedArgs: commands.compressed,
    QualityArgs: commands.quality,
    NoiseEstimationArgs: commands.noise_estimation,
    UnknownNoiseArgs: commands.unknown_noise,
    RealNoiseArgs: commands.real_noise,
    FlowArgs: commands.flow,
    SpeedArgs: commands.speed,
    MemoryArgs: commands.memory,
    BusyArgs: commands.busy,
    KillArgs: commands.kill,
    LoadArgs: commands.load,
}

main = Program(
    "f2r-bench",
    "Measure F2R and its peers.",
    Command,
    COMMANDS,
    resumable=(CompareArgs, AblationsArgs, CompressedArgs),
)
"""Run one command; exit codes are those of `f2r`."""
