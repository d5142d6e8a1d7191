"""The command line `f2r`."""

from collections.abc import Callable
from typing import Annotated, Any

from tyro.conf import subcommand

from f2r.cli.app import AppArgs, app_command
from f2r.cli.denoise import DenoiseArgs, denoise_command
from f2r.cli.evaluate import EvaluateArgs, evaluate_command
from f2r.cli.export import ExportArgs, export_command
from f2r.cli.fit import FitArgs, fit_command
from f2r.cli.grain import GrainArgs, grain_command
from f2r.cli.info import InfoArgs, info_command
from f2r.cli.noise import NoiseArgs, noise_command
from f2r.cli.preview import PreviewArgs, preview_command
from f2r.cli.program import Program
from f2r.cli.render import RenderArgs, render_command
from f2r.cli.simulate import SimulateArgs, simulate_command
from f2r.cli.train import TrainClipsArgs, TrainPriorArgs, train_clips_command, train_prior_command

Train = (
    Annotated[TrainPriorArgs, subcommand("prior", prefix_name=False)]
    | Annotated[TrainClipsArgs, subcommand("clips", prefix_name=False)]
)

TRAIN = "Make weights: of the image prior, or of the two stages."

Command = (
    Annotated[DenoiseArgs, subcommand("denoise", prefix_name=False)]
    | Annotated[FitArgs, subcommand("fit", prefix_name=False)]
    | Annotated[PreviewArgs, subcommand("preview", prefix_name=False)]
    | Annotated[NoiseArgs, subcommand("noise", prefix_name=False)]
    | Annotated[AppArgs, subcommand("app", prefix_name=False)]
    | Annotated[GrainArgs, subcommand("grain", prefix_name=False)]
    | Annotated[SimulateArgs, subcommand("simulate", prefix_name=False)]
    | Annotated[EvaluateArgs, subcommand("evaluate", prefix_name=False)]
    | Annotated[RenderArgs, subcommand("render", prefix_name=False)]
    | Annotated[ExportArgs, subcommand("export", prefix_name=False)]
    | Annotated[InfoArgs, subcommand("info", prefix_name=False)]
    | Annotated[Train, subcommand("train", prefix_name=False, description=TRAIN)]
)

COMMANDS: dict[type, Callable[[Any], None]] = {
    DenoiseArgs: denoise_command,
    FitArgs: fit_command,
    PreviewArgs: preview_command,
    NoiseArgs: noise_command,
    AppArgs: app_command,
    GrainArgs: grain_command,
    SimulateArgs: simulate_command,
    EvaluateArgs: evaluate_command,
    RenderArgs: render_command,
    ExportArgs: export_command,
    InfoArgs: info_command,
    TrainPriorArgs: train_prior_command,
    TrainClipsArgs: train_clips_command,
}

main = Program(
    "f2r",
    "Denoise a noisy video without a clean reference.",
    Command,
    COMMANDS,
    resumable=(TrainClipsArgs, TrainPriorArgs),
)
"""Run one command; see `Program`."""
