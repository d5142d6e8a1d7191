"""What flow is estimated on: a frame averaged with its neighbours, so that little noise is left."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from f2r.flow.estimator import LUMA

OWN_WEIGHT = 0.12
"""Weight of the frame itself against a neighbour that fits perfectly. Less makes the flow more
ignorant of the frame's own noise, and blind to what moves unlike its surroundings."""

TOLERANCE = 2.0
"""Mismatch that costs a neighbour all but 1/e of its weight, relative to the median mismatch."""

PATCH = 7
"""Side of the square over which the mismatch is averaged, in pixels; odd."""


def luma(frame: Tensor) -> Tensor:
    """Give the luma (1, H, W) of a (3, H, W) frame."""
    weights = frame.new_tensor(LUMA).view(3, 1, 1)
    return (frame * weights).sum(0, keepdim=True)


def steady_luma(own: Tensor, aligned: Sequence[Tensor]) -> Tensor:
    """Average a frame with its aligned neighbours, wherever they show the same.

    The median mismatch is what the noise left by the prior causes, so the weights need not be
    told how much that is.

    Args:
        own: (1, H, W) luma of the denoised frame.
        aligned: lumas of its neighbours, brought to its grid by a rough flow.

    Returns:
        (1, H, W).
    """
    total, weights = OWN_WEIGHT * own, torch.full_like(own, OWN_WEIGHT)
    for neighbour in aligned:
        mismatch = functional.avg_pool2d(
            (neighbour - own).square(), PATCH, 1, PATCH // 2, count_include_pad=False
        )
        usual = mismatch.median().clamp(min=1e-8)
        weight = torch.exp(-mismatch / (TOLERANCE * usual))
        total, weights = total + weight * neighbour, weights + weight
    return total / weights
