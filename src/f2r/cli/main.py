"""`f2r`: choose the command, and turn errors into one line and an exit code."""

import sys
from collections.abc import Callable
from typing import Annotated, Any

import tyro
from tyro.conf import subcommand

from f2r.cli.benchmark import BenchmarkArgs, benchmark_command
from f2r.cli.denoise import DenoiseArgs, denoise_command
from f2r.cli.evaluate import EvaluateArgs, evaluate_command
from f2r.cli.info import InfoArgs, info_command
from f2r.cli.noise import NoiseArgs, noise_command
from f2r.cli.simulate import SimulateArgs, simulate_command
from f2r.cli.train import TrainPriorArgs, TrainStagesArgs, train_prior_command, train_stages_command
from f2r.errors import F2RError, InputError

Train = (
    Annotated[TrainPriorArgs, subcommand("prior", prefix_name=False)]
    | Annotated[TrainStagesArgs, subcommand("stages", prefix_name=False)]
)

TRAIN = "Make weights: of the image prior, or of the two stages."

Command = (
    Annotated[DenoiseArgs, subcommand("denoise", prefix_name=False)]
    | Annotated[NoiseArgs, subcommand("noise", prefix_name=False)]
    | Annotated[SimulateArgs, subcommand("simulate", prefix_name=False)]
    | Annotated[EvaluateArgs, subcommand("evaluate", prefix_name=False)]
    | Annotated[BenchmarkArgs, subcommand("benchmark", prefix_name=False)]
    | Annotated[InfoArgs, subcommand("info", prefix_name=False)]
    | Annotated[Train, subcommand("train", prefix_name=False, description=TRAIN)]
)

COMMANDS: dict[type, Callable[[Any], None]] = {
    DenoiseArgs: denoise_command,
    NoiseArgs: noise_command,
    SimulateArgs: simulate_command,
    EvaluateArgs: evaluate_command,
    BenchmarkArgs: benchmark_command,
    InfoArgs: info_command,
    TrainPriorArgs: train_prior_command,
    TrainStagesArgs: train_stages_command,
}

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 done, 1 failure, 2 bad input or usage, 130 interrupted.
    """
    args = tyro.cli(Command, prog="f2r", args=arguments, description=DESCRIPTION)
    try:
        COMMANDS[type(args)](args)
    except InputError as error:
        return _fail(str(error), BAD_INPUT)
    except F2RError as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt:
        resumable = isinstance(args, DenoiseArgs) and args.preset != "fast"
        hint = ": repeat the command with --resume to go on" if resumable else ""
        return _fail(f"interrupted{hint}", INTERRUPTED)
    except MemoryError:
        return _fail("out of memory: use a smaller clip or close other programs", FAILED)
    return DONE


DESCRIPTION = "Denoise a noisy video without a clean one."


def _fail(message: str, code: int) -> int:
    print(f"f2r: {message}", file=sys.stderr)
    return code
