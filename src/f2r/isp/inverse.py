"""Inverse ISP: sRGB to packed raw, and noise levels of sensors.

The steps of a camera are inverted in turn: tone curve, sRGB curve, colour matrix, white balance.
Then the mosaic is sampled.

Source: Brooks, Mildenhall, Xue, Chen, Sharlet, Barron 2019, "Unprocessing Images for Learned Raw
Denoising" (CVPR), section 3. The sRGB curve is IEC 61966-2-1 instead of a power of 2.2.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from f2r.io.raw.colour import SRGB_TO_XYZ
from f2r.noise.camera import BLACK, GAIN_AND_READ_VARIANCE, WHITE

XYZ_TO_CAMERA = (
    ((1.0234, -0.2969, -0.2266), (-0.5625, 1.6328, -0.0469), (-0.0703, 0.2188, 0.6406)),
    ((0.4913, -0.0541, -0.0202), (-0.6130, 1.3513, 0.2906), (-0.1564, 0.2151, 0.7183)),
    ((0.8380, -0.2630, -0.0639), (-0.2887, 1.0725, 0.2496), (-0.0627, 0.1427, 0.5438)),
    ((0.6596, -0.2079, -0.0562), (-0.4782, 1.3016, 0.1933), (-0.0970, 0.1581, 0.5181)),
)
"""DNG colour matrices of Nexus 6P, Sony A7R, Olympus E-M10 and Sony RX100 IV, the cameras of the
Darmstadt noise dataset, as in the source."""

RED_GAIN, BLUE_GAIN = (1.9, 2.4), (1.5, 1.9)
"""Ranges of uniformly drawn white balance gains for daylight."""
BRIGHTNESS = (0.8, 0.1)
"""Mean and standard deviation of the brightness of raw relative to the picture."""
HIGHLIGHTS = 0.9
"""Level above which the gains approach 1, so that white stays white."""

GAIN_RANGE = (1.5, 62.0)
"""Digital numbers per photo-electron: the CRVD camera at about ISO 700 to 25600."""
READ_SPREAD = 0.35
"""Standard deviation of the log variance of the read noise around its trend over the gain."""


class CameraLook(NamedTuple):
    """Camera and light of each of B pictures."""

    matrix: Tensor
    """(B, 3, 3), linear sRGB to camera colours; rows sum to 1, so grey stays grey."""
    gains: Tensor
    """(B, 3), white balance gains of red, green and blue; >= 1, green 1."""
    brightness: Tensor
    """(B,), brightness of the raw relative to the picture."""


def draw_look(count: int, generator: torch.Generator) -> CameraLook:
    """Draw `count` cameras and lights on the device of the generator."""
    device = generator.device

    def evenly(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator, device=device)

    cameras = torch.tensor(XYZ_TO_CAMERA, device=device)
    shares = evenly(1e-4, 1.0, count, len(XYZ_TO_CAMERA))
    blended = torch.einsum("bk,kij->bij", shares / shares.sum(1, keepdim=True), cameras)
    matrix = blended @ torch.tensor(SRGB_TO_XYZ, device=device)
    gains = torch.stack(
        (evenly(*RED_GAIN, count), torch.ones(count, device=device), evenly(*BLUE_GAIN, count)), 1
    )
    drawn = torch.randn(count, generator=generator, device=device)
    brightness = (BRIGHTNESS[0] + BRIGHTNESS[1] * drawn).clamp(0.4, 1.2)
    return CameraLook(matrix / matrix.sum(2, keepdim=True), gains, brightness)


def undo_tone_curve(picture: Tensor) -> Tensor:
    """Invert the smooth step 3 x^2 - 2 x^3 on [0, 1]."""
    return 0.5 - torch.sin(torch.asin(1 - 2 * picture.clamp(0, 1)) / 3)


def undo_gamma(picture: Tensor) -> Tensor:
    """Convert sRGB values to linear light (IEC 61966-2-1)."""
    low = picture / 12.92
    high = ((picture.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(picture <= 0.04045, low, high)


def undo_gains(linear: Tensor, look: CameraLook) -> Tensor:
    """Invert white balance and brightness, less near white, so that highlights are kept."""
    factor = (look.brightness[:, None] / look.gains)[..., None, None]
    brightness = linear.mean(1, keepdim=True)
    mask = ((brightness - HIGHLIGHTS).clamp(min=0) / (1 - HIGHLIGHTS)) ** 2
    return linear * torch.maximum(mask + (1 - mask) * factor, factor)


def unprocess(picture: Tensor, look: CameraLook) -> Tensor:
    """Convert sRGB to linear camera colours.

    Args:
        picture: (B, 3, H, W) sRGB in [0, 1]; values outside are clipped.
        look: camera and light of each picture.

    Returns:
        (B, 3, H, W) red, green, blue in [0, 1], 0 for no light, 1 for a full pixel.
    """
    linear = undo_gamma(undo_tone_curve(picture))
    camera = torch.einsum("bij,bjhw->bihw", look.matrix, linear).clamp(0, 1)
    return undo_gains(camera, look).clamp(0, 1)


def inverse_isp(picture: Tensor, generator: torch.Generator) -> Tensor:
    """Convert clean sRGB patches to clean packed raw, each with its own camera and light.

    The mosaic is RGGB; `f2r.method.planes` flips the other patterns to its geometry. Augment the
    pictures, not the packed patches.

    Args:
        picture: (B, 3, H, W) sRGB in [0, 1], on the device of the generator; H and W even.
        generator: source of randomness.

    Returns:
        (B, 4, H/2, W/2) red, green of the red rows, green of the blue rows, blue; linear, nominal
        range [0, 1].
    """
    return pack_sites(unprocess(picture, draw_look(len(picture), generator)))


def inverse_isp_of_clip(frames: Tensor, generator: torch.Generator) -> Tensor:
    """Convert clean sRGB frames (T, 3, H, W) to clean packed raw, with one camera and light.

    Returns:
        (T, 4, H/2, W/2), as `inverse_isp`.
    """
    look = draw_look(1, generator)
    same = CameraLook(*(part.expand(len(frames), *part.shape[1:]) for part in look))
    return pack_sites(unprocess(frames, same))


def pack_sites(camera: Tensor) -> Tensor:
    """Sample an RGGB mosaic: (B, 3, H, W) to (B, 4, H/2, W/2).

    Raises:
        ValueError: a side is odd.
    """
    height, width = camera.shape[-2:]
    if height % 2 or width % 2:
        raise ValueError(f"{height} x {width}: a mosaic needs even sides")
    red, green, blue = camera[:, 0], camera[:, 1], camera[:, 2]
    sites = (
        red[:, 0::2, 0::2],
        green[:, 0::2, 1::2],
        green[:, 1::2, 0::2],
        blue[:, 1::2, 1::2],
    )
    return torch.stack(sites, 1)


def sample_shot_read(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw Poisson-Gaussian noise levels like those of the CRVD camera at ISO 700 to 25600.

    The logarithm of the gain is uniform; the read noise follows the trend of the camera over the
    gain with a random spread.

    Args:
        count: number of levels.
        generator: source of randomness.

    Returns:
        Gain (about 4e-4 to 1.6e-2) and standard deviation of the read noise (about 7e-4 to
        1.3e-2), each (count,), nominal units, as in `PoissonGaussian`.
    """
    span = WHITE - BLACK
    low, high = (math.log(gain) for gain in GAIN_RANGE)
    device = generator.device
    log_gain = low + (high - low) * torch.rand(count, generator=generator, device=device)
    slope, start = _read_trend()
    spread = READ_SPREAD * torch.randn(count, generator=generator, device=device)
    log_variance = start + slope * log_gain + spread
    return log_gain.exp() / span, (log_variance / 2).exp() / span


def _read_trend() -> tuple[float, float]:
    """Fit log(read variance) = slope * log(gain) + start to the calibration of the camera."""
    points = [(math.log(g), math.log(v)) for g, v in GAIN_AND_READ_VARIANCE.values()]
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points)
    slope /= sum((x - mean_x) ** 2 for x, _ in points)
    return slope, mean_y - slope * mean_x
