"""`f2r noise`: what the noise of a clip is, and whether the method can work on it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from f2r.cli.raw import NOT_RAW, MosaicOptions, mosaic_of


@dataclass(frozen=True)
class NoiseArgs:
    """Measure the noise of a clip and say which assumptions hold."""

    input: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="INPUT")]
    """Video file, folder of frames, TIFF stack or .npy."""
    json: Path | None = None
    """Where to write the measurement; `f2r denoise --noise FILE.json` takes it back."""
    mosaic: MosaicOptions = NOT_RAW


def noise_command(args: NoiseArgs) -> None:
    """Run `f2r noise`."""
    from rich.console import Console

    from f2r.inspect import inspect_noise
    from f2r.report import write_report

    console = Console(highlight=False)
    planes = inspect_noise(args.input, mosaic_of(args.mosaic))
    for plane in planes:
        console.print(f"[bold]{plane.name}[/]: {plane.estimate.model.describe()}")
        for finding in plane.diagnosis.findings:
            console.print(f"  {'holds' if finding.holds else 'FAILS'}: {finding.text}")
    if args.json is not None:
        found = [p.estimate.to_dict() | {"diagnosis": p.diagnosis.to_dict()} for p in planes]
        write_report(args.json, found[0] | {"other_channels": found[1:]})
        console.print(f"written: {args.json}")
