"""`f2r noise`: measure the noise of a clip and check the assumptions."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from f2r.cli.raw import NOT_RAW, MosaicOptions, mosaic_of
from f2r.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from f2r.noise.plane_noise import PlaneNoise

CHART_SUFFIXES = {".png", ".jpg", ".jpeg"}


@dataclass(frozen=True)
class NoiseArgs:
    """Measure the noise of a clip and check the assumptions of the method."""

    input: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="INPUT")]
    """Video file, folder of frames, TIFF stack or .npy."""
    json: Path | None = None
    """File for the measurement; `f2r denoise --noise FILE.json` reads it."""
    picture: Path | None = None
    """File for charts, such as noise.png: variance, correlations, fixed pattern."""
    overwrite: bool = False
    """Replace existing files of these names."""
    skip_corrupt: bool = False
    """Skip damaged video packets and pictures instead of stopping there."""
    axes: str | None = None
    """Names of the axes of a TIFF or .npy in the order of the file, such as YXT."""
    mosaic: MosaicOptions = NOT_RAW


def noise_command(args: NoiseArgs) -> None:
    """Run `f2r noise`."""
    from rich.console import Console

    from f2r.cli.display import Display
    from f2r.io.output import claim_file
    from f2r.pictures.noise_picture import check_charts, write_noise_picture
    from f2r.run.inspect import inspect_noise
    from f2r.system.environment import write_report

    if args.picture is not None and args.picture.suffix.lower() not in CHART_SUFFIXES:
        raise InputError(f"--picture {args.picture}: give a name that ends in .png or .jpg")
    if args.picture is not None:
        check_charts()
    console = Console(highlight=False)
    with ExitStack() as stack:
        claims = [
            stack.enter_context(claim_file(path, args.input, overwrite=args.overwrite))
            for path in (args.json, args.picture)
            if path is not None
        ]
        planes = inspect_noise(
            args.input,
            mosaic_of(args.mosaic),
            axes=args.axes,
            skip_corrupt=args.skip_corrupt,
            announce=Display().say,
        )
        _show(console, planes)
        for claim in claims:
            if claim.path == args.json:
                write_report(claim.path, _content(planes), claim)
            else:
                claim.write(claim.path, lambda partial: write_noise_picture(partial, planes))
            console.print(f"written: {claim.path}")


def _content(planes: "Sequence[PlaneNoise]") -> dict[str, Any]:
    found = [p.estimate.to_dict() | {"diagnosis": p.diagnosis.to_dict()} for p in planes]
    return found[0] | {"other_channels": found[1:]}


def _show(console: "Console", planes: "Sequence[PlaneNoise]") -> None:
    for plane in planes:
        console.print(f"[bold]{plane.name}[/]: {plane.estimate.model.describe()}")
        console.print(_table(plane))
        for finding in plane.diagnosis.findings:
            console.print(f"  {'holds' if finding.holds else 'FAILS'}: {finding.text}")
        console.print(f"  so: {plane.advice()}")


def _table(plane: "PlaneNoise") -> "Table":
    from rich.table import Table

    table = Table("measure", "value", box=None, padding=(0, 2))
    for name, value in plane.measures():
        table.add_row(name, value)
    return table
