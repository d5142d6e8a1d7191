"""Luma of colour and raw frames, on which flow is estimated."""

from torch import Tensor

BT601 = {3: (0.299, 0.587, 0.114), 4: (0.299, 0.2935, 0.2935, 0.114)}
"""BT.601 weights by channel count: R, G, B, or R, G, G, B of packed raw."""


def luma(frames: Tensor) -> Tensor:
    """Compute (..., 1, H, W) luma of (..., C, H, W) frames, C = 3 or 4."""
    first, *others = BT601[frames.shape[-3]]
    level = first * frames[..., :1, :, :]
    for k, weight in enumerate(others, start=1):  # no weighted copy of all channels
        level = level + weight * frames[..., k : k + 1, :, :]
    return level
