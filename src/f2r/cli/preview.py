"""`f2r preview`: one frame of a clip at several strengths, in seconds."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from f2r.cli.raw import NOT_RAW, MosaicOptions, mosaic_of
from f2r.config import EstimateConfig, Preset
from f2r.errors import InputError

STRENGTHS = (0.5, 0.8, 1.0)
"""Strengths that the picture shows."""

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg"}


def _without_training() -> EstimateConfig:
    return EstimateConfig(preset=Preset.FAST)


@dataclass(frozen=True)
class PreviewArgs:
    """Denoise one frame and show it noisy, at three strengths, and its removed noise."""

    input: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="INPUT")]
    """Video file, folder of frames, TIFF stack or .npy."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The picture, .png or .jpg. Default: NAME.preview.png beside the input."""
    at: str | None = None
    """Time of the frame, such as 00:01:12 or 72, in seconds. Default: the middle of the clip."""
    config: Annotated[EstimateConfig, tyro.conf.arg(name="")] = field(
        default_factory=_without_training
    )
    skip_corrupt: bool = False
    """Skip damaged video packets and pictures instead of stopping there."""
    axes: str | None = None
    """Names of the axes of a TIFF or .npy in the order of the file, such as YXT."""
    overwrite: bool = False
    """Replace an existing picture."""
    mosaic: MosaicOptions = NOT_RAW


def preview_command(args: PreviewArgs) -> None:
    """Run `f2r preview`."""
    from f2r.cli.display import Display
    from f2r.io import open_reader
    from f2r.io.excerpt import frame_at, parse_place
    from f2r.io.output import claim_file
    from f2r.pictures.preview_picture import write_preview
    from f2r.run.preview import preview
    from f2r.system.progress import StageClock

    output = args.output or Path(args.input).with_suffix(".preview.png")
    if output.suffix.lower() not in PICTURE_SUFFIXES:
        raise InputError(f"{output}: give a name that ends in .png or .jpg")
    at = None if args.at is None else parse_place(args.at, "--at")
    opened = open_reader(
        args.input,
        mosaic=mosaic_of(args.mosaic),
        axes=args.axes,
        skip_corrupt=args.skip_corrupt,
        counts_to_nominal=True,
    )
    with claim_file(output, args.input, overwrite=args.overwrite) as claim:
        with opened as reader, Display() as display:
            number = None if at is None else frame_at(reader.info, at)
            seen = preview(reader, number, args.config, StageClock(display.update))
            for sentence in seen.sentences():
                display.say(sentence)
        noisy = seen.noisy()
        frames = {"noisy": noisy} | {
            f"strength {strength:g}": seen.at_strength(strength) for strength in STRENGTHS
        }
        removed = noisy - seen.at_strength(1.0)
        texts = [f"frame {seen.number} of the clip, counted from 0", *seen.sentences()]
        claim.write(output, lambda part: write_preview(part, frames, removed, texts))
    display.say(f"picture: {output}")
