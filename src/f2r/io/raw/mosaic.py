"""Mosaics of colour filters: their patterns, and packing them to four channels and back.

A packed frame has half the rows and columns and four channels in one order whatever the pattern:
red, green on the red rows, green on the blue rows, blue. Packing moves no sample and drops none.

Source: Bayer 1976, US patent 3971065.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError

Pattern: TypeAlias = Literal["RGGB", "BGGR", "GRBG", "GBRG"]
"""Colours of the top left 2 x 2 pixels, row by row."""

PATTERNS: tuple[Pattern, ...] = get_args(Pattern)

Matrix: TypeAlias = tuple[tuple[float, float, float], ...]
"""Three rows of three."""

IDENTITY: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Mosaic:
    """Pattern, levels and colours of a raw clip."""

    pattern: Pattern
    """Colours of the top left 2 x 2 pixels."""
    black: tuple[float, float, float, float]
    """Black level per packed channel, in file units."""
    white: float
    """White level, in file units; > black."""
    white_balance: tuple[float, float] | None = None
    """Gains of red and blue for green = 1 as shot; None if unknown."""
    matrix: Matrix = IDENTITY
    """White-balanced camera colours to linear sRGB; rows sum to 1."""
    iso: int | None = None
    """ISO speed of the frames."""
    noise_profile: tuple[float, float] | None = None
    """Slope and start of the noise variance over the level, nominal units, from the file."""
    orientation: int = 1
    """Orientation for display: that of Exif, 1 to 8."""

    def __post_init__(self) -> None:
        if self.pattern not in PATTERNS:
            raise InputError(f"pattern {self.pattern}: must be one of {', '.join(PATTERNS)}")
        if not max(self.black) < self.white:
            raise InputError(
                f"black level {max(self.black):g} is not below the white level {self.white:g}: "
                "check --black and --white"
            )

    @property
    def span(self) -> NDArray[np.float32]:
        """(4,) white - black of the packed channels."""
        return np.float32(self.white) - np.asarray(self.black, np.float32)

    def to_nominal(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """Pack an (H, W) mosaic in file units to (H/2, W/2, 4), 0 black, 1 white, unclipped."""
        packed = pack(samples, self.pattern).astype(np.float32)
        packed -= np.asarray(self.black, np.float32)
        packed /= self.span
        return packed

    def to_samples(self, packed: NDArray[np.float32]) -> NDArray[np.float32]:
        """Undo `to_nominal`: (H/2, W/2, 4) to an (H, W) mosaic in file units, not rounded."""
        levels = packed * self.span + np.asarray(self.black, np.float32)
        return unpack(levels, self.pattern)


def sites(pattern: Pattern) -> tuple[tuple[int, int], ...]:
    """Give (row, column) in the 2 x 2 cell of each packed channel."""
    red, blue = divmod(pattern.index("R"), 2), divmod(pattern.index("B"), 2)
    return red, (red[0], 1 - red[1]), (blue[0], 1 - blue[1]), blue


def pack(mosaic: NDArray[Any], pattern: Pattern) -> NDArray[Any]:
    """Pack an (H, W) mosaic of even sides to (H/2, W/2, 4)."""
    return np.stack([mosaic[row::2, column::2] for row, column in sites(pattern)], axis=-1)


def unpack(packed: NDArray[Any], pattern: Pattern) -> NDArray[Any]:
    """Put an (H/2, W/2, 4) frame back into an (H, W) mosaic."""
    height, width, _ = packed.shape
    mosaic = np.empty((2 * height, 2 * width), packed.dtype)
    for channel, (row, column) in enumerate(sites(pattern)):
        mosaic[row::2, column::2] = packed[..., channel]
    return mosaic


def parse_pattern(text: str) -> Pattern:
    """Read a pattern such as 'GBRG', in small or capital letters.

    Raises:
        InputError: it is none of the four Bayer patterns.
    """
    found = next((known for known in PATTERNS if known == text.upper()), None)
    if found is None:
        raise InputError(f"pattern {text}: must be one of {', '.join(PATTERNS)}")
    return found
