"""`f2r grain`: film grain table of the removed noise, for AV1 encoders."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from f2r.cli.display import Display
    from f2r.io.excerpt import Piece
    from f2r.system.claim import Claim


@dataclass(frozen=True)
class GrainArgs:
    """Write a film grain table, by which AV1 decoders add grain like the removed noise."""

    noisy: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NOISY")]
    """The clip before denoising."""
    denoised: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="DENOISED")]
    """The same frames after denoising."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The table, such as night.tbl; for aomenc --film-grain-table and SvtAv1EncApp --fgs-table."""
    overwrite: bool = False
    """Replace an existing table."""


def grain_command(args: GrainArgs) -> None:
    """Run `f2r grain`."""
    from f2r.cli.display import Display
    from f2r.io.output import claim_file

    with claim_file(args.output, args.noisy, overwrite=args.overwrite) as claim:
        write_table(args.noisy, args.denoised, None, claim, Display())


def write_table(
    noisy: str, denoised: str, piece: "Piece | None", claim: "Claim", display: "Display"
) -> None:
    """Measure the grain between two clips and write the table.

    Args:
        noisy: the clip before denoising.
        denoised: the same frames after it.
        piece: which frames of `noisy`, if not all.
        claim: claim of the table.
        display: shows the result.

    Raises:
        InputError: a clip cannot be read, or they do not belong together.
    """
    from f2r.io import open_reader
    from f2r.noise.grain.table import grain_table
    from f2r.run.grain import describe_grain, measure_grain

    with open_reader(noisy, piece=piece) as before, open_reader(denoised) as after:
        scenes = measure_grain(before, after)
    claim.write(claim.path, lambda part: _write(part, grain_table(scenes)))
    display.say(describe_grain(scenes))
    display.say(f"film grain table: {claim.path}")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="ascii")
