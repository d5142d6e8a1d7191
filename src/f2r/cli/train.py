"""`f2r train`: make weights, the shipped ones or your own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from f2r.cli.quantities import seconds_of


@dataclass(frozen=True)
class TrainPriorArgs:
    """Train the image prior D on photographs with synthetic noise."""

    photos: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Photographs, or folders of them."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Weights file to write (.safetensors)."""
    time_budget: str = "45m"
    """Training time, such as 90s, 45m or 2h."""
    seed: int = 0
    """Seed of patches, noise and initial weights."""
    init: Path | None = None
    """Weights to start from, to train them further."""


@dataclass(frozen=True)
class TrainStagesArgs:
    """Train stages 1 and 2 on many clips: the weights that every run starts from."""

    clips: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Clips, or folders of clips. Noise is added once per clip."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for temporal.safetensors and refiner.safetensors."""
    photos: tuple[Path, ...] = ()
    """Photographs from which moving clips are made as well."""
    time_budget: str = "45m"
    """Training time of both stages together."""
    seed: int = 0
    """Seed of noise, crops and initial weights."""


def train_prior_command(args: TrainPriorArgs) -> None:
    """Run `f2r train prior`."""
    from f2r.cli.display import Display
    from f2r.train.prior import train_prior

    with Display() as display:
        train_prior(
            args.photos,
            args.output,
            seconds_of(args.time_budget),
            args.seed,
            args.init,
            display.update,
        )
    display.say(f"weights: {args.output}")


def train_stages_command(args: TrainStagesArgs) -> None:
    """Run `f2r train stages`."""
    from f2r.cli.display import Display
    from f2r.train.warmstart import make_stage_weights

    with Display() as display:
        make_stage_weights(
            args.clips,
            args.photos,
            args.output,
            seconds_of(args.time_budget),
            args.seed,
            display.update,
        )
    display.say(f"weights: {args.output}")
