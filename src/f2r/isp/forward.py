"""A small image signal processor: packed raw frames to sRGB, for looking.

In order: white balance, highlights cut at white, demosaicing, colour matrix, exposure, tone curve,
sRGB gamma. Nothing is sharpened, nothing is denoised; the steps are those that
`inverse_isp.unprocess` undoes.

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
    """How a raw clip is shown; the same for all of its frames."""

    exposure: float = 0.0
    """Brightening in stops; in [-10, 10]."""
    white_balance: tuple[float, float] | None = None
    """Gains of red and blue for green = 1; None takes the camera's, or else makes the clip's mean
    grey."""
    tone_curve: bool = True
    """Add contrast by the smooth step 3 x^2 - 2 x^3; False shows plain sRGB."""


def render(packed: Tensor, mosaic: Mosaic, look: Look) -> Tensor:
    """Render packed raw frames as sRGB.

    Args:
        packed: (B, 4, H, W) nominal, in the order of `mosaic.pack`.
        mosaic: pattern, colours and orientation.
        look: how to show them; its white balance must be set or the mosaic's known, else the
            gains are 1.

    Returns:
        (B, 3, 2H, 2W) sRGB in [0, 1], turned upright.
    """
    red, blue = look.white_balance or mosaic.white_balance or (1.0, 1.0)
    gains = packed.new_tensor((red, 1.0, 1.0, blue)).view(1, 4, 1, 1)
    balanced = (packed * gains).clamp(0, 1)  # clipped light is white whatever the gains
    camera = demosaic(balanced, mosaic)
    linear = torch.einsum("ij,bjhw->bihw", packed.new_tensor(mosaic.matrix), camera)
    shown = (linear * 2.0**look.exposure).clamp(0, 1)
    encoded = encode_srgb(shown)
    if look.tone_curve:
        encoded = encoded * encoded * (3 - 2 * encoded)
    return turn_upright(encoded, mosaic.orientation)


def demosaic(packed: Tensor, mosaic: Mosaic) -> Tensor:
    """Interpolate red, green and blue at every pixel: (B, 4, H, W) to (B, 3, 2H, 2W)."""
    batch, _, height, width = packed.shape
    where = sites(mosaic.pattern)
    flat = packed.new_empty(batch, 1, 2 * height, 2 * width)
    for channel, (row, column) in enumerate(where):
        flat[:, 0, row::2, column::2] = packed[:, channel]
    kernels = packed.new_tensor((CROSS, ROW, tuple(zip(*ROW, strict=True)), DIAGONAL)) / 8
    padded = functional.pad(flat, (2, 2, 2, 2), mode="reflect")  # keeps the colours' places
    green, along, across, opposite = functional.conv2d(padded, kernels[:, None]).unbind(1)
    known = flat[:, 0]
    # per site R, G on red rows, G on blue rows, B: where red, green and blue come from
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
    """Turn linear light in [0, 1] into sRGB values."""
    high = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, high)


def grey_world(packed: Tensor) -> tuple[float, float]:
    """Find gains of red and blue that make the mean of (B, 4, H, W) frames grey.

    Pixels near white or black are left out; without any others the gains are 1.
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
