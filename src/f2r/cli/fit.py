"""`f2r fit`: fit a model to a clip and save it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from f2r.cli.piece import WHOLE, PieceOptions, piece_of
from f2r.cli.raw import NOT_RAW, MosaicOptions, mosaic_of
from f2r.config import DenoiseConfig


@dataclass(frozen=True)
class FitArgs:
    """Fit a model to a clip and save it: noise, decisions, adapted networks."""

    input: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="INPUT")]
    """Video file, folder of frames, TIFF stack or .npy."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The model, such as night.f2r; `f2r.load` and the VapourSynth node read it."""
    config: Annotated[DenoiseConfig, tyro.conf.arg(name="")] = field(default_factory=DenoiseConfig)
    skip_corrupt: bool = False
    """Skip damaged video packets and pictures instead of stopping there."""
    axes: str | None = None
    """Names of the axes of a TIFF or .npy in the order of the file, such as YXT."""
    overwrite: bool = False
    """Replace an existing file of this name."""
    piece: PieceOptions = WHOLE
    mosaic: MosaicOptions = NOT_RAW


def fit_command(args: FitArgs) -> None:
    """Run `f2r fit`."""
    from f2r.cli.display import Display
    from f2r.io import open_reader
    from f2r.io.output import check_output
    from f2r.run.fit import fit_reader
    from f2r.system.progress import StageClock

    check_output(args.output, Path(args.input), overwrite=args.overwrite)
    opened = open_reader(
        args.input,
        mosaic=mosaic_of(args.mosaic),
        axes=args.axes,
        skip_corrupt=args.skip_corrupt,
        piece=piece_of(args.piece),
        counts_to_nominal=True,
    )
    with opened as reader, Display() as display:
        clock = StageClock(display.update)
        model = fit_reader(reader, args.config, clock, announce=display.say)
        model.save(args.output, overwrite=args.overwrite)
    display.say(f"model: {args.output}")
