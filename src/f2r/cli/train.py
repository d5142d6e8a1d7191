"""`f2r train`: train weights on clips or photographs."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from f2r.cli.raw import NOT_RAW, MosaicOptions, mosaic_of
from f2r.config import seconds_of

if TYPE_CHECKING:
    from f2r.train.corpus.footage import Footage


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
    overwrite: bool = False
    """Replace existing weights, and the state of another training."""
    raw: bool = False
    """For raw: photographs are converted to raw by an inverse ISP, with the noise of a camera."""
    coded_share: float = 0.0
    """Share of pictures whose noise goes through a video codec; not with --raw."""


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
    add_noise: bool = False
    """The clips are clean: add noise once, by default of many levels."""
    photos: tuple[Path, ...] = ()
    """Photographs, from which further clips are made; needs --add-noise."""
    clean_targets: bool = False
    """Use the clean frames as targets, instead of self-supervision; needs --add-noise."""
    coded_share: float = 0.0
    """Share of clips that go through a video codec after the noise; needs --clean-targets."""
    mosaic: MosaicOptions = NOT_RAW
    raw: bool = False
    """The clips are raw; with --add-noise, clips are converted to raw with the noise of a
    camera."""
    init: str | None = None
    """Weights to start from: a folder or file, or none for random ones; default: the shipped."""
    time_budget: str = "45m"
    """Training time of both stages together."""
    steps: int | None = None
    """Optimiser steps of each stage, at most; makes a run repeatable."""
    batch: int = 6
    """Crops a step, over all processes."""
    shards: int | None = None
    """Parts into which processes divide a batch; default: one per process."""
    memory: float = 4.0
    """Memory for prepared frames in GiB, per process; longer clips are sampled."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute."""
    seed: int = 0
    """Seed of noise, crops and initial weights."""
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
            seconds_of(args.time_budget),
            args.seed,
            args.init,
            raw=args.raw,
            coded_share=args.coded_share,
            overwrite=args.overwrite,
            progress=display.update,
        )
    display.say(f"weights: {args.output}")


def _footage(args: TrainClipsArgs) -> "Footage":
    """Build the description of the training data."""
    from f2r.noise.parse import parse_noise
    from f2r.train.corpus.coded_noise import CodedNoise
    from f2r.train.corpus.footage import Footage

    mosaic = mosaic_of(args.mosaic)
    return Footage(
        args.clips,
        args.photos,
        args.add_noise,
        raw=args.raw or mosaic is not None,
        mosaic=mosaic,
        noise=None if args.noise == "auto" else parse_noise(args.noise),
        gib=args.memory,
        clean_targets=args.clean_targets,
        coded=CodedNoise(args.coded_share) if args.coded_share else None,
    )


def train_clips_command(args: TrainClipsArgs) -> None:
    """Run `f2r train clips`."""
    from f2r.cli.display import Display
    from f2r.system.allocator import keep_freed_memory
    from f2r.system.device import choose_device, describe_device
    from f2r.system.processes import connect
    from f2r.train.corpus.stages_training import StagesConfig, train_on_clips
    from f2r.train.windows import CropConfig

    keep_freed_memory()
    footage = _footage(args)
    device = choose_device(args.device)
    processes = connect(device.type)
    config = StagesConfig(
        seconds=seconds_of(args.time_budget),
        batch=args.batch,
        shards=processes.count if args.shards is None else args.shards,
        seed=args.seed,
        crops=CropConfig(mirrored=not footage.raw),
        init=args.init,
    )
    config = config if args.steps is None else replace(config, steps=args.steps)
    with Display(quiet=not processes.is_main) as display:
        display.say(f"device: {describe_device(device)}, {processes.count} process(es)")
        train_on_clips(
            footage,
            config,
            args.output,
            device=device,
            processes=processes,
            overwrite=args.overwrite,
            announce=display.say,
            progress=display.update,
        )
    display.say(f"weights: {args.output}; use them by f2r denoise --weights {args.output}")
