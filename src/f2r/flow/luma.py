"""One grey image of a colour or raw frame: what flow is estimated on."""

from torch import Tensor

LUMA = {3: (0.299, 0.587, 0.114), 4: (0.299, 0.2935, 0.2935, 0.114)}
"""Weights of BT.601 by the number of channels: R, G, B, or R, both G and B of packed raw."""


def luma(frames: Tensor) -> Tensor:
    """Give the luma (..., 1, H, W) of (..., C, H, W) frames, C = 3 or 4."""
    first, *others = LUMA[frames.shape[-3]]
    level = first * frames[..., :1, :, :]
    for k, weight in enumerate(others, start=1):  # no weighted copy of all channels
        level = level + weight * frames[..., k : k + 1, :, :]
    return level
