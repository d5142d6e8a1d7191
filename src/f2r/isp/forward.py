"""Image signal processor: packed raw frames to sRGB, for display.

In order: white balance, clipping of highlights, demosaicing, colour matrix, exposure, sRGB curve,
tone curve. It neither sharpens nor denoises. `f2r.isp.inverse.unprocess` is its inverse.

Source: Malvar, He, Cutler 2004, "High-quality linear interpolation for demosaicing of
Bayer-patterned color images", figure 2; IEC 61966-2-1 (sRGB); Brooks et al. 2019, "Unprocessing
Images for Learned Raw Denoising", for the tone curve.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from f2r.io.raw.mosaic import Mosaic, sites

CROSS = ((0, 0, -1, 0, 0), (0, 0, 2, 0, 0), (-1, 2, 4, 2, -1), (0, 0, 2, 0, 0), (0, 0, -1, 0, 0))
"""Green at a red or blue pixel, eighths."""
ROW = (
    (0, 0, 0.5, 0, 0),
    (0, -1, 0, -1, 0),
    (-1, 4, 5, 4, -1),
    (0, -1, 0, -1, 0),
    (0, 0, 0.5, 0, 0),
)
"""Red at a green pixel of a red row (blue likewise), eighths; transposed for the other rows."""
DIAGONAL = (
    (0, 0, -1.5, 0, 0),
    (0, 2, 0, 2, 0),
    (-1.5, 0, 6, 0, -1.5),
    (0, 2, 0, 2, 0),
    (0, 0, -1.5, 0, 0),
)
"""Red at a blue pixel and blue at a red one, eighths."""


@dataclass(frozen=True)
class Look:
    """Rendering settings, the same for all frames of a clip."""

    exposure: float = 0.0
    """Brightening in stops; in [-10, 10]."""
    white_balance: tuple[float, float] | None = None
    """Gains of red and blue for green 1; None takes those of the camera, or makes the mean grey."""
    tone_curve: bool = True
    """Apply the smooth step 3 x^2 - 2 x^3 for contrast; False gives plain sRGB."""


def render(packed: Tensor, mosaic: Mosaic, look: Look) -> Tensor:
    """Render packed raw frames as sRGB.

    Args:
        packed: (B, 4, H, W), nominal units, channel order of `mosaic.pack`.
        mosaic: pattern, colours and orientation.
        look: rendering settings; without white balance here and in the mosaic the gains are 1.

    Returns:
        (B, 3, 2H, 2W) sRGB in [0, 1], upright.
    """
    red, blue = look.white_balance or mosaic.white_balance or (1.0, 1.0)
    gains = packed.new_tensor((red, 1.0, 1.0, blue)).view(1, 4, 1, 1)
    balanced = (packed * gains).clamp(0, 1)  # clipped highlights are white for any gains
    camera = demosaic(balanced, mosaic)
    linear = torch.einsum("ij,bjhw->bihw", packed.new_tensor(mosaic.matrix), camera)
    shown = (linear * 2.0**look.exposure).clamp(0, 1)
    encoded = encode_srgb(shown)
    if look.tone_curve:
        encoded = encoded * encoded * (3 - 2 * encoded)
    return turn_upright(encoded, mosaic.orientation)


def demosaic(packed: Tensor, mosaic: Mosaic) -> Tensor:
    """Interpolate red, green and blue at every pixel: (B, 4, H, W) to (B, 3, 2H, 2W).

    Source: Malvar, He, Cutler 2004, figure 2.
    """
    batch, _, height, width = packed.shape
    where = sites(mosaic.pattern)
    flat = packed.new_empty(batch, 1, 2 * height, 2 * width)
    for channel, (row, column) in enumerate(where):
        flat[:, 0, row::2, column::2] = packed[:, channel]
    kernels = packed.new_tensor((CROSS, ROW, tuple(zip(*ROW, strict=True)), DIAGONAL)) / 8
    padded = functional.pad(flat, (2, 2, 2, 2), mode="reflect")  # keeps the phase of the mosaic
    green, along, across, opposite = functional.conv2d(padded, kernels[:, None]).unbind(1)
    known = flat[:, 0]
    # red, green and blue at R, G on red rows, G on blue rows, B
    sources = (
        (known, green, opposite),
        (along, known, across),
        (across, known, along),
        (opposite, green, known),
    )
    colour = packed.new_empty(batch, 3, 2 * height, 2 * width)
    for (row, column), planes in zip(where, sources, strict=True):
        for index, plane in enumerate(planes):
            colour[:, index, row::2, column::2] = plane[:, row::2, column::2]
    return colour


def encode_srgb(linear: Tensor) -> Tensor:
    """Convert linear light in [0, 1] to sRGB values."""
    high = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, high)


def grey_world(packed: Tensor) -> tuple[float, float]:
    """Compute gains of red and blue that make the mean of (B, 4, H, W) frames grey.

    Pixels near black and white are excluded; if none remain, the gains are 1.
    """
    inside = ((packed > 0.005) & (packed < 0.95)).all(1, keepdim=True)
    if not bool(inside.any()):
        return 1.0, 1.0
    red, first, second, blue = ((packed * inside).sum((0, 2, 3)) / inside.sum()).tolist()
    green = (first + second) / 2
    return green / red, green / blue


def turn_upright(picture: Tensor, orientation: int) -> Tensor:
    """Apply an Exif orientation, 1 to 8, to (..., H, W)."""
    if orientation in {5, 6, 7, 8}:
        picture = picture.transpose(-1, -2)
    flips = {2: (-1,), 3: (-2, -1), 4: (-2,), 6: (-1,), 7: (-2, -1), 8: (-2,)}
    return picture.flip(flips[orientation]) if orientation in flips else picture
