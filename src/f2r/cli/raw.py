"""Options for raw frames without metadata, shared by several commands."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from f2r.errors import InputError

if TYPE_CHECKING:
    from f2r.io.raw.mosaic import Mosaic


@dataclass(frozen=True)
class MosaicArgs:
    """Only for raw frames in TIFF, PNG or .npy; DNG and CRVD folders hold this information."""

    pattern: Literal["RGGB", "BGGR", "GRBG", "GBRG"] | None = None
    """Colours of the top left 2 x 2 pixels, row by row."""
    black: float | None = None
    """Black level, in the units of the file."""
    white: float | None = None
    """White level, likewise."""


NOT_RAW = MosaicArgs()
MosaicOptions = Annotated[MosaicArgs, tyro.conf.arg(name="")]


def mosaic_of(args: MosaicArgs) -> "Mosaic | None":
    """Build the mosaic of the options; None if none is given.

    Raises:
        InputError: only some of the three are given.
    """
    from f2r.io.raw.mosaic import Mosaic

    given = (args.pattern, args.black, args.white)
    if given == (None, None, None):
        return None
    if args.pattern is None or args.black is None or args.white is None:
        missing = [f"--{name}" for name, value in vars(args).items() if value is None]
        raise InputError(
            f"raw frames need {' and '.join(missing)} too, for example --pattern RGGB --black 64 "
            "--white 1023"
        )
    return Mosaic(args.pattern, (args.black,) * 4, args.white)
