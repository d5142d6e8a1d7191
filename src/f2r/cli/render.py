"""`f2r render`: render a raw clip for display."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from f2r.cli.raw import NOT_RAW, MosaicOptions, mosaic_of
from f2r.errors import InputError


@dataclass(frozen=True)
class RenderArgs:
    """Render a raw clip as sRGB by a small, fixed ISP, for display."""

    input: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="INPUT")]
    """DNG or other raw file, folder of them, CRVD folder, or mosaics in TIFF, PNG or .npy."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Video (OUT.mkv), folder of PNG pictures (a name without extension), TIFF or .npy."""
    exposure: float = 0.0
    """Brightening in stops, -10 to 10."""
    white_balance: tuple[float, float] | None = None
    """Gains of red and blue for green = 1; default: as shot, else grey world."""
    tone_curve: bool = True
    """Add contrast to plain sRGB."""
    isp: Path | None = None
    """Render with the ISP network of the CRVD papers; its weights (isp.pth)."""
    overwrite: bool = False
    """Replace an existing output."""
    mosaic: MosaicOptions = NOT_RAW


def render_command(args: RenderArgs) -> None:
    """Run `f2r render`."""
    from f2r.cli.display import Display
    from f2r.isp.forward import Look
    from f2r.isp.show import render_file
    from f2r.system.progress import Progress

    if not -10 <= args.exposure <= 10:
        raise InputError(f"--exposure {args.exposure:g}: must lie in [-10, 10] stops")
    if args.white_balance is not None and min(args.white_balance) <= 0:
        raise InputError("--white-balance: gains must be above 0, for example 2.0 1.6")
    look = Look(args.exposure, args.white_balance, args.tone_curve)
    with Display() as display:
        done = render_file(
            args.input,
            args.output,
            look,
            mosaic=mosaic_of(args.mosaic),
            isp=args.isp,
            overwrite=args.overwrite,
            on_frame=lambda n, total: display.update(Progress("render", n / max(total, n))),
        )
    for loss in done.losses:
        display.say(f"cannot be kept: {loss}")
    if done.white_balance is not None:
        display.say("white balance: red {:.3f}, blue {:.3f}".format(*done.white_balance))
    display.say(f"output: {args.output} ({done.frames} frames)")
