"""`f2r`: choose the command, and turn errors into one line and an exit code."""

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

import tyro
from tyro.conf import subcommand

from f2r.cli.denoise import DenoiseArgs, denoise_command
from f2r.cli.evaluate import EvaluateArgs, evaluate_command
from f2r.cli.fit import FitArgs, fit_command
from f2r.cli.info import InfoArgs, info_command
from f2r.cli.noise import NoiseArgs, noise_command
from f2r.cli.render import RenderArgs, render_command
from f2r.cli.simulate import SimulateArgs, simulate_command
from f2r.cli.train import TrainClipsArgs, TrainPriorArgs, train_clips_command, train_prior_command
from f2r.errors import F2RError, InputError
from f2r.system.signals import describe, exit_code, stoppable

Train = (
    Annotated[TrainPriorArgs, subcommand("prior", prefix_name=False)]
    | Annotated[TrainClipsArgs, subcommand("clips", prefix_name=False)]
)

TRAIN = "Make weights: of the image prior, or of the two stages."

Command = (
    Annotated[DenoiseArgs, subcommand("denoise", prefix_name=False)]
    | Annotated[FitArgs, subcommand("fit", prefix_name=False)]
    | Annotated[NoiseArgs, subcommand("noise", prefix_name=False)]
    | Annotated[SimulateArgs, subcommand("simulate", prefix_name=False)]
    | Annotated[EvaluateArgs, subcommand("evaluate", prefix_name=False)]
    | Annotated[RenderArgs, subcommand("render", prefix_name=False)]
    | Annotated[InfoArgs, subcommand("info", prefix_name=False)]
    | Annotated[Train, subcommand("train", prefix_name=False, description=TRAIN)]
)

COMMANDS: dict[type, Callable[[Any], None]] = {
    DenoiseArgs: denoise_command,
    FitArgs: fit_command,
    NoiseArgs: noise_command,
    SimulateArgs: simulate_command,
    EvaluateArgs: evaluate_command,
    RenderArgs: render_command,
    InfoArgs: info_command,
    TrainPriorArgs: train_prior_command,
    TrainClipsArgs: train_clips_command,
}

DONE, FAILED, BAD_INPUT = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 done, 1 failure, 2 bad input or usage; 128 and the number of the signal that has stopped
        it: 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP.
    """
    read = partial(read_arguments, Command, "f2r", arguments, DESCRIPTION)
    return run_command(read, COMMANDS, RESUMABLE)


def read_arguments(
    command: Any, program: str, arguments: list[str] | None, description: str
) -> Any:
    """Read the arguments of a program by the dataclasses of its commands."""
    options = (tyro.conf.EnumChoicesFromValues,)
    return tyro.cli(command, prog=program, args=arguments, description=description, config=options)


def run_command(
    read: Callable[[], Any],
    commands: Mapping[type, Callable[[Any], None]],
    resumable: tuple[type, ...] = (),
) -> int:
    """Read the arguments and run their command; a foreseen failure gives one line and a code.

    Args:
        read: reads the arguments of one command.
        commands: what to call, by the type of the arguments.
        resumable: commands that go on where they were interrupted.
    """
    args: Any = None
    try:
        with stoppable():
            args = read()
            commands[type(args)](args)
    except InputError as error:
        return _fail(str(error), BAD_INPUT)
    except F2RError as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt as interrupt:
        hint = ": repeat the command to go on" if isinstance(args, resumable) else ""
        return _fail(f"{describe(interrupt)}{hint}", exit_code(interrupt))
    except OSError as error:  # a full disk, a folder that went away
        return _fail(f"{error.filename or 'disk'}: {error.strerror or error}", FAILED)
    except MemoryError:
        return _fail("out of memory: use a smaller clip or close other programs", FAILED)
    return DONE


RESUMABLE = (TrainClipsArgs, TrainPriorArgs)
"""Commands that go on where they were interrupted."""

DESCRIPTION = "Denoise a noisy video without a clean one."


def _fail(message: str, code: int) -> int:
    with suppress(OSError):  # the terminal may be gone
        print(f"f2r: {message}", file=sys.stderr)
    return code
