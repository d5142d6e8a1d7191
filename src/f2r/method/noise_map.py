"""Noise level that the networks receive, as a map over the frame."""

from torch import Tensor
from torch.nn import functional

from f2r.method.tiles import Box, Tile
from f2r.noise.models import NoiseModel
from f2r.noise.network_sigma import network_variance

LEVEL_CELL = 8
"""Side of the squares that are averaged to a smooth level, in pixels."""

LEVEL_REACH = 4 * LEVEL_CELL
"""Reach of the smooth level around a pixel, in pixels."""


def sigma_map(noise: NoiseModel, noisy: Tensor, gain: float = 1.0, step: int = 1) -> Tensor:
    """Compute the noise level that the networks receive of (B, C, H, W) noisy frames.

    A signal-dependent model is evaluated at a smooth level, about 24 pixels wide, because structure
    in the map would appear in the output (docs/method.md, "Noise level that the networks receive").

    Args:
        noise: noise model of the frames before they were multiplied by `gain`.
        noisy: the multiplied frames.
        gain: factor by which the exposure was matched.
        step: pixels from one value to the next, a divisor of 8.

    Returns:
        (B, C, H / step, W / step).
    """
    level = smooth_level(noisy, step)
    if gain == 1:
        return network_variance(noise, level).sqrt()
    return gain * network_variance(noise, level / gain).sqrt()


def smooth_level(noisy: Tensor, step: int = 1) -> Tensor:
    """Give the mean of (B, C, H, W) noisy frames over about 24 pixels, at every `step` pixels."""
    cells = functional.avg_pool2d(noisy, LEVEL_CELL, ceil_mode=True)
    for _ in range(2):
        cells = functional.avg_pool2d(cells, 3, stride=1, padding=1, count_include_pad=False)
    smooth = functional.interpolate(cells, scale_factor=LEVEL_CELL // step, mode="bilinear")
    height, width = (-(-side // step) for side in noisy.shape[-2:])
    return smooth[..., :height, :width]


def sigma_within(noise: NoiseModel, noisy: Tensor, box: Box, gain: float = 1.0) -> Tensor:
    """Give the part of `sigma_map` that lies in `box`."""
    outer = box.grown(LEVEL_REACH, noisy.shape[-2], noisy.shape[-1])
    return Tile(box, outer).trim(sigma_map(noise, outer.cut(noisy), gain))
