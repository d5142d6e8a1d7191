"""`f2r evaluate`: compare a clip with its clean reference."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from f2r.cli.raw import NOT_RAW, MosaicOptions, mosaic_of

if TYPE_CHECKING:
    from f2r.evaluation.score import Evaluation


@dataclass(frozen=True)
class EvaluateArgs:
    """Compare a clip with its clean reference: PSNR, SSIM, temporal consistency."""

    clean: Annotated[str, tyro.conf.Positional]
    """The reference: video file, folder of frames, TIFF stack or .npy."""
    other: Annotated[str, tyro.conf.Positional]
    """The clip to judge; same size, channels and number of frames."""
    json: Path | None = None
    """File for all figures."""
    overwrite: bool = False
    """Replace an existing file of figures."""
    mosaic: MosaicOptions = NOT_RAW


def evaluate_command(args: EvaluateArgs) -> None:
    """Run `f2r evaluate`."""
    from f2r.cli.display import Display
    from f2r.evaluation.score import evaluate_files
    from f2r.io.output import claim_file
    from f2r.system.environment import environment, write_report

    with ExitStack() as stack:
        claim = None
        if args.json is not None:
            claim = stack.enter_context(claim_file(args.json, args.clean, overwrite=args.overwrite))
        with Display() as display:
            result = evaluate_files(args.clean, args.other, display.update, mosaic_of(args.mosaic))
        _show(result)
        if claim is not None:
            names = {"clean": Path(args.clean).name, "other": Path(args.other).name}
            content = names | result.to_dict()
            write_report(claim.path, content | {"environment": environment()}, claim)
            display.say(f"figures: {claim.path}")


def _show(result: "Evaluation") -> None:
    """Print the figures of each frame and their averages."""
    from itertools import zip_longest

    from rich.console import Console
    from rich.table import Table

    table = Table("frame", "PSNR / dB", "SSIM", "warping error", "of clean", "flicker")
    forms = ("{:.2f}", "{:.4f}", "{:.2e}", "{:.2e}", "{:.4f}")
    rows = zip_longest(*vars(result).values())
    for i, figures in enumerate(rows):
        table.add_row(
            str(i + 1), *map(_format, forms, figures), end_section=i + 1 == len(result.psnr)
        )
    table.add_row("mean", *map(_format, forms, result.means().values()))
    Console().print(table)


def _format(form: str, figure: float | None) -> str:
    return "-" if figure is None or figure != figure else form.format(figure)  # noqa: PLR0124
