"""Find and replace hot and dead pixels."""

import torch
from torch import Tensor
from torch.nn import functional

FEWEST_FRAMES = 4


def find_hot_pixels(frames: Tensor, sigma: float) -> Tensor:
    """Find pixels that differ from their neighbours in the mean over time.

    The mean of a hot pixel lies far outside the range of the means of its eight neighbours, and its
    samples lie on the same side of their median in more than 90 % of the frames.

    Args:
        frames: (T, C, H, W), nominal units.
        sigma: standard deviation of the noise, nominal units.

    Returns:
        (C, H, W) bool, true at hot and dead pixels; all false for fewer than four frames.
    """
    if len(frames) < FEWEST_FRAMES:
        return torch.zeros(frames.shape[1:], dtype=torch.bool)
    mean = frames.mean(0)
    around = _neighbours(mean)  # (8, C, H, W)
    low, high = around.amin(0), around.amax(0)
    middle = around.median(0).values
    margin = 5 * sigma / len(frames) ** 0.5 + 2 * (high - low) + 1e-4
    out = torch.maximum(mean - high, low - mean)
    agrees = torch.eq(frames > middle, mean > middle)
    steady = agrees.float().mean(0) > 0.9
    hot: Tensor = (out > margin) & steady
    return hot


def replace_hot_pixels(frames: Tensor, hot: Tensor) -> Tensor:
    """Replace hot pixels by the median of their eight neighbours.

    Args:
        frames: (T, C, H, W).
        hot: (C, H, W) bool, result of `find_hot_pixels`.
    """
    repaired = [torch.where(hot, _neighbours(frame).median(0).values, frame) for frame in frames]
    return torch.stack(repaired)


def _neighbours(image: Tensor) -> Tensor:
    """Eight neighbours of each pixel: (C, H, W) to (8, C, H, W)."""
    height, width = image.shape[-2:]
    padded = functional.pad(image[None], (1, 1, 1, 1), mode="reflect")[0]
    shifts = [(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    return torch.stack([padded[:, y : y + height, x : x + width] for y, x in shifts])
