"""`f2r train`: train weights on clips or photographs."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from f2r.cli.raw import NOT_RAW, MosaicOptions, mosaic_of
from f2r.train.options import FootageOptions, PriorConfig, StagesConfig

if TYPE_CHECKING:
    from f2r.train.corpus.footage import Footage


@dataclass(frozen=True)
class TrainPriorArgs:
    """Train the image prior D on photographs with synthetic noise."""

    photos: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Photographs, or folders of them."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Weights file to write (.safetensors)."""
    config: Annotated[PriorConfig, tyro.conf.arg(name="")] = field(default_factory=PriorConfig)
    overwrite: bool = False
    """Replace existing weights, and the state of another training."""


@dataclass(frozen=True)
class TrainClipsArgs:
    """Train stages 1 and 2 on clips: weights that f2r denoise --weights starts from.

    The clips are noisy, or get their noise once by --add-noise.
    """

    clips: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Clips (videos, stacks, folders of frames), or folders of clips."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for temporal.safetensors, refiner.safetensors and training.json."""
    noise: str = "auto"
    """Noise of every clip: auto, or a model as for f2r denoise; with --add-noise, what is added."""
    coded_share: float = 0.0
    """Share of clips that go through a video codec after the noise; needs --clean-targets."""
    footage: Annotated[FootageOptions, tyro.conf.arg(name="")] = field(
        default_factory=FootageOptions
    )
    mosaic: MosaicOptions = NOT_RAW
    config: Annotated[StagesConfig, tyro.conf.arg(name="")] = field(default_factory=StagesConfig)
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute."""
    overwrite: bool = False
    """Replace weights that lie in the output folder, and the state of another training."""


def train_prior_command(args: TrainPriorArgs) -> None:
    """Run `f2r train prior`."""
    from f2r.cli.display import Display
    from f2r.system.allocator import keep_freed_memory
    from f2r.train.corpus.prior_training import train_prior

    keep_freed_memory()
    with Display() as display:
        train_prior(
            args.photos,
            args.output,
            args.config,
            overwrite=args.overwrite,
            progress=display.update,
        )
    display.say(f"weights: {args.output}")


def _footage(args: TrainClipsArgs) -> "Footage":
    """Build the description of the training data."""
    from f2r.noise.parse import parse_noise
    from f2r.train.corpus.coded_noise import CodedNoise
    from f2r.train.corpus.footage import Footage

    mosaic, options = mosaic_of(args.mosaic), args.footage
    return Footage(
        args.clips,
        mosaic,
        None if args.noise == "auto" else parse_noise(args.noise),
        coded=CodedNoise(args.coded_share) if args.coded_share else None,
        **vars(replace(options, raw=options.raw or mosaic is not None)),
    )


def train_clips_command(args: TrainClipsArgs) -> None:
    """Run `f2r train clips`."""
    from f2r.cli.display import Display
    from f2r.system.allocator import keep_freed_memory
    from f2r.system.device import choose_device, describe_device
    from f2r.system.processes import connect
    from f2r.train.corpus.stages_training import train_on_clips

    keep_freed_memory()
    device = choose_device(args.device)
    processes = connect(device.type)
    with Display(quiet=not processes.is_main) as display:
        display.say(f"device: {describe_device(device)}, {processes.count} process(es)")
        train_on_clips(
            _footage(args),
            args.config,
            args.output,
            device=device,
            processes=processes,
            overwrite=args.overwrite,
            announce=display.say,
            progress=display.update,
        )
    display.say(f"weights: {args.output}; use them by f2r denoise --weights {args.output}")
