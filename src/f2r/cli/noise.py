"""`f2r noise`: what the noise of a clip is, and whether the method can work on it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from f2r.cli.raw import NOT_RAW, MosaicOptions, mosaic_of
from f2r.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from f2r.run.inspect import PlaneNoise

PICTURES = {".png", ".jpg", ".jpeg"}


@dataclass(frozen=True)
class NoiseArgs:
    """Measure the noise of a clip and say which assumptions hold."""

    input: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="INPUT")]
    """Video file, folder of frames, TIFF stack or .npy."""
    json: Path | None = None
    """Where to write the measurement; `f2r denoise --noise FILE.json` takes it back."""
    picture: Path | None = None
    """Where to draw it, such as noise.png: variance, correlations, fixed pattern."""
    mosaic: MosaicOptions = NOT_RAW


def noise_command(args: NoiseArgs) -> None:
    """Run `f2r noise`."""
    from rich.console import Console

    from f2r.pictures.noise_picture import write_noise_picture
    from f2r.run.inspect import inspect_noise
    from f2r.system.report import write_report

    if args.picture is not None and args.picture.suffix.lower() not in PICTURES:
        raise InputError(f"--picture {args.picture}: give a name that ends in .png or .jpg")
    console = Console(highlight=False)
    planes = inspect_noise(args.input, mosaic_of(args.mosaic))
    for plane in planes:
        console.print(f"[bold]{plane.name}[/]: {plane.estimate.model.describe()}")
        console.print(_table(plane))
        for finding in plane.diagnosis.findings:
            console.print(f"  {'holds' if finding.holds else 'FAILS'}: {finding.text}")
        console.print(f"  so: {plane.advice()}")
    if args.json is not None:
        found = [p.estimate.to_dict() | {"diagnosis": p.diagnosis.to_dict()} for p in planes]
        write_report(args.json, found[0] | {"other_channels": found[1:]})
        console.print(f"written: {args.json}")
    if args.picture is not None:
        write_noise_picture(args.picture, planes)
        console.print(f"drawn: {args.picture}")


def _table(plane: "PlaneNoise") -> "Table":
    from rich.table import Table

    table = Table("measure", "value", box=None, padding=(0, 2))
    for name, value in plane.measures():
        table.add_row(name, value)
    return table
